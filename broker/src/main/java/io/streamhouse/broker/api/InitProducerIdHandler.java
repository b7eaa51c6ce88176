package io.streamhouse.broker.api;

import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.random.RandomGenerator;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;

/// InitProducerId: a producer id for an idempotent producer. Ids are random positive 63-bit
/// numbers, so no agent need agree with another, and none is given twice in practice.
///
/// As in Apache Kafka, a producer without a transactional id gets a new id whatever id it names: it
/// raises epochs by itself (KIP-360) and comes here when they are used up.
final class InitProducerIdHandler implements ApiHandler<InitProducerIdRequestData> {

  private final RandomGenerator random;

  /// @param random shared by all event loops, so safe for concurrent use
  InitProducerIdHandler(RandomGenerator random) {
    this.random = random;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.INIT_PRODUCER_ID;
  }

  @Override
  public CompletionStage<Reply> handle(Request<InitProducerIdRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private InitProducerIdResponseData answer(Request<InitProducerIdRequestData> request) {
    var body = request.body();
    boolean noId = body.producerId() == -1;
    boolean noEpoch = body.producerEpoch() == -1;
    if (noId != noEpoch || body.producerId() < -1 || body.producerEpoch() < -1) {
      return failure(request, Errors.INVALID_REQUEST);
    }
    var transactionalId = body.transactionalId();
    if (transactionalId != null) {
      // Transactions come later. Every client takes this code as final, while some go on for ever
      // when told that something is not supported.
      return failure(
          request,
          transactionalId.isEmpty()
              ? Errors.INVALID_REQUEST
              : Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    return new InitProducerIdResponseData()
        .setProducerId(random.nextLong(Long.MAX_VALUE))
        .setProducerEpoch((short) 0);
  }

  @Override
  public InitProducerIdResponseData failure(
      Request<InitProducerIdRequestData> request, Errors error) {
    return new InitProducerIdResponseData()
        .setErrorCode(error.code())
        .setProducerId(-1)
        .setProducerEpoch((short) -1);
  }
}

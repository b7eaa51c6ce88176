package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.CloseConnection;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ProduceResponseData.LeaderIdAndEpoch;
import org.apache.kafka.common.message.ProduceResponseData.NodeEndpoint;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.message.ProduceResponseData.TopicProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.jspecify.annotations.Nullable;

/// Produce: hands each partition's batch, bytes untouched, to its log and answers when all are as
/// durable as `acks` asks, or when `timeout_ms` is over. Stateless.
final class ProduceHandler implements ApiHandler<ProduceRequestData> {

  private static final int ZSTD = 4;

  /// Clients below this version do not know zstd (KIP-110).
  private static final int ZSTD_VERSION = 7;

  private static final int TOPIC_ID_VERSION = 13;

  /// From here on an answer can name the leader (KIP-951).
  private static final int LEADER_VERSION = 10;

  /// Transactions come later. Every client takes this code as final, while some go on for ever when
  /// told that something is not supported.
  private static final Outcome NO_TRANSACTIONS =
      new Outcome.Refused(
          Errors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "transactions are not supported yet");

  /// How long clients are told to hold back when there is no room for what they sent.
  private static final int THROTTLE_MILLIS = 200;

  private static final Outcome TIMED_OUT = new Outcome.Refused(Errors.REQUEST_TIMED_OUT, null);

  private final Catalog catalog;
  private final Logs logs;
  private final SerialLoop timers;

  ProduceHandler(Catalog catalog, Logs logs, SerialLoop timers) {
    this.catalog = catalog;
    this.logs = logs;
    this.timers = timers;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.PRODUCE;
  }

  @Override
  public boolean overlaps() {
    return true;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ProduceRequestData> request) {
    var call = new Call(request, catalog::image);
    var refusal = refusal(request.body());
    var image = catalog.image();
    for (var slot : call.slots) {
      slot.settle(refusal == null ? append(call, slot, image) : refusal);
    }
    call.start(timers);
    return call.reply;
  }

  /// Why the whole request is refused, if it is.
  private static @Nullable Outcome refusal(ProduceRequestData body) {
    if (body.acks() < -1 || body.acks() > 1) {
      return new Outcome.Refused(Errors.INVALID_REQUIRED_ACKS, null);
    }
    return body.transactionalId() == null ? null : NO_TRANSACTIONS;
  }

  /// Hands the slot's batch to its log.
  ///
  /// @return the outcome if it is known at once, else null, and the slot is settled later
  private @Nullable Outcome append(Call call, Slot slot, Image image) {
    // Apache Kafka appends one of the two and forgets the other, which loses data unseen.
    if (slot.duplicate) {
      return new Outcome.Refused(Errors.INVALID_REQUEST, "partition named twice in one request");
    }
    var request = call.request;
    var target =
        request.version() >= TOPIC_ID_VERSION
            ? Target.byId(image, logs, slot.topic.topicId(), slot.index)
            : Target.byName(image, logs, slot.topic.name(), slot.index);
    return switch (target) {
      case Target.Failed(var id, var failure) -> {
        slot.id = id;
        yield Outcome.failed(failure);
      }
      case Target.Led(var id, var _, var appends) -> {
        slot.id = id;
        var batches = request.batches(slot.records);
        var defect = defect(batches, request.version());
        if (defect != null) {
          yield Outcome.failed(defect);
        }
        if (batches.single().isTransactional()) {
          yield NO_TRANSACTIONS;
        }
        call.pending.incrementAndGet();
        var _ =
            appends
                .append(
                    batches, request.body().acks() == -1 ? Appends.Acks.ALL : Appends.Acks.LEADER)
                .whenComplete((result, thrown) -> {
                  slot.settle(Outcome.of(result, thrown));
                  call.settled();
                });
        yield null;
      }
    };
  }

  private static @Nullable Failure defect(RecordBatches batches, short version) {
    var defect = batches.defect();
    if (defect.isEmpty()) {
      return version < ZSTD_VERSION && batches.single().compression() == ZSTD
          ? new Failure.UnsupportedCompression()
          : null;
    }
    return switch (defect.get()) {
      case CORRUPT -> new Failure.CorruptBatch();
      case UNSUPPORTED_MAGIC -> new Failure.UnsupportedBatchFormat();
      case UNSUPPORTED_COMPRESSION -> new Failure.UnsupportedCompression();
      case INVALID_RECORD -> new Failure.InvalidRecord("the batch header contradicts itself");
      case CONTROL_BATCH ->
          new Failure.InvalidRecord("control batches are written by the server only");
      case BATCH_COUNT ->
          new Failure.InvalidRecord("exactly one record batch per partition is allowed");
    };
  }

  @Override
  public ProduceResponseData failure(Request<ProduceRequestData> request, Errors error) {
    var call = new Call(request, catalog::image);
    for (var slot : call.slots) {
      slot.settle(new Outcome.Refused(error, null));
    }
    return call.response();
  }

  /// What became of one partition's batch.
  private sealed interface Outcome {

    record Appended(AppendResult.Appended result) implements Outcome {}

    /// @param failure absent where no log was asked
    record Refused(Errors error, @Nullable String why, @Nullable Failure failure)
        implements Outcome {
      Refused(Errors error, @Nullable String why) {
        this(error, why, null);
      }
    }

    static Outcome failed(Failure failure) {
      // A leader that is still opening its log is, to a producer, no leader yet; the code for it
      // is one that some clients take as final when they see it here.
      var error =
          failure instanceof Failure.OffsetNotAvailable
              ? Errors.NOT_LEADER_OR_FOLLOWER
              : KafkaErrors.of(failure);
      return new Refused(error, KafkaErrors.explanation(failure), failure);
    }

    static Outcome of(@Nullable AppendResult result, @Nullable Throwable thrown) {
      return switch (result) {
        case AppendResult.Appended appended -> new Appended(appended);
        case AppendResult.Refused(var failure) -> failed(failure);
        case null ->
            new Refused(
                thrown == null ? Errors.UNKNOWN_SERVER_ERROR : KafkaErrors.of(thrown), null);
      };
    }
  }

  /// One partition of a request, in the request's order.
  private static final class Slot {
    final TopicProduceData topic;

    /// Which of the request's topics it is.
    final int topicAt;

    final int index;
    final @Nullable BaseRecords records;
    boolean duplicate;
    @Nullable PartitionId id;

    /// Written once, by whichever thread completes the append; read by the one that answers.
    private volatile @Nullable Outcome outcome;

    Slot(TopicProduceData topic, int topicAt, PartitionProduceData partition) {
      this.topic = topic;
      this.topicAt = topicAt;
      this.index = partition.index();
      this.records = partition.records();
    }

    void settle(@Nullable Outcome outcome) {
      if (outcome != null) {
        this.outcome = outcome;
      }
    }

    /// What is to be answered now: an append that is not settled was not durable in time.
    Outcome outcome() {
      var settled = outcome;
      return settled == null ? TIMED_OUT : settled;
    }
  }

  /// One request on its way: answered once, by the last append or by the timer.
  private static final class Call {
    final Request<ProduceRequestData> request;
    final List<Slot> slots = new ArrayList<>();
    final CompletableFuture<Reply> reply = new CompletableFuture<>();

    /// Appends not settled, and one for `start`, so that none finishes the call before all have
    /// begun.
    final AtomicInteger pending = new AtomicInteger(1);

    private final AtomicBoolean answered = new AtomicBoolean();

    /// Asked when the call is answered: what was held while its partition was handed over is
    /// refused once the new leader is known.
    private final Supplier<Image> image;

    Call(Request<ProduceRequestData> request, Supplier<Image> image) {
      this.request = request;
      this.image = image;
      boolean byId = request.version() >= TOPIC_ID_VERSION;
      var seen = new HashMap<Object, Slot>();
      int topics = 0;
      for (var topic : request.body().topicData()) {
        int topicAt = topics++;
        for (var partition : topic.partitionData()) {
          var slot = new Slot(topic, topicAt, partition);
          slots.add(slot);
          var twin =
              seen.put(new Key(byId ? topic.topicId() : topic.name(), partition.index()), slot);
          if (twin != null) {
            twin.duplicate = true;
            slot.duplicate = true;
          }
        }
      }
    }

    private record Key(Object topic, int partition) {}

    void start(SerialLoop timers) {
      settled();
      if (!answered.get()) {
        var timeout = Duration.ofMillis(Math.max(0, request.body().timeoutMs()));
        var timer = timers.after(timeout, this::answer);
        var _ = reply.whenComplete((_, _) -> timer.cancel());
      }
    }

    void settled() {
      if (pending.decrementAndGet() == 0) {
        answer();
      }
    }

    private void answer() {
      if (!answered.compareAndSet(false, true)) {
        return;
      }
      if (request.body().acks() != 0) {
        reply.complete(Reply.of(response()));
        return;
      }
      // A producer with acks=0 reads no answer: losing the connection is how it learns that
      // something is wrong and looks for the leader again.
      for (var slot : slots) {
        if (slot.outcome() instanceof Outcome.Refused(var error, _, _)) {
          reply.completeExceptionally(
              new CloseConnection(
                  "produce with acks=0 to partition " + slot.index + " failed with " + error));
          return;
        }
      }
      reply.complete(Reply.none());
    }

    ProduceResponseData response() {
      var response = new ProduceResponseData();
      int topicAt = -1;
      var answers = new TopicProduceResponse();
      for (var slot : slots) {
        if (slot.topicAt != topicAt) {
          topicAt = slot.topicAt;
          answers =
              new TopicProduceResponse()
                  .setName(slot.topic.name())
                  .setTopicId(slot.topic.topicId());
          response.responses().add(answers);
        }
        answers.partitionResponses().add(answer(slot, response));
      }
      return response;
    }

    private PartitionProduceResponse answer(Slot slot, ProduceResponseData response) {
      var answer = new PartitionProduceResponse().setIndex(slot.index);
      switch (slot.outcome()) {
        case Outcome.Appended(var result) ->
            answer
                .setBaseOffset(result.baseOffset())
                .setLogAppendTimeMs(result.logAppendTime())
                .setLogStartOffset(result.logStartOffset());
        case Outcome.Refused(var error, var why, var failure) -> {
          answer.setErrorCode(error.code()).setBaseOffset(-1).setErrorMessage(why);
          if (failure instanceof Failure.Backpressure) {
            response.setThrottleTimeMs(THROTTLE_MILLIS);
          }
          var leader =
              failure == null || request.version() < LEADER_VERSION
                  ? null
                  : LeaderHint.of(slot.id, failure, image.get(), request.listener());
          if (leader != null) {
            answer.setCurrentLeader(
                new LeaderIdAndEpoch()
                    .setLeaderId(leader.nodeId())
                    .setLeaderEpoch(leader.leaderEpoch()));
            if (response.nodeEndpoints().find(leader.nodeId()) == null) {
              response
                  .nodeEndpoints()
                  .add(
                      new NodeEndpoint()
                          .setNodeId(leader.nodeId())
                          .setHost(leader.host())
                          .setPort(leader.port())
                          .setRack(leader.rack()));
            }
          }
        }
      }
      return answer;
    }
  }
}

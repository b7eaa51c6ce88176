package io.streamhouse.compat.cluster;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.RequestUtils;
import org.apache.kafka.common.requests.ResponseHeader;

/// Fetches single batches from their leaders as they are in the log. For a few of them, when all is
/// well: each is a connection of its own.
final class RawFetch implements LogBatch.Lookup {

  /// The last version that knows topics by name.
  private static final short VERSION = 12;

  private static final int BATCH_BYTES = 1 << 16;
  private static final int MOST_ANSWER_BYTES = 1 << 26;
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final Duration RETRY_PAUSE = Duration.ofMillis(200);

  private final String bootstrap;
  private final List<TopicPartition> partitions;

  RawFetch(String bootstrap, List<TopicPartition> partitions) {
    this.bootstrap = bootstrap;
    this.partitions = partitions;
  }

  @Override
  public LogBatch at(int partition, long offset) {
    var wanted = partitions.get(partition);
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        return fetch(leader(wanted), wanted, offset);
      } catch (Exception failed) {
        if (failed instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        // A leader may have changed since.
        if (Thread.currentThread().isInterrupted() || System.nanoTime() - deadline > 0) {
          throw new AssertionError("no batch at %d of %s".formatted(offset, wanted), failed);
        }
        LockSupport.parkNanos(RETRY_PAUSE.toNanos());
      }
    }
  }

  private Node leader(TopicPartition partition) throws Exception {
    try (var admin = Admin.create(Clients.common(bootstrap))) {
      var topics =
          admin
              .describeTopics(List.of(partition.topic()))
              .allTopicNames()
              .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      return Objects.requireNonNull(topics.get(partition.topic()))
          .partitions()
          .get(partition.partition())
          .leader();
    }
  }

  private static LogBatch fetch(Node leader, TopicPartition partition, long offset)
      throws IOException {
    var header =
        new RequestHeaderData()
            .setRequestApiKey(ApiKeys.FETCH.id)
            .setRequestApiVersion(VERSION)
            .setCorrelationId(1)
            .setClientId("raw-fetch");
    var request =
        RequestUtils.serialize(
            header, ApiKeys.FETCH.requestHeaderVersion(VERSION), body(partition, offset), VERSION);
    try (var socket = new Socket()) {
      int millis = (int) PATIENCE.toMillis();
      socket.setSoTimeout(millis);
      socket.connect(new InetSocketAddress(leader.host(), leader.port()), millis);
      var frame = ByteBuffer.allocate(4 + request.remaining());
      frame.putInt(request.remaining()).put(request);
      socket.getOutputStream().write(frame.array());
      var in = new DataInputStream(socket.getInputStream());
      int length = in.readInt();
      if (length < 0 || length > MOST_ANSWER_BYTES) {
        throw new IOException("answer of " + length + " bytes");
      }
      return parse(ByteBuffer.wrap(in.readNBytes(length)), offset);
    }
  }

  private static FetchRequestData body(TopicPartition partition, long offset) {
    return new FetchRequestData()
        .setMaxWaitMs(1000)
        .setMinBytes(1)
        .setMaxBytes(BATCH_BYTES)
        .setSessionEpoch(-1)
        .setTopics(
            List.of(
                new FetchRequestData.FetchTopic()
                    .setTopic(partition.topic())
                    .setPartitions(
                        List.of(
                            new FetchRequestData.FetchPartition()
                                .setPartition(partition.partition())
                                .setFetchOffset(offset)
                                .setPartitionMaxBytes(BATCH_BYTES)))));
  }

  private static LogBatch parse(ByteBuffer answer, long offset) throws IOException {
    ResponseHeader.parse(answer, ApiKeys.FETCH.responseHeaderVersion(VERSION));
    var response = new FetchResponseData(new ByteBufferAccessor(answer), VERSION);
    var found = response.responses().getFirst().partitions().getFirst();
    if (found.errorCode() != Errors.NONE.code()
        || !(found.records() instanceof MemoryRecords records)) {
      throw new IOException("answered " + Errors.forCode(found.errorCode()));
    }
    for (var batch : records.batches()) {
      if (batch.baseOffset() <= offset && offset <= batch.lastOffset()) {
        return new LogBatch(
            batch.baseOffset(),
            batch.producerId(),
            batch.producerEpoch(),
            batch.baseSequence(),
            batch.partitionLeaderEpoch());
      }
    }
    throw new IOException("answered with other batches");
  }
}

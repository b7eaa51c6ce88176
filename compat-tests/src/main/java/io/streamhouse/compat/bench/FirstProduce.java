package io.streamhouse.compat.bench;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.CreateTopicsRequestData;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopic;
import org.apache.kafka.common.message.CreateTopicsRequestData.CreatableTopicCollection;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceDataCollection;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.RequestUtils;

/// The lightest client there is: knocks at a port until a record is acknowledged by all. Its two
/// requests are bytes before it begins, so that no start but the server's is measured.
final class FirstProduce {

  private static final String TOPIC = "first";
  private static final short CREATE_VERSION = 4;
  private static final short PRODUCE_VERSION = 8;
  private static final int CREATE = 1;
  private static final int PRODUCE = 2;
  private static final int TIMEOUT_MILLIS = 30_000;
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration PAUSE = Duration.ofMillis(1);

  /// Correlation, one topic, its name, one partition, its number.
  private static final int ERROR_POSITION = 4 + 4 + 2 + TOPIC.length() + 4 + 4;

  private final byte[] create;
  private final byte[] produce;

  FirstProduce() {
    var topics = new CreatableTopicCollection();
    topics.add(
        new CreatableTopic().setName(TOPIC).setNumPartitions(1).setReplicationFactor((short) 1));
    this.create =
        frame(
            ApiKeys.CREATE_TOPICS,
            CREATE_VERSION,
            CREATE,
            new CreateTopicsRequestData().setTopics(topics).setTimeoutMs(TIMEOUT_MILLIS));
    var records =
        MemoryRecords.withRecords(
            Compression.NONE, new SimpleRecord("hello".getBytes(StandardCharsets.UTF_8)));
    var data = new TopicProduceDataCollection();
    var partition = new PartitionProduceData().setIndex(0).setRecords(records);
    data.add(new TopicProduceData().setName(TOPIC).setPartitionData(java.util.List.of(partition)));
    this.produce =
        frame(
            ApiKeys.PRODUCE,
            PRODUCE_VERSION,
            PRODUCE,
            new ProduceRequestData()
                .setAcks((short) -1)
                .setTimeoutMs(TIMEOUT_MILLIS)
                .setTopicData(data));
  }

  private static byte[] frame(ApiKeys api, short version, int correlation, ApiMessage body) {
    var header =
        new RequestHeaderData()
            .setRequestApiKey(api.id)
            .setRequestApiVersion(version)
            .setCorrelationId(correlation)
            .setClientId("bench");
    var bytes = RequestUtils.serialize(header, api.requestHeaderVersion(version), body, version);
    var frame = ByteBuffer.allocate(4 + bytes.remaining());
    return frame.putInt(bytes.remaining()).put(bytes).array();
  }

  /// Returns once the server on `port` has acknowledged a record.
  void await(int port) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (System.nanoTime() < deadline) {
      try (var socket = new Socket()) {
        socket.setTcpNoDelay(true);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1000);
        socket.setSoTimeout(TIMEOUT_MILLIS);
        var in = new DataInputStream(socket.getInputStream());
        var _ = call(socket, in, create);
        while (System.nanoTime() < deadline) {
          if (call(socket, in, produce).getShort(ERROR_POSITION) == 0) {
            return;
          }
          LockSupport.parkNanos(PAUSE.toNanos());
        }
      } catch (IOException notYet) {
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
    throw new IllegalStateException("nothing was acknowledged within " + LIMIT);
  }

  private static ByteBuffer call(Socket socket, DataInputStream in, byte[] frame)
      throws IOException {
    socket.getOutputStream().write(frame);
    return ByteBuffer.wrap(in.readNBytes(in.readInt()));
  }
}

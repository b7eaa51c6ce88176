package io.streamhouse.compat.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.jspecify.annotations.Nullable;

/// Builds the requests of the comparison, right ones and wrong ones.
final class Requests {

  private Requests() {}

  /// A valid batch of small records with these timestamps.
  static ByteBuffer batch(long... timestamps) {
    return copy(MemoryRecords.withRecords(Compression.NONE, records(timestamps)));
  }

  static ByteBuffer idempotentBatch(
      long producerId, int epoch, int sequence, boolean transactional, long timestamp) {
    var records = records(timestamp);
    return copy(
        transactional
            ? MemoryRecords.withTransactionalRecords(
                Compression.NONE, producerId, (short) epoch, sequence, records)
            : MemoryRecords.withIdempotentRecords(
                Compression.NONE, producerId, (short) epoch, sequence, records));
  }

  /// A batch in one of the formats before Kafka 0.11.
  static ByteBuffer oldBatch(byte magic, long timestamp) {
    long time = magic == 0 ? RecordBatch.NO_TIMESTAMP : timestamp;
    return copy(
        MemoryRecords.withRecords(
            magic, Compression.NONE, new SimpleRecord(time, utf8("k"), utf8("v"))));
  }

  /// `batch` changed by `change`, with its CRC made right again.
  static ByteBuffer changed(ByteBuffer batch, Consumer<ByteBuffer> change) {
    change.accept(batch);
    var crc = new CRC32C();
    crc.update(batch.slice(21, batch.limit() - 21));
    batch.putInt(17, (int) crc.getValue());
    return batch;
  }

  /// `batch` changed without touching its CRC.
  static ByteBuffer damaged(ByteBuffer batch, Consumer<ByteBuffer> change) {
    change.accept(batch);
    return batch;
  }

  static ByteBuffer joined(ByteBuffer first, ByteBuffer second) {
    return ByteBuffer.allocate(first.remaining() + second.remaining())
        .put(first)
        .put(second)
        .flip();
  }

  static ProduceRequestData produce(
      int acks, String topic, int partition, @Nullable ByteBuffer records) {
    var topics = new ProduceRequestData.TopicProduceDataCollection();
    topics.add(
        new ProduceRequestData.TopicProduceData()
            .setName(topic)
            .setPartitionData(List.of(partition(partition, records))));
    return new ProduceRequestData().setAcks((short) acks).setTimeoutMs(10_000).setTopicData(topics);
  }

  static ProduceRequestData produce(Uuid topic, int partition, ByteBuffer records) {
    var topics = new ProduceRequestData.TopicProduceDataCollection();
    topics.add(
        new ProduceRequestData.TopicProduceData()
            .setTopicId(topic)
            .setPartitionData(List.of(partition(partition, records))));
    return new ProduceRequestData().setAcks((short) -1).setTimeoutMs(10_000).setTopicData(topics);
  }

  private static ProduceRequestData.PartitionProduceData partition(
      int partition, @Nullable ByteBuffer records) {
    return new ProduceRequestData.PartitionProduceData()
        .setIndex(partition)
        .setRecords(records == null ? null : MemoryRecords.readableRecords(records));
  }

  static FetchRequestData fetch(
      @Nullable String topic, Uuid topicId, FetchRequestData.FetchPartition... partitions) {
    return new FetchRequestData()
        .setMaxWaitMs(0)
        .setMinBytes(0)
        .setMaxBytes(1 << 20)
        .setSessionEpoch(-1)
        .setTopics(
            List.of(
                new FetchRequestData.FetchTopic()
                    .setTopic(topic == null ? "" : topic)
                    .setTopicId(topicId)
                    .setPartitions(List.of(partitions))));
  }

  static FetchRequestData.FetchPartition fetchFrom(int partition, long offset) {
    return new FetchRequestData.FetchPartition()
        .setPartition(partition)
        .setFetchOffset(offset)
        .setPartitionMaxBytes(1 << 20);
  }

  static ListOffsetsRequestData listOffsets(String topic, int partition, long timestamp) {
    return listOffsets(topic, partition, timestamp, -1);
  }

  static ListOffsetsRequestData listOffsets(
      String topic, int partition, long timestamp, int leaderEpoch) {
    return new ListOffsetsRequestData()
        .setReplicaId(-1)
        .setTopics(
            List.of(
                new ListOffsetsRequestData.ListOffsetsTopic()
                    .setName(topic)
                    .setPartitions(
                        List.of(
                            new ListOffsetsRequestData.ListOffsetsPartition()
                                .setPartitionIndex(partition)
                                .setCurrentLeaderEpoch(leaderEpoch)
                                .setTimestamp(timestamp)))));
  }

  private static SimpleRecord[] records(long... timestamps) {
    var records = new SimpleRecord[timestamps.length];
    for (int i = 0; i < records.length; i++) {
      records[i] = new SimpleRecord(timestamps[i], utf8("key"), utf8("value " + i));
    }
    return records;
  }

  private static ByteBuffer copy(MemoryRecords records) {
    var bytes = ByteBuffer.allocate(records.sizeInBytes());
    return bytes.put(records.buffer()).flip();
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}

package io.streamhouse.protocol;

import static io.streamhouse.protocol.BatchBytes.sealed;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Records inside batches, against Apache Kafka's own reading of them.
final class BatchContentsTest {

  private static final Header[] HEADERS = {
    new RecordHeader("h", "1".getBytes(UTF_8)), new RecordHeader("null", null)
  };

  private static final SimpleRecord[] RECORDS = {
    new SimpleRecord(1000, "k".getBytes(UTF_8), "v".repeat(5000).getBytes(UTF_8), HEADERS),
    new SimpleRecord(900, "tombstone".getBytes(UTF_8), null),
    new SimpleRecord(2000, null, new byte[0]),
    new SimpleRecord(1500, new byte[0], "last".getBytes(UTF_8), HEADERS)
  };

  static Stream<Arguments> codecs() {
    return Stream.of(CompressionType.values())
        .flatMap(from -> Stream.of(CompressionType.values()).map(to -> Arguments.of(from, to)));
  }

  @ParameterizedTest
  @MethodSource("codecs")
  void recompressingKeepsEverythingButTheCodec(CompressionType from, CompressionType to) {
    var batches =
        RecordBatches.of(
            BatchBytes.copy(
                MemoryRecords.withTransactionalRecords(
                        Compression.of(from).build(), 77, (short) 3, 2_000_000_000, RECORDS)
                    .buffer()));
    assertThat(batches.defect()).isEmpty();
    var stored = BatchContents.recompress(batches, to.id, 0);
    assertThat(stored.defect()).isEmpty();
    assertThat(stored.single().compression()).isEqualTo(to.id);
    assertThat(stored.single().isTransactional()).isTrue();
    assertThat(stored.single().maxTimestamp()).isEqualTo(2000);
    assertThat(told(stored)).isEqualTo(told(batches)).hasSize(4);
    stored.stamp(500, 8);
    assertThat(stored.single().lastSequence()).isEqualTo(2_000_000_003);
  }

  @ParameterizedTest
  @ValueSource(longs = {-2, Long.MIN_VALUE})
  void anyNegativeProducerIdIsRecompressedAsNone(long producerId) {
    var bytes = BatchBytes.of(CompressionType.LZ4, RECORDS);
    var batches =
        RecordBatches.of(BatchBytes.sealed(bytes.putLong(BatchBytes.PRODUCER_ID, producerId)));
    assertThat(batches.defect()).isEmpty();
    var stored = BatchContents.recompress(batches, 0, 0);
    assertThat(stored.defect()).isEmpty();
    assertThat(stored.single().producerId()).isEqualTo(-1);
    assertThat(told(stored)).hasSize(4);
  }

  @Test
  void aNegativeTimestampOtherThanNoneIsRefusedWhereRecordsAreWrittenAnew() {
    var none =
        RecordBatches.of(
            BatchBytes.of(CompressionType.NONE, new SimpleRecord(-1, null, new byte[1])));
    assertThat(BatchContents.recompress(none, 0, 0).single().recordCount()).isEqualTo(1);
    // The base timestamp, from which those of records are told.
    var negative =
        RecordBatches.of(
            BatchBytes.sealed(
                BatchBytes.of(CompressionType.NONE, RECORDS).putLong(27, Long.MIN_VALUE / 2)));
    assertBroken(() -> BatchContents.recompress(negative, 0, 0));
  }

  @ParameterizedTest
  @EnumSource(CompressionType.class)
  void lookupByTimeFindsTheFirstRecordAtOrAfter(CompressionType codec) {
    var batches = RecordBatches.of(BatchBytes.of(codec, RECORDS));
    batches.stamp(100, 1);
    var batch = batches.single();
    assertThat(BatchContents.firstAtOrAfter(batch, 0, 0))
        .contains(new BatchContents.RecordTime(100, 1000));
    assertThat(BatchContents.firstAtOrAfter(batch, 1001, 0))
        .contains(new BatchContents.RecordTime(102, 2000));
    assertThat(BatchContents.firstAtOrAfter(batch, 0, 101))
        .contains(new BatchContents.RecordTime(101, 900));
    assertThat(BatchContents.firstAtOrAfter(batch, 1001, 103))
        .contains(new BatchContents.RecordTime(103, 1500));
    assertThat(BatchContents.firstAtOrAfter(batch, 2001, 0)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(CompressionType.class)
  void stampedLogAppendTimeIsEveryRecordsTimestamp(CompressionType codec) {
    var batches = RecordBatches.of(BatchBytes.of(codec, RECORDS));
    batches.stampLogAppendTime(12345);
    var kafka = MemoryRecords.readableRecords(batches.bytes());
    for (var batch : kafka.batches()) {
      batch.ensureValid();
      assertThat(batch.timestampType()).isEqualTo(TimestampType.LOG_APPEND_TIME);
      assertThat(batch.maxTimestamp()).isEqualTo(12345);
    }
    for (var record : kafka.records()) {
      assertThat(record.timestamp()).isEqualTo(12345);
    }
    assertThat(BatchContents.firstAtOrAfter(batches.single(), 12345, 2))
        .contains(new BatchContents.RecordTime(2, 12345));
    assertThat(BatchContents.firstAtOrAfter(batches.single(), 12346, 0)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(CompressionType.class)
  void recordWithoutKeyIsFound(CompressionType codec) {
    assertThat(BatchContents.anyKeyless(RecordBatches.of(BatchBytes.of(codec, RECORDS)))).isTrue();
    assertThat(BatchContents.anyKeyless(RecordBatches.of(BatchBytes.of(codec, RECORDS[0]))))
        .isFalse();
    // An empty key is a key.
    assertThat(BatchContents.anyKeyless(RecordBatches.of(BatchBytes.of(codec, RECORDS[3]))))
        .isFalse();
  }

  @ParameterizedTest
  @EnumSource(CompressionType.class)
  void smallBatchThatExpandsHugelyIsRefused(CompressionType codec) {
    long limit = 1 << 20;
    var huge = new SimpleRecord(0, null, new byte[4 << 20]);
    var batches = RecordBatches.of(BatchBytes.of(codec, huge));
    assertBroken(() -> BatchContents.recompress(batches, 0, 0, limit));
    // Many small ones come to the same.
    var many = new SimpleRecord[2000];
    java.util.Arrays.fill(many, new SimpleRecord(0, null, new byte[1000]));
    var smalls = RecordBatches.of(BatchBytes.of(codec, many));
    assertBroken(() -> BatchContents.recompress(smalls, 0, 0, limit));
    assertThat(BatchContents.recompress(smalls, 0, 0, 4 * limit).single().recordCount())
        .isEqualTo(2000);
  }

  @Test
  void batchOfAHundredKilobytesThatExpandsToGigabytesIsRefusedWithinLittleMemory()
      throws Exception {
    // Each 100 MB of zeros is about 100 KB of gzip; the memory of a test holds far less.
    var compressed = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(compressed)) {
      gzip.write(varint(Integer.MAX_VALUE - 10));
      var zeros = new byte[1 << 20];
      for (int i = 0; i < 100; i++) {
        gzip.write(zeros);
      }
    }
    var batches = RecordBatches.of(batch(1, 1, compressed.toByteArray()));
    assertThat(batches.defect()).isEmpty();
    assertBroken(() -> BatchContents.recompress(batches, 0, 0));
    assertBroken(() -> BatchContents.anyKeyless(batches));
    assertBroken(() -> BatchContents.firstAtOrAfter(batches.single(), 0, 0));
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 1, 100, 60_000_000, Integer.MAX_VALUE})
  void recordThatClaimsAnotherSizeThanItHasIsRefused(int size) {
    var batches = RecordBatches.of(batch(0, 1, concat(varint(size), new byte[20])));
    assertThat(batches.defect()).isEmpty();
    assertBroken(() -> BatchContents.recompress(batches, 0, 0));
    assertBroken(() -> BatchContents.anyKeyless(batches));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void otherNumberOfRecordsThanTheHeaderSaysIsRefused(int count) {
    var bytes = BatchBytes.of(CompressionType.GZIP, BatchBytes.records(2));
    var batches =
        RecordBatches.of(
            sealed(
                bytes
                    .putInt(BatchBytes.RECORD_COUNT, count)
                    .putInt(BatchBytes.LAST_OFFSET_DELTA, count - 1)));
    assertThat(batches.defect()).isEmpty();
    assertBroken(() -> BatchContents.recompress(batches, 0, 0));
  }

  @Test
  void snappyBlockThatClaimsGigabytesIsRefused() {
    byte[] header = {(byte) 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
    byte[] gigabytes = {(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x07, 0, 0, 0};
    byte[] length = {0, 0, 0, 8};
    byte[] longBlock = {0x7f, 0, 0, 0};
    for (var contents :
        List.of(
            concat(header, length, gigabytes),
            concat(header, longBlock, gigabytes),
            concat(gigabytes, gigabytes, gigabytes))) {
      var batches = RecordBatches.of(batch(2, 1, contents));
      assertThat(batches.defect()).isEmpty();
      assertBroken(() -> BatchContents.recompress(batches, 0, 0));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void contentsThatAreNotOfTheirCodecAreRefused(int codec) {
    for (int size : new int[] {0, 1, 7, 100}) {
      var batches = RecordBatches.of(batch(codec, 1, new byte[size]));
      assertThat(batches.defect()).isEmpty();
      assertBroken(() -> BatchContents.recompress(batches, 0, 0));
      assertBroken(() -> BatchContents.anyKeyless(batches));
      assertBroken(() -> BatchContents.firstAtOrAfter(batches.single(), 0, 0));
    }
  }

  private static void assertBroken(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call).isInstanceOf(BrokenContents.class);
  }

  /// A batch with a sound header around any contents.
  private static ByteBuffer batch(int codec, int records, byte[] contents) {
    var bytes = ByteBuffer.allocate(RecordBatch.HEADER_BYTES + contents.length);
    return sealed(
        bytes
            .putInt(8, RecordBatch.HEADER_BYTES - 12 + contents.length)
            .put(BatchBytes.MAGIC, (byte) 2)
            .putShort(BatchBytes.ATTRIBUTES, (short) codec)
            .putInt(BatchBytes.LAST_OFFSET_DELTA, records - 1)
            .putLong(BatchBytes.PRODUCER_ID, -1)
            .putInt(BatchBytes.RECORD_COUNT, records)
            .put(RecordBatch.HEADER_BYTES, contents)
            .rewind());
  }

  private static byte[] varint(int value) {
    var buffer = ByteBuffer.allocate(5);
    org.apache.kafka.common.utils.ByteUtils.writeVarint(value, buffer);
    return java.util.Arrays.copyOf(buffer.array(), buffer.position());
  }

  private static byte[] concat(byte[]... parts) {
    return WireClient.concat(parts);
  }

  /// What Kafka's classes read, as text; headers and sequences included.
  private static List<String> told(RecordBatches batches) {
    var told = new ArrayList<String>();
    for (var batch : MemoryRecords.readableRecords(batches.bytes()).batches()) {
      batch.ensureValid();
      for (var record : batch) {
        told.add(
            "%s %s %s %s %s %s %s %s"
                .formatted(
                    batch.producerId(),
                    batch.producerEpoch(),
                    record.sequence(),
                    record.offset(),
                    record.timestamp(),
                    record.hasKey() ? UTF_8.decode(record.key()) : null,
                    record.hasValue() ? UTF_8.decode(record.value()) : null,
                    List.of(record.headers())));
      }
    }
    return told;
  }
}

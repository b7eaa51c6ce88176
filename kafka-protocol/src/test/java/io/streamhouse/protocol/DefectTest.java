package io.streamhouse.protocol;

import static io.streamhouse.protocol.BatchBytes.records;
import static io.streamhouse.protocol.BatchBytes.sealed;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.apache.kafka.common.record.internal.CompressionType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a producer's batch is refused for: one test for each rule of Apache Kafka's log validator
/// that looks at the header.
final class DefectTest {

  @ParameterizedTest
  @EnumSource(CompressionType.class)
  void batchOfEveryCodecIsSound(CompressionType codec) {
    assertSound(BatchBytes.of(codec, records(3)));
  }

  @Test
  void idempotentAndTransactionalBatchesAreSound() {
    assertSound(BatchBytes.idempotent(5, 0, 0, records(2)));
    assertSound(BatchBytes.idempotent(5, 3, Integer.MAX_VALUE, records(2)));
    assertSound(BatchBytes.transactional(5, 3, 9, records(2)));
  }

  @Test
  void nothingIsNotOneBatch() {
    assertDefect(BatchDefect.BATCH_COUNT, ByteBuffer.allocate(0));
  }

  @Test
  void twoBatchesAreNotOne() {
    var batch = sound();
    var two = ByteBuffer.allocate(2 * batch.limit()).put(batch).put(batch.rewind()).flip();
    assertDefect(BatchDefect.BATCH_COUNT, two);
  }

  @Test
  void bytesMissingAnywhereAreCorruption() {
    var batch = sound();
    for (int length = 1; length < batch.limit(); length++) {
      assertDefect(BatchDefect.CORRUPT, batch.duplicate().limit(length));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -13, -12, -1, 0, 48, Integer.MAX_VALUE})
  void lengthThatCannotBeIsCorruption(int length) {
    assertDefect(BatchDefect.CORRUPT, sealed(sound().putInt(8, length)));
  }

  @Test
  void everyByteBehindTheCrcCountsInIt() {
    var batch = sound();
    for (int i = BatchBytes.CRC; i < batch.limit(); i++) {
      var flipped = BatchBytes.copy(batch);
      flipped.put(i, (byte) ~flipped.get(i));
      assertDefect(BatchDefect.CORRUPT, flipped);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void oldMagicIsUnsupported(int magic) {
    assertDefect(BatchDefect.UNSUPPORTED_MAGIC, sound().put(BatchBytes.MAGIC, (byte) magic));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void oldRecordShorterThanTodaysHeaderIsUnsupported(int magic) {
    var old = ByteBuffer.allocate(34).put(BatchBytes.MAGIC, (byte) magic);
    assertDefect(BatchDefect.UNSUPPORTED_MAGIC, old);
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 3, 127})
  void unknownMagicIsCorruption(int magic) {
    assertDefect(BatchDefect.CORRUPT, sound().put(BatchBytes.MAGIC, (byte) magic));
  }

  @ParameterizedTest
  @ValueSource(ints = {5, 6, 7})
  void unknownCodecIsUnsupported(int codec) {
    assertDefect(
        BatchDefect.UNSUPPORTED_COMPRESSION,
        sealed(sound().putShort(BatchBytes.ATTRIBUTES, (short) codec)));
  }

  @Test
  void controlBatchIsTheServersOnly() {
    assertDefect(
        BatchDefect.CONTROL_BATCH,
        sealed(
            BatchBytes.transactional(5, 0, 0, records(1))
                .putShort(BatchBytes.ATTRIBUTES, (short) 0x30)));
  }

  @Test
  void logAppendTimeIsTheServersOnly() {
    assertDefect(
        BatchDefect.INVALID_RECORD, sealed(sound().putShort(BatchBytes.ATTRIBUTES, (short) 0x08)));
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 1, 3, Integer.MAX_VALUE})
  void recordCountIsOneMoreThanTheLastOffsetDelta(int count) {
    assertDefect(
        BatchDefect.INVALID_RECORD, sealed(sound().putInt(BatchBytes.RECORD_COUNT, count)));
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 2, Integer.MAX_VALUE})
  void lastOffsetDeltaIsOneLessThanTheRecordCount(int delta) {
    assertDefect(
        BatchDefect.INVALID_RECORD, sealed(sound().putInt(BatchBytes.LAST_OFFSET_DELTA, delta)));
  }

  @Test
  void batchWithoutRecordsIsInvalidEvenIfItsFieldsAgree() {
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(
            sound().putInt(BatchBytes.RECORD_COUNT, 0).putInt(BatchBytes.LAST_OFFSET_DELTA, -1)));
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(
            sound()
                .putInt(BatchBytes.RECORD_COUNT, Integer.MIN_VALUE)
                .putInt(BatchBytes.LAST_OFFSET_DELTA, Integer.MAX_VALUE)));
  }

  @Test
  void moreRecordsThanBytesForThemIsInvalid() {
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(
            sound()
                .putInt(BatchBytes.RECORD_COUNT, 1000)
                .putInt(BatchBytes.LAST_OFFSET_DELTA, 999)));
  }

  @Test
  void producerIdNeedsAnEpochAndASequence() {
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(idempotent().putShort(BatchBytes.PRODUCER_EPOCH, (short) -1)));
    assertDefect(
        BatchDefect.INVALID_RECORD, sealed(idempotent().putInt(BatchBytes.BASE_SEQUENCE, -1)));
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(idempotent().putInt(BatchBytes.BASE_SEQUENCE, Integer.MIN_VALUE)));
  }

  @Test
  void transactionNeedsAProducerId() {
    assertDefect(
        BatchDefect.INVALID_RECORD,
        sealed(BatchBytes.transactional(5, 0, 0, records(1)).putLong(BatchBytes.PRODUCER_ID, -1)));
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 1, Long.MAX_VALUE, Long.MIN_VALUE})
  void baseOffsetIsTheServersOnly(long baseOffset) {
    assertDefect(BatchDefect.INVALID_RECORD, sound().putLong(0, baseOffset));
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, -2, Long.MIN_VALUE})
  void negativeProducerIdIsNone(long producerId) {
    assertSound(sealed(sound().putLong(BatchBytes.PRODUCER_ID, producerId)));
  }

  private static ByteBuffer sound() {
    return BatchBytes.of(CompressionType.NONE, records(2));
  }

  private static ByteBuffer idempotent() {
    return BatchBytes.idempotent(5, 0, 0, records(2));
  }

  private static void assertSound(ByteBuffer bytes) {
    assertThat(RecordBatches.of(bytes).defect()).isEmpty();
  }

  private static void assertDefect(BatchDefect defect, ByteBuffer bytes) {
    assertThat(RecordBatches.of(bytes.rewind()).defect()).contains(defect);
  }
}

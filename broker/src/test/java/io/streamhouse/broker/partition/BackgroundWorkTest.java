package io.streamhouse.broker.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import io.streamhouse.protocol.RecordBatches;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.zip.CRC32C;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.junit.jupiter.api.Test;

class BackgroundWorkTest {

  private static final PartitionId P = new PartitionId(new UUID(1, 2), 0);
  private static final long NOW = 1_700_000_000_000L;
  private static final int HEADER_BYTES = 61;
  private static final PartitionSettings LZ4 = settings(3, false);
  private static final PartitionSettings KEYED = settings(PartitionSettings.AS_PRODUCED, true);
  private static final Executor FULL =
      _ -> {
        throw new RejectedExecutionException("full");
      };

  private static PartitionSettings settings(int codec, boolean keysRequired) {
    return new PartitionSettings(
        1 << 20,
        false,
        Long.MAX_VALUE,
        Long.MAX_VALUE,
        codec,
        0,
        keysRequired,
        1 << 30,
        RetentionLimits.NONE,
        false);
  }

  private static BackgroundWork work(Executor executor) {
    var metadata = new InMemoryMetadata(new Random(1));
    return new BackgroundWork(
        metadata.manifest(),
        row -> {
          throw new AssertionError("no segment is there to open: " + row);
        },
        executor,
        executor,
        new PartitionLeases(metadata.leases(), new UUID(1, 1), new UUID(2, 2)),
        new FlushSignal(),
        Duration.ofDays(1),
        new SimulatedTime());
  }

  /// What `rewrite` refuses a batch for, kept as LZ4 or with keys required.
  private static Failure refusal(RecordBatches batch, PartitionSettings settings) {
    var thrown = work(Runnable::run).rewrite(batch, settings, NOW).exceptionNow();
    assertThat(thrown).isInstanceOf(Refused.class);
    return ((Refused) thrown).failure();
  }

  private static RecordBatches compressed(Compression codec, int records, int valueBytes) {
    var all = new SimpleRecord[records];
    Arrays.fill(all, new SimpleRecord(NOW, new byte[] {1}, new byte[valueBytes]));
    return RecordBatches.of(MemoryRecords.withRecords(codec, all).buffer());
  }

  /// A batch with other contents, its length and checksum right.
  private static RecordBatches with(RecordBatches batch, byte[] contents) {
    var bytes = ByteBuffer.allocate(HEADER_BYTES + contents.length);
    bytes.put(batch.bytes().slice(0, HEADER_BYTES)).put(contents).flip();
    bytes.putInt(8, bytes.limit() - 12);
    var crc = new CRC32C();
    crc.update(bytes.slice(21, bytes.limit() - 21));
    bytes.putInt(17, (int) crc.getValue());
    return RecordBatches.of(bytes);
  }

  @Test
  void contentsThatDoNotDecompressAreACorruptBatch() {
    var garbage = with(compressed(Compression.gzip().build(), 1, 10), new byte[] {5, 5, 5, 5, 5});
    assertThat(refusal(garbage, LZ4)).isEqualTo(new Failure.CorruptBatch());
    assertThat(refusal(garbage, KEYED)).isEqualTo(new Failure.CorruptBatch());
  }

  @Test
  void aRecordThatClaimsGigabytesTakesNoMemory() throws IOException {
    var contents = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(contents)) {
      // A varint: the record's length, 2^31 - 2 bytes, and then not even one.
      gzip.write(new byte[] {(byte) 0xfc, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f});
    }
    var liar = with(compressed(Compression.gzip().build(), 1, 10), contents.toByteArray());
    assertThat(refusal(liar, LZ4)).isEqualTo(new Failure.CorruptBatch());
    assertThat(refusal(liar, KEYED)).isEqualTo(new Failure.CorruptBatch());
  }

  @Test
  void aBatchThatExpandsBeyondTheLimitIsAnInvalidRecord() {
    var bomb = compressed(Compression.zstd().build(), 257, 1 << 20);
    assertThat(bomb.sizeInBytes()).isLessThan(1 << 20);
    assertThat(refusal(bomb, LZ4))
        .isEqualTo(new Failure.InvalidRecord("batch decompresses to more than 268435456 bytes"));
  }

  @Test
  void aSoundBatchIsRewritten() {
    var stored =
        work(Runnable::run).rewrite(compressed(Compression.gzip().build(), 3, 10), LZ4, NOW).join();
    assertThat(stored.single().compression()).isEqualTo(3);
    assertThat(Batches.values(List.of(stored))).hasSize(3);
  }

  @Test
  void fullPoolsFailTheStagesAndNotThePartition() {
    var work = work(FULL);
    var batch = Batches.plain(NOW, "a");
    assertThat(work.rewrite(batch, PartitionSettings.DEFAULT, NOW).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(work.loadProducers(P, 10).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(work.raiseLogStart(new Lease<>(P, new UUID(9, 9), 1), 5, 10).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
  }
}

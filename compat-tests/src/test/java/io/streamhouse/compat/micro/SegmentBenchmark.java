package io.streamhouse.compat.micro;

import static io.streamhouse.compat.micro.SampleBatches.RECORDS_PER_BATCH;

import io.streamhouse.segment.BlockCompressor;
import io.streamhouse.segment.RangeReader;
import io.streamhouse.segment.SegmentContent;
import io.streamhouse.segment.SegmentReader;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// Segments in memory, on one thread, of records of 100 bytes. Writing and reading count records a
/// second, seeking microseconds in a segment of 256 MiB.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xmx2g", "-XX:+UseSerialGC"})
public class SegmentBenchmark {

  private static final int BATCHES = 2048;
  private static final int RECORDS = BATCHES * RECORDS_PER_BATCH;
  private static final long SEEK_BYTES = 256L << 20;

  /// What is written and read.
  @State(Scope.Benchmark)
  public static class Samples {
    final List<ByteBuffer> batches = SampleBatches.of(BATCHES * 17_000L).subList(0, BATCHES);
    final BlockCompressor compressor = new BlockCompressor();
    final ByteBuffer plain = bytes(SegmentBenchmark.write(batches, null));
    final ByteBuffer compressed = bytes(SegmentBenchmark.write(batches, compressor));
  }

  /// A large segment, in which offsets are looked for at random.
  @State(Scope.Benchmark)
  public static class Large {
    final Random random = new Random(1);
    final ByteBuffer segment;
    final SegmentReader opened;
    final long endOffset;

    public Large() {
      var content = SegmentBenchmark.write(SampleBatches.of(SEEK_BYTES), null);
      segment = bytes(content);
      endOffset = content.header().endOffset();
      try {
        opened = open(segment);
      } catch (IOException impossible) {
        throw new IllegalStateException(impossible);
      }
    }

    long offset() {
      return random.nextLong(endOffset);
    }
  }

  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public SegmentContent write(Samples samples) {
    return write(samples.batches, null);
  }

  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public SegmentContent writeLz4(Samples samples) {
    return write(samples.batches, samples.compressor);
  }

  /// As a consumer is served: whole batches, checked.
  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long read(Samples samples) throws IOException {
    return readBlocks(samples.plain);
  }

  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long readLz4(Samples samples) throws IOException {
    return readBlocks(samples.compressed);
  }

  /// As a consumer reads: every record.
  @Benchmark
  @OperationsPerInvocation(RECORDS)
  public long readEveryRecordLz4(Samples samples) throws IOException {
    var reader = open(samples.compressed);
    long sum = 0;
    for (int i = 0; i < reader.blocks().size(); i++) {
      for (var record : MemoryRecords.readableRecords(reader.readBlock(i)).records()) {
        sum += record.valueSize();
      }
    }
    return sum;
  }

  /// From nothing but the object to the batch that holds an offset.
  @Benchmark
  @BenchmarkMode(Mode.AverageTime)
  @OutputTimeUnit(TimeUnit.MICROSECONDS)
  public long seekAndOpen(Large large) throws IOException {
    return seek(open(large.segment), large.offset());
  }

  @Benchmark
  @BenchmarkMode(Mode.AverageTime)
  @OutputTimeUnit(TimeUnit.MICROSECONDS)
  public long seek(Large large) throws IOException {
    return seek(large.opened, large.offset());
  }

  private static long seek(SegmentReader reader, long offset) throws IOException {
    var block = reader.readBlock(reader.blockFor(offset));
    for (var batch : MemoryRecords.readableRecords(block).batches()) {
      if (batch.lastOffset() >= offset) {
        return batch.baseOffset();
      }
    }
    throw new IllegalStateException("no batch has offset " + offset);
  }

  private static SegmentContent write(
      List<ByteBuffer> batches, @Nullable BlockCompressor compressor) {
    var writer = new SegmentWriter(1, compressor);
    long offset = 0;
    for (var batch : batches) {
      writer.add(batch, offset, offset + RECORDS_PER_BATCH, offset, RECORDS_PER_BATCH, false);
      offset += RECORDS_PER_BATCH;
    }
    return writer.finish();
  }

  private static long readBlocks(ByteBuffer segment) throws IOException {
    var reader = open(segment);
    long bytes = 0;
    for (int i = 0; i < reader.blocks().size(); i++) {
      bytes += reader.readBlock(i).remaining();
    }
    return bytes;
  }

  /// Each read copies, as one from a file does.
  private static SegmentReader open(ByteBuffer segment) throws IOException {
    RangeReader range =
        (position, length) -> {
          int from = Math.toIntExact(position);
          int count = Math.min(length, segment.limit() - from);
          return ByteBuffer.allocate(count).put(0, segment, from, count);
        };
    return SegmentReader.open("benchmark", range, 0, segment.limit());
  }

  private static ByteBuffer bytes(SegmentContent content) {
    var bytes = ByteBuffer.allocate(Math.toIntExact(content.length()));
    content.buffers().forEach(buffer -> bytes.put(buffer.duplicate()));
    return bytes.flip();
  }
}

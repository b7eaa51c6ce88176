package io.streamhouse.broker.wal;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// What the write-ahead log writes and how long syncs take, measured where the files are.
public final class WalMetrics {

  private static final Duration[] SYNC_BUCKETS = {
    Duration.ofNanos(250_000),
    Duration.ofMillis(1),
    Duration.ofMillis(2),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(500),
    Duration.ofSeconds(2)
  };

  private static final double[] WRITE_BUCKETS = {
    1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20
  };

  private WalMetrics() {}

  public static void register(MeterRegistry meters, WriteAheadLog wal) {
    Gauge.builder("streamhouse.wal.size", wal, WriteAheadLog::sizeInBytes)
        .baseUnit("bytes")
        .description("Files of the write-ahead log; bounded by streamhouse.wal.max.bytes.")
        .register(meters);
    Gauge.builder("streamhouse.wal.refusing", wal, log -> log.refuses() == null ? 0 : 1)
        .description("1 while appends are refused because the log is full or failed, else 0.")
        .register(meters);
  }

  /// `files` with their writes and syncs measured.
  public static WalFiles measure(WalFiles files, MeterRegistry meters, TimeSource time) {
    var writes =
        DistributionSummary.builder("streamhouse.wal.write")
            .baseUnit("bytes")
            .description("Writes to the log: each a group of whatever partitions had queued.")
            .serviceLevelObjectives(WRITE_BUCKETS)
            .register(meters);
    var syncs =
        Timer.builder("streamhouse.wal.sync")
            .description("Syncs of the log's files.")
            .serviceLevelObjectives(SYNC_BUCKETS)
            .register(meters);
    return new Measured(files, writes, syncs, time);
  }

  private record Measured(WalFiles files, DistributionSummary writes, Timer syncs, TimeSource time)
      implements WalFiles {

    private WalFile measured(WalFile file) {
      return new MeasuredFile(file, writes, syncs, time);
    }

    @Override
    public List<Long> sequences() throws IOException {
      return files.sequences();
    }

    @Override
    public FileContent read(long sequence) throws IOException {
      return files.read(sequence);
    }

    @Override
    public PartReader parts(long sequence) throws IOException {
      return files.parts(sequence);
    }

    @Override
    public String name(long sequence) {
      return files.name(sequence);
    }

    @Override
    public WalFile create(long sequence, long bytes) throws IOException {
      return measured(files.create(sequence, bytes));
    }

    @Override
    public void spare(long sequence, long bytes) throws IOException {
      files.spare(sequence, bytes);
    }

    @Override
    public void retire(long sequence) throws IOException {
      files.retire(sequence);
    }

    @Override
    public WalFile recycle(long from, long to) throws IOException {
      return measured(files.recycle(from, to));
    }

    @Override
    public void discard(long sequence) throws IOException {
      files.discard(sequence);
    }

    @Override
    public WalFile open(long sequence) throws IOException {
      return measured(files.open(sequence));
    }

    @Override
    public void delete(long sequence) throws IOException {
      files.delete(sequence);
    }

    @Override
    public long usableBytes() throws IOException {
      return files.usableBytes();
    }
  }

  private record MeasuredFile(
      WalFiles.WalFile file, DistributionSummary writes, Timer syncs, TimeSource time)
      implements WalFiles.WalFile {

    @Override
    public long sizeInBytes() {
      return file.sizeInBytes();
    }

    @Override
    public void write(long position, ByteBuffer... buffers) throws IOException {
      long bytes = 0;
      for (var buffer : buffers) {
        bytes += buffer.remaining();
      }
      file.write(position, buffers);
      writes.record((double) bytes);
    }

    @Override
    public void sync() throws IOException {
      long began = time.nanos();
      file.sync();
      syncs.record(time.nanos() - began, TimeUnit.NANOSECONDS);
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}

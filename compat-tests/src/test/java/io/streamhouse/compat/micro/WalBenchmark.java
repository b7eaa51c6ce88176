package io.streamhouse.compat.micro;

import static io.streamhouse.compat.micro.SampleBatches.RECORDS_PER_BATCH;

import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.wal.DirectoryWalFiles;
import io.streamhouse.broker.wal.WalAppend;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalPlace;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.RecordBatches;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Appends of 16 KB in groups of 16, to files in the directory for temporary ones: batches a
/// second.
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xmx256m", "-XX:+UseSerialGC"})
public class WalBenchmark {

  private static final int GROUP = 16;
  private static final int GROUPS_BETWEEN_TRIMS = 64;

  /// A log that syncs as its subclass says; what is written is let go of now and then.
  public abstract static class Log implements WalAppend.Owner {
    private final PartitionId partition = new PartitionId(new UUID(1, 1), 0);
    private final RecordBatches batch = RecordBatches.of(SampleBatches.batch(new Random(1), 0));
    private final Path directory;
    private final WriteAheadLog wal;
    private long offset;
    private long groups;
    private long written;

    Log(WalOptions.Fsync fsync) {
      try {
        directory = Files.createTempDirectory("wal-benchmark");
        var options = new WalOptions(fsync, Duration.ofMillis(100), 64L << 20, 4L << 30, 1L << 20);
        wal =
            WriteAheadLog.open(
                DirectoryWalFiles.open(directory),
                new UUID(2, 2),
                options,
                TimeSource.system(),
                (_, _) -> {});
      } catch (IOException failure) {
        throw new IllegalStateException(failure);
      }
    }

    long appendGroup() throws IOException {
      for (int i = 0; i < GROUP; i++) {
        long end = offset + RECORDS_PER_BATCH;
        var refusal = wal.append(new WalAppend(partition, 1, offset, end, batch, this));
        if (refusal != null) {
          throw new IllegalStateException(refusal.toString());
        }
        offset = end;
      }
      while (wal.poll()) {
        // Until nothing is queued.
      }
      if (++groups % GROUPS_BETWEEN_TRIMS == 0) {
        wal.trim((_, _, _) -> false, false);
      }
      return written;
    }

    @Override
    public void written(WalAppend append, WalPlace place) {
      written++;
    }

    @Override
    public void failed(WalAppend append, String why) {
      throw new IllegalStateException(why);
    }

    @TearDown
    public void close() throws IOException {
      wal.shut();
      wal.close();
      try (var files = Files.walk(directory)) {
        for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  /// Every group is synced.
  @State(Scope.Thread)
  public static class Synced extends Log {
    public Synced() {
      super(WalOptions.Fsync.ALWAYS);
    }
  }

  /// No group is synced.
  @State(Scope.Thread)
  public static class Unsynced extends Log {
    public Unsynced() {
      super(WalOptions.Fsync.NEVER);
    }
  }

  @Benchmark
  @OperationsPerInvocation(GROUP)
  public long appendSynced(Synced log) throws IOException {
    return log.appendGroup();
  }

  @Benchmark
  @OperationsPerInvocation(GROUP)
  public long appendUnsynced(Unsynced log) throws IOException {
    return log.appendGroup();
  }
}

package io.streamhouse.compat.micro;

import io.streamhouse.protocol.BatchDefect;
import io.streamhouse.protocol.RecordBatch;
import io.streamhouse.protocol.RecordBatches;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/// What every produced batch of 16 KB goes through before it is queued.
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 1,
    jvmArgsAppend = {"-Xmx256m", "-XX:+UseSerialGC"})
public class BatchBenchmark {

  /// One batch.
  @State(Scope.Benchmark)
  public static class Sample {
    final RecordBatches batch = RecordBatches.of(SampleBatches.batch(new Random(1), 0));
  }

  @Benchmark
  public Optional<BatchDefect> check(Sample sample) {
    return sample.batch.defect();
  }

  @Benchmark
  public RecordBatch stamp(Sample sample) {
    return sample.batch.stamp(0, 1);
  }
}

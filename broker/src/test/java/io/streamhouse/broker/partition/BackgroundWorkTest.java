package io.streamhouse.broker.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

class BackgroundWorkTest {

  private static final PartitionId P = new PartitionId(new UUID(1, 2), 0);
  private static final long NOW = 1_700_000_000_000L;
  private static final Executor FULL =
      _ -> {
        throw new RejectedExecutionException("full");
      };

  private static BackgroundWork work(Executor executor) {
    return new BackgroundWork(
        new InMemoryMetadata(new Random(1)).manifest(),
        row -> {
          throw new AssertionError("no segment is there to open: " + row);
        },
        executor,
        executor,
        () -> {});
  }

  @Test
  void fullPoolsFailTheStagesAndNotThePartition() {
    var work = work(FULL);
    var batch = Batches.plain(NOW, "a");
    assertThat(work.rewrite(batch, PartitionSettings.DEFAULT, NOW).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(work.loadProducers(P, 0, 10).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
    assertThat(work.raiseLogStart(new Lease<>(P, new UUID(9, 9), 1), 5).exceptionNow())
        .isInstanceOf(RejectedExecutionException.class);
  }
}

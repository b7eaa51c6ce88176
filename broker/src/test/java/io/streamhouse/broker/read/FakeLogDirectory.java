package io.streamhouse.broker.read;

import io.streamhouse.metadata.PartitionId;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// A directory of 1,000 bytes, of which 400 are free, with the sizes it is told.
public final class FakeLogDirectory implements LogDirectory {

  public static final String PATH = "/data/streamhouse";

  private final Map<PartitionId, Long> sizes = new HashMap<>();
  private @Nullable RuntimeException failure;

  public FakeLogDirectory size(PartitionId partition, long bytes) {
    sizes.put(partition, bytes);
    return this;
  }

  /// Nothing is told from now on.
  public void fail(RuntimeException why) {
    failure = why;
  }

  @Override
  public String path() {
    return PATH;
  }

  @Override
  public CompletableFuture<Usage> usage(@Nullable Set<UUID> topics) {
    if (failure != null) {
      return CompletableFuture.failedFuture(failure);
    }
    var asked = new HashMap<>(sizes);
    asked.keySet().removeIf(id -> topics != null && !topics.contains(id.topicId()));
    return CompletableFuture.completedFuture(new Usage(asked, 1000, 400));
  }
}

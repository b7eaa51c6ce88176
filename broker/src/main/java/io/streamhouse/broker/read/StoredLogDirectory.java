package io.streamhouse.broker.read;

import io.streamhouse.broker.partition.Partition;
import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The data directory, and the sizes of the partitions led here: their committed segments, which
/// one query adds up for all of them, and their tails.
public final class StoredLogDirectory implements LogDirectory {

  private static final Logger log = LoggerFactory.getLogger(StoredLogDirectory.class);

  private final Path path;
  private final Supplier<Collection<Partition>> led;
  private final SegmentManifest manifest;
  private final UUID incarnation;
  private final Executor blocking;

  /// @param led the partitions led now
  /// @param incarnation whose leases count
  /// @param blocking runs metadata reads
  public StoredLogDirectory(
      Path path,
      Supplier<Collection<Partition>> led,
      SegmentManifest manifest,
      UUID incarnation,
      Executor blocking) {
    this.path = path.toAbsolutePath().normalize();
    this.led = led;
    this.manifest = manifest;
    this.incarnation = incarnation;
    this.blocking = blocking;
  }

  @Override
  public String path() {
    return path.toString();
  }

  @Override
  public CompletableFuture<Usage> usage(@Nullable Set<UUID> topics) {
    return Stages.supply(blocking, () -> measure(topics));
  }

  private Usage measure(@Nullable Set<UUID> topics) {
    // Tails first: what is flushed meanwhile counts twice for once, but is never missing.
    var sizes = new HashMap<PartitionId, Long>();
    for (var partition : led.get()) {
      if (topics == null || topics.contains(partition.id().topicId())) {
        sizes.put(partition.id(), partition.unflushedBytes());
      }
    }
    var stored =
        sizes.isEmpty() ? Map.<PartitionId, Long>of() : manifest.storedBytes(incarnation, topics);
    stored.forEach((id, bytes) -> sizes.computeIfPresent(id, (_, tail) -> tail + bytes));
    try {
      var volume = Files.getFileStore(path);
      return new Usage(sizes, volume.getTotalSpace(), volume.getUsableSpace());
    } catch (IOException unreadable) {
      log.warn("cannot tell the size of the data directory's volume", unreadable);
      return new Usage(sizes, -1, -1);
    }
  }
}

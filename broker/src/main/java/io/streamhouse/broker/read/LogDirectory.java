package io.streamhouse.broker.read;

import io.streamhouse.metadata.PartitionId;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// What Kafka calls a log directory, of which each agent has one: its data directory. Nothing
/// blocks.
public interface LogDirectory {

  /// Absolute; what names the directory to clients.
  String path();

  /// How much the logs led here take, now.
  ///
  /// @param topics of which topics; null for all
  /// @return fails with [io.streamhouse.metadata.MetadataUnavailable] where the metadata store does
  ///   not answer
  CompletableFuture<Usage> usage(@Nullable Set<UUID> topics);

  /// @param sizes bytes of every partition led here, wherever they are stored
  /// @param totalBytes of the volume the directory is on; -1 unknown
  /// @param usableBytes what is free of them; -1 unknown
  record Usage(Map<PartitionId, Long> sizes, long totalBytes, long usableBytes) {
    public Usage {
      sizes = Map.copyOf(sizes);
    }
  }
}

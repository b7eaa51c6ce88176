package io.streamhouse.broker.partition;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.Stages;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.protocol.BatchContents;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// [Background] over the metadata store and the segments. Blocking calls run on the executor for
/// them, re-compression on the one for computing.
public final class BackgroundWork implements Background {

  private static final Logger log = LoggerFactory.getLogger(BackgroundWork.class);

  private final SegmentManifest manifest;
  private final StoredProducers producers;
  private final Executor blocking;
  private final Executor computing;
  private final TailChanges tails;
  private final FlushSignal flush;
  private final Duration producerExpiration;
  private final TimeSource time;

  /// Opens a committed segment; blocks.
  public interface SegmentOpener {
    SegmentReader open(Segment segment) throws IOException;
  }

  /// @param producerExpiration after which producers that wrote nothing are forgotten
  public BackgroundWork(
      SegmentManifest manifest,
      SegmentOpener segments,
      Executor blocking,
      Executor computing,
      PartitionLeases leases,
      FlushSignal flush,
      Duration producerExpiration,
      TimeSource time) {
    this.manifest = manifest;
    this.producers = new StoredProducers(manifest, segments);
    this.blocking = blocking;
    this.computing = computing;
    this.tails = new TailChanges(leases, blocking);
    this.flush = flush;
    this.producerExpiration = producerExpiration;
    this.time = time;
  }

  @Override
  public CompletableFuture<List<ProducerEntry>> loadProducers(
      PartitionId partition, long committedEnd) {
    return Stages.supply(
        blocking,
        () -> {
          try {
            return producers.asOf(partition, committedEnd);
          } catch (IOException failed) {
            throw new UncheckedIOException(failed);
          }
        });
  }

  @Override
  public CompletableFuture<RecordBatches> rewrite(
      RecordBatches batches, PartitionSettings settings, long nowMillis) {
    return Stages.supply(
        computing,
        () -> {
          var stored = rewritten(batches, settings);
          if (settings.logAppendTime()) {
            stored.stampLogAppendTime(nowMillis);
          }
          return stored;
        });
  }

  /// The batch's checksum is right, yet what is in it may be anything: whatever reading it throws
  /// is the batch's fault, and would be thrown again however often it is sent.
  private static RecordBatches rewritten(RecordBatches batches, PartitionSettings settings) {
    try {
      if (settings.keysRequired() && BatchContents.anyKeyless(batches)) {
        throw new Refused(new Failure.InvalidRecord("a record without key in a compacted topic"));
      }
      return settings.recompresses(batches.single())
          ? BatchContents.recompress(batches, settings.compression(), settings.compressionLevel())
          : batches.retain();
    } catch (Refused refused) {
      throw refused;
    } catch (BatchContents.ContentsTooLarge tooLarge) {
      throw new Refused(new Failure.InvalidRecord(String.valueOf(tooLarge.getMessage())));
    } catch (RuntimeException unreadable) {
      log.debug("contents of a batch cannot be read", unreadable);
      throw new Refused(new Failure.CorruptBatch());
    }
  }

  @Override
  public CompletableFuture<Boolean> raiseLogStart(
      Lease<PartitionId> lease, long logStart, long committedEnd) {
    return Stages.supply(
        blocking,
        () -> {
          try {
            long expired = time.wallMillis() - producerExpiration.toMillis();
            var kept = producers.kept(lease.key(), logStart, committedEnd, expired);
            return manifest.raiseLogStart(
                lease, logStart, kept.isEmpty() ? null : StoredProducers.encode(kept));
          } catch (IOException failed) {
            throw new UncheckedIOException(failed);
          }
        });
  }

  @Override
  public CompletableFuture<Boolean> changeTail(Lease<PartitionId> lease, boolean ours) {
    return tails.change(lease, ours);
  }

  @Override
  public void requestFlush() {
    flush.request();
  }

  @Override
  public void wakeFlusher() {
    flush.wake();
  }
}

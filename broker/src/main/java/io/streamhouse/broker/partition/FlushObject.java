package io.streamhouse.broker.partition;

import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.broker.storage.ObjectStore.PutResult;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.BlockCompressor;
import io.streamhouse.segment.ObjectKey;
import io.streamhouse.segment.ObjectWriter;
import io.streamhouse.segment.ProducerState;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// One object on its way into the store, with a segment for each slice, in (topic, partition)
/// order.
///
/// @param batches whose memory the content shares
/// @param segments of `slices`, in the same order
record FlushObject(
    UUID id,
    String key,
    List<FlushSlice> slices,
    List<RecordBatches> batches,
    List<NewSegment> segments,
    List<ByteBuffer> content) {

  /// The only organisation there is until there are several.
  private static final String ORG = "default";

  /// Builds the object; blocks where batches must be read back.
  ///
  /// @param slices at least one
  /// @param compressor null stores blocks as their producers sent them
  static FlushObject of(UUID id, List<FlushSlice> slices, @Nullable BlockCompressor compressor)
      throws IOException {
    var ordered = new ArrayList<>(slices);
    ordered.sort((a, b) -> a.partition().id().compareTo(b.partition().id()));
    var object = new ObjectWriter();
    var segments = new ArrayList<NewSegment>();
    var loaded = new ArrayList<RecordBatches>();
    for (var slice : ordered) {
      var segment = new SegmentWriter(slice.leaderEpoch(), compressor);
      var whole = load(slice, loaded);
      for (var batches : whole) {
        var batch = batches.single();
        segment.add(
            batches.bytes(),
            batch.baseOffset(),
            batch.endOffset(),
            batch.maxTimestamp(),
            batch.recordCount(),
            batch.compression() != 0);
      }
      segment.producers(
          new ProducerState(
              slice.snapshot(), slice.producers().stream().map(ProducerEntry::snapshot).toList()));
      var placed = object.add(segment.finish());
      segments.add(
          new NewSegment(
              slice.partition().lease(),
              slice.leaderEpoch(),
              slice.baseOffset(),
              slice.endOffset(),
              placed.position(),
              placed.length(),
              placed.header().records(),
              placed.header().maxTimestamp()));
    }
    return new FlushObject(id, key(id, ordered), ordered, loaded, segments, object.content());
  }

  private static List<RecordBatches> load(FlushSlice slice, List<RecordBatches> loaded)
      throws IOException {
    try {
      var whole = slice.load();
      loaded.addAll(whole);
      return whole;
    } catch (IOException | RuntimeException failed) {
      loaded.forEach(RecordBatches::release);
      throw failed;
    }
  }

  /// Lets go of what it holds.
  void release() {
    batches.forEach(RecordBatches::release);
  }

  private static String key(UUID id, List<FlushSlice> slices) {
    var first = slices.getFirst();
    var partition = first.partition().id();
    return slices.size() == 1
        ? new ObjectKey.OfPartition(
                ORG,
                partition.topicId(),
                partition.partition(),
                first.baseOffset(),
                first.partition().lease().epoch(),
                id)
            .key()
        : new ObjectKey.Mixed(ORG, id).key();
  }

  /// Stores the object; blocks. Repeated after an unknown outcome it finds its own work done.
  void upload(ObjectStore store) throws IOException {
    switch (store.putNew(key, content, Map.of())) {
      case PutResult.Created _ -> {}
      case PutResult.AlreadyExists(ObjectInfo existing) -> {
        var ours = ObjectInfo.of(content);
        if (!existing.equals(ours)) {
          throw new IllegalStateException(
              "object %s exists with %s, expected %s".formatted(key, existing, ours));
        }
      }
    }
  }
}

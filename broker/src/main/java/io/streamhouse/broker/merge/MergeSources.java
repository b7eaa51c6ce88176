package io.streamhouse.broker.merge;

import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.segment.RangeReader;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/// Reads the segments that go into one object, from the store and not through the caches, which are
/// for readers.
///
/// Objects are read in chunks that are kept as long as there is room for them, because segments of
/// neighbouring partitions lie beside one another in each of them: what was flushed at one time
/// costs few requests, however many partitions it belongs to. Of a chunk only what lies between the
/// first and the last byte wanted is read. Confined to its caller.
final class MergeSources {

  /// For all chunks in memory together.
  private static final int CHUNKS_BYTES = 32 << 20;

  private static final int LEAST_CHUNK_BYTES = 128 << 10;
  private static final int MOST_CHUNK_BYTES = 4 << 20;

  private final ObjectStore store;
  private final int chunkBytes;

  /// Of each object where the segments are that will be read, by position.
  private final Map<String, NavigableMap<Long, Long>> wanted = new HashMap<>();

  /// The one used last is last.
  private final LinkedHashMap<Chunk, ByteBuffer> chunks = new LinkedHashMap<>(16, 0.75f, true);

  private int chunksBytes;

  private record Chunk(String object, long number) {}

  /// @param rows all that will be read
  MergeSources(ObjectStore store, Collection<Segment> rows) {
    this.store = store;
    for (var row : rows) {
      wanted
          .computeIfAbsent(row.object(), _ -> new TreeMap<>())
          .put(row.position(), row.position() + row.length());
    }
    this.chunkBytes = Math.clamp(CHUNKS_BYTES / wanted.size(), LEAST_CHUNK_BYTES, MOST_CHUNK_BYTES);
  }

  SegmentReader open(Segment row) throws IOException {
    RangeReader range = (position, length) -> read(row.object(), position, length);
    return SegmentReader.open(row.object(), range, row.position(), row.length());
  }

  private ByteBuffer read(String object, long position, int length) throws IOException {
    if (length >= MOST_CHUNK_BYTES) {
      return store.get(object, position, length);
    }
    var bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      long at = position + bytes.position();
      long number = at / chunkBytes;
      long from = firstWanted(object, number);
      var chunk = chunk(new Chunk(object, number), from);
      int skipped = (int) (at - from);
      int some = Math.min(bytes.remaining(), chunk.limit() - skipped);
      if (some <= 0) {
        break;
      }
      bytes.put(chunk.slice(skipped, some));
    }
    return bytes.flip();
  }

  private ByteBuffer chunk(Chunk chunk, long from) throws IOException {
    var kept = chunks.get(chunk);
    if (kept != null) {
      return kept;
    }
    int length = (int) (lastWanted(chunk.object(), chunk.number()) - from);
    var bytes = store.get(chunk.object(), from, length).slice();
    chunks.put(chunk, bytes);
    chunksBytes += bytes.limit();
    var eldest = chunks.entrySet().iterator();
    while (chunksBytes > CHUNKS_BYTES && chunks.size() > 1) {
      chunksBytes -= eldest.next().getValue().limit();
      eldest.remove();
    }
    return bytes;
  }

  private NavigableMap<Long, Long> ranges(String object) {
    var ranges = wanted.get(object);
    if (ranges == null) {
      throw new IllegalArgumentException(object + " is none of the sources");
    }
    return ranges;
  }

  /// The first byte in a chunk that lies in a segment.
  private long firstWanted(String object, long number) {
    long begin = number * chunkBytes;
    var ranges = ranges(object);
    var before = ranges.floorEntry(begin);
    if (before != null && before.getValue() > begin) {
      return begin;
    }
    var next = ranges.higherKey(begin);
    return next == null ? begin : Math.min(next, begin + chunkBytes);
  }

  /// One past the last byte in a chunk that lies in a segment.
  private long lastWanted(String object, long number) {
    long end = (number + 1) * chunkBytes;
    var last = ranges(object).lowerEntry(end);
    return last == null ? end : Math.min(end, last.getValue());
  }
}

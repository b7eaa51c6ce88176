package io.streamhouse.broker.storage;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.BatchMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;

/// Calls to the object store, measured at its interface, and what the segment cache saved.
public final class StorageMetrics {

  private static final Duration[] BUCKETS = {
    Duration.ofMillis(1),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(250),
    Duration.ofSeconds(1),
    Duration.ofSeconds(5),
    Duration.ofSeconds(30)
  };

  private StorageMetrics() {}

  public static void register(MeterRegistry meters, SegmentCache cache) {
    var counters = cache.counters();
    counter(
        meters,
        "streamhouse.cache.hits",
        counters,
        CacheCounters::hits,
        "Blocks of segments that were in memory when asked for.");
    counter(
        meters,
        "streamhouse.cache.misses",
        counters,
        CacheCounters::misses,
        "Blocks that were not, those being loaded already included.");
    counter(
        meters,
        "streamhouse.cache.failures",
        counters,
        CacheCounters::failures,
        "Reads of segments that failed.");
    counter(
        meters,
        "streamhouse.cache.ahead",
        counters,
        CacheCounters::ahead,
        "Blocks of segments loaded before a reader wanted them.");
    counter(
        meters,
        "streamhouse.cache.grouped",
        counters,
        CacheCounters::grouped,
        "Small segments taken from what was read of their object for several at once.");
    Gauge.builder("streamhouse.cache.memory", cache, SegmentCache::blockBytes)
        .baseUnit("bytes")
        .description("Blocks of segments in memory, decompressed.")
        .register(meters);
    Gauge.builder("streamhouse.cache.referenced", BatchMemory::inUse)
        .baseUnit("bytes")
        .description("Blocks of segments in memory, with those that only answers under way need.")
        .register(meters);
    FunctionCounter.builder("streamhouse.cache.loaded", counters, CacheCounters::loadedBytes)
        .baseUnit("bytes")
        .description("Bytes of blocks loaded into memory, decompressed.")
        .register(meters);
  }

  public static void register(MeterRegistry meters, DiskCache cache) {
    counter(
        meters,
        "streamhouse.cache.disk.hits",
        cache,
        DiskCache::hits,
        "Ranges of objects that were on disk when they were wanted.");
    counter(
        meters,
        "streamhouse.cache.disk.misses",
        cache,
        DiskCache::misses,
        "Ranges of objects that were not, and were read from the object store.");
    counter(
        meters,
        "streamhouse.cache.disk.evicted",
        cache,
        DiskCache::evicted,
        "Ranges of objects deleted from disk to make room.");
    counter(
        meters,
        "streamhouse.cache.disk.failures",
        cache,
        DiskCache::failures,
        "Files of the disk cache that could not be used.");
    Gauge.builder("streamhouse.cache.disk", cache, DiskCache::bytes)
        .baseUnit("bytes")
        .description("Ranges of objects on disk.")
        .register(meters);
  }

  private static <T> void counter(
      MeterRegistry meters,
      String name,
      T counters,
      ToDoubleFunction<T> value,
      String description) {
    FunctionCounter.builder(name, counters, value).description(description).register(meters);
  }

  /// `store` with its calls measured.
  public static ObjectStore measure(ObjectStore store, MeterRegistry meters, TimeSource time) {
    return new Measured(store, meters, time);
  }

  private enum Call {
    PUT,
    GET,
    HEAD,
    LIST,
    DELETE
  }

  private static final class Measured implements ObjectStore {

    private final ObjectStore store;
    private final TimeSource time;
    private final Map<Call, Timer> timers = new EnumMap<>(Call.class);
    private final Map<Call, LongAdder> errors = new EnumMap<>(Call.class);
    private final LongAdder writtenBytes = new LongAdder();
    private final LongAdder readBytes = new LongAdder();

    Measured(ObjectStore store, MeterRegistry meters, TimeSource time) {
      this.store = store;
      this.time = time;
      for (var call : Call.values()) {
        String name = call.name().toLowerCase(Locale.ROOT);
        timers.put(
            call,
            Timer.builder("streamhouse.object.store.calls")
                .tag("call", name)
                .description("Calls to the object store, failed ones included.")
                .serviceLevelObjectives(BUCKETS)
                .register(meters));
        var failed = new LongAdder();
        errors.put(call, failed);
        FunctionCounter.builder("streamhouse.object.store.errors", failed, LongAdder::sum)
            .tag("call", name)
            .description("Calls to the object store that failed; of deletes, each key that did.")
            .register(meters);
      }
      FunctionCounter.builder("streamhouse.object.store.written", writtenBytes, LongAdder::sum)
          .baseUnit("bytes")
          .description("Bytes of objects uploaded.")
          .register(meters);
      FunctionCounter.builder("streamhouse.object.store.read", readBytes, LongAdder::sum)
          .baseUnit("bytes")
          .description("Bytes of objects read.")
          .register(meters);
    }

    private interface Body<T> {
      T run() throws IOException;
    }

    private <T> T timed(Call call, Body<T> body) throws IOException {
      long began = time.nanos();
      try {
        return body.run();
      } catch (ObjectMissing missing) {
        // An answer like any other.
        throw missing;
      } catch (IOException | RuntimeException failed) {
        Objects.requireNonNull(errors.get(call)).increment();
        throw failed;
      } finally {
        Objects.requireNonNull(timers.get(call)).record(time.nanos() - began, TimeUnit.NANOSECONDS);
      }
    }

    @Override
    public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
        throws IOException {
      var result = timed(Call.PUT, () -> store.putNew(key, content, metadata));
      content.forEach(buffer -> writtenBytes.add(buffer.remaining()));
      return result;
    }

    @Override
    public ByteBuffer get(String key, long position, int length) throws IOException {
      var bytes = timed(Call.GET, () -> store.get(key, position, length));
      readBytes.add(bytes.remaining());
      return bytes;
    }

    @Override
    public void read(String key, long position, List<ByteBuffer> into) throws IOException {
      long room = into.stream().mapToLong(ByteBuffer::remaining).sum();
      var _ =
          timed(
              Call.GET,
              () -> {
                store.read(key, position, into);
                return true;
              });
      readBytes.add(room - into.stream().mapToLong(ByteBuffer::remaining).sum());
    }

    @Override
    public Optional<ObjectInfo> head(String key) throws IOException {
      return timed(Call.HEAD, () -> store.head(key));
    }

    @Override
    public List<String> list(String prefix, String startAfter, int limit) throws IOException {
      return timed(Call.LIST, () -> store.list(prefix, startAfter, limit));
    }

    @Override
    public Map<String, DeleteResult> delete(Collection<String> keys) {
      long began = time.nanos();
      var results = store.delete(keys);
      Objects.requireNonNull(timers.get(Call.DELETE))
          .record(time.nanos() - began, TimeUnit.NANOSECONDS);
      long failed = results.values().stream().filter(DeleteResult.Failed.class::isInstance).count();
      Objects.requireNonNull(errors.get(Call.DELETE)).add(failed);
      return results;
    }

    @Override
    public void close() {
      store.close();
    }
  }
}

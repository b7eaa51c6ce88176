package io.streamhouse.broker.storage;

import com.github.benmanes.caffeine.cache.Cache;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/// A cache of which each missing value is loaded once, however many want it. Who finds a value
/// missing claims it, and then must [#keep], [#answer] or [#fail] it; others wait for that.
///
/// A value is in the cache, and a failure forgotten, before anyone hears of it: whoever comes again
/// after a failure causes a new load. Thread-safe.
final class LoadOnce<K, V> {

  private final Cache<K, V> loaded;
  private final ConcurrentMap<K, CompletableFuture<V>> loading = new ConcurrentHashMap<>();

  LoadOnce(Cache<K, V> loaded) {
    this.loaded = loaded;
  }

  Cache<K, V> loaded() {
    return loaded;
  }

  /// In memory, or on its way there.
  boolean has(K key) {
    return loaded.getIfPresent(key) != null || loading.containsKey(key);
  }

  /// What others load now; null if nobody does.
  @Nullable CompletableFuture<V> underWay(K key) {
    return loading.get(key);
  }

  interface Claimed<V> {
    void load(CompletableFuture<V> claim) throws IOException;
  }

  /// The value, soon: as others load it, or as `load` begins to.
  CompletableFuture<V> get(K key, Claimed<V> load) {
    var value = loaded.getIfPresent(key);
    if (value != null) {
      return CompletableFuture.completedFuture(value);
    }
    var mine = new CompletableFuture<V>();
    var others = loading.putIfAbsent(key, mine);
    if (others != null) {
      return others;
    }
    try {
      load.load(mine);
    } catch (IOException | RuntimeException refused) {
      fail(key, mine, refused);
    }
    return mine;
  }

  /// Claims a value that is missing and that nobody loads; null if it is not so.
  @Nullable CompletableFuture<V> claim(K key) {
    if (loaded.getIfPresent(key) != null) {
      return null;
    }
    var mine = new CompletableFuture<V>();
    return loading.putIfAbsent(key, mine) == null ? mine : null;
  }

  /// What came into the cache between the look there and the claim.
  @Nullable V arrived(K key) {
    return loaded.getIfPresent(key);
  }

  void keep(K key, CompletableFuture<V> claim, V value) {
    loaded.put(key, value);
    answer(key, claim, value);
  }

  /// Ends a claim with a value that is in the cache already.
  void answer(K key, CompletableFuture<V> claim, V value) {
    loading.remove(key, claim);
    claim.complete(value);
  }

  void fail(K key, CompletableFuture<V> claim, Throwable failure) {
    loading.remove(key, claim);
    claim.completeExceptionally(failure);
  }
}

package io.streamhouse.broker.sim;

import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/// A store that, while told to, fails half its calls: before or after it did as asked. What failed
/// may still arrive, once more even, at any time later.
final class FlakyStore implements ObjectStore {

  private final ObjectStore store;
  private final RandomGenerator random;
  private boolean failing;
  private boolean cut;

  /// Puts that are still on their way although their caller gave them up or was answered.
  private final ArrayDeque<Runnable> late = new ArrayDeque<>();

  private static final int MOST_LATE = 16;

  FlakyStore(ObjectStore store, RandomGenerator random) {
    this.store = store;
    this.random = random;
  }

  void failing(boolean fails) {
    failing = fails;
  }

  /// Whether nothing gets through.
  void cut(boolean nothing) {
    cut = nothing;
  }

  /// Lets the oldest put that was still on its way arrive.
  void arrive() {
    var put = late.poll();
    if (put != null) {
      put.run();
    }
  }

  private void maybeFail() throws IOException {
    if (cut || (failing && random.nextInt(4) == 0)) {
      throw new IOException("simulated");
    }
  }

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException {
    if (failing && late.size() < MOST_LATE && random.nextInt(4) == 0) {
      var copies = content.stream().map(FlakyStore::copy).toList();
      late.add(() -> putLate(key, copies, metadata));
    }
    maybeFail();
    var result = store.putNew(key, content, metadata);
    maybeFail();
    return result;
  }

  private static ByteBuffer copy(ByteBuffer bytes) {
    return ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
  }

  private void putLate(String key, List<ByteBuffer> content, Map<String, String> metadata) {
    try {
      var _ = store.putNew(key, content, metadata);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }

  @Override
  public ByteBuffer get(String key, long position, int length) throws IOException {
    maybeFail();
    return store.get(key, position, length);
  }

  @Override
  public Optional<ObjectInfo> head(String key) throws IOException {
    maybeFail();
    return store.head(key);
  }

  @Override
  public List<String> list(String prefix, String startAfter, int limit) throws IOException {
    return store.list(prefix, startAfter, limit);
  }

  @Override
  public Map<String, DeleteResult> delete(Collection<String> keys) {
    return store.delete(keys);
  }

  @Override
  public void close() {}
}

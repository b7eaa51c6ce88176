package io.streamhouse.broker.sim;

import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/// A store that, while told to, fails half its calls: before or after it did as asked.
final class FlakyStore implements ObjectStore {

  private final ObjectStore store;
  private final RandomGenerator random;
  private boolean failing;

  FlakyStore(ObjectStore store, RandomGenerator random) {
    this.store = store;
    this.random = random;
  }

  void failing(boolean fails) {
    failing = fails;
  }

  private void maybeFail() throws IOException {
    if (failing && random.nextInt(4) == 0) {
      throw new IOException("simulated");
    }
  }

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException {
    maybeFail();
    var result = store.putNew(key, content, metadata);
    maybeFail();
    return result;
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

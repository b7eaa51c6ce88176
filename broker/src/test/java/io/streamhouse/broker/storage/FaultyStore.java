package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/// A store that fails as real ones do, in an order that `random` decides: the same seed and calls
/// give the same faults. Calls are made one at a time.
public final class FaultyStore implements ObjectStore {

  private final ObjectStore store;
  private final RandomGenerator random;
  private final Pause pause;
  private Faults faults = Faults.NONE;
  private long injected;

  /// Chances, each from 0 to 1.
  ///
  /// @param before the call fails and did nothing
  /// @param after the call did its work, but its answer is lost
  /// @param delay the call takes up to `maxDelayMillis`
  /// @param truncated a read gives fewer bytes than there are
  /// @param damaged a read gives one wrong byte
  public record Faults(
      double before,
      double after,
      double delay,
      long maxDelayMillis,
      double truncated,
      double damaged) {

    public static final Faults NONE = new Faults(0, 0, 0, 0, 0, 0);

    /// Every call fails.
    public static final Faults DOWN = new Faults(1, 0, 0, 0, 0, 0);
  }

  /// Lets time pass: simulated time, in simulations.
  @FunctionalInterface
  public interface Pause {
    void millis(long millis) throws IOException;
  }

  public FaultyStore(ObjectStore store, RandomGenerator random, Pause pause) {
    this.store = store;
    this.random = random;
    this.pause = pause;
  }

  /// Sets what happens from now on.
  public synchronized void faults(Faults faults) {
    this.faults = faults;
  }

  /// How many calls did not end as they should have.
  public synchronized long injected() {
    return injected;
  }

  @Override
  public synchronized PutResult putNew(
      String key, List<ByteBuffer> content, Map<String, String> metadata) throws IOException {
    before("put " + key);
    var result = store.putNew(key, content, metadata);
    after("put " + key);
    return result;
  }

  @Override
  public synchronized ByteBuffer get(String key, long position, int length) throws IOException {
    before("get " + key);
    var bytes = store.get(key, position, length);
    after("get " + key);
    if (bytes.hasRemaining() && chance(faults.truncated)) {
      bytes.limit(bytes.position() + random.nextInt(bytes.remaining()));
    }
    if (bytes.hasRemaining() && chance(faults.damaged)) {
      int at = bytes.position() + random.nextInt(bytes.remaining());
      bytes.put(at, (byte) (bytes.get(at) ^ (1 + random.nextInt(255))));
    }
    return bytes;
  }

  @Override
  public synchronized Optional<ObjectInfo> head(String key) throws IOException {
    before("head " + key);
    var info = store.head(key);
    after("head " + key);
    return info;
  }

  @Override
  public synchronized List<String> list(String prefix, String startAfter, int limit)
      throws IOException {
    before("list " + prefix);
    var keys = store.list(prefix, startAfter, limit);
    after("list " + prefix);
    return keys;
  }

  @Override
  public synchronized Map<String, DeleteResult> delete(Collection<String> keys) {
    var results = new LinkedHashMap<String, DeleteResult>();
    for (var key : new ArrayList<>(keys)) {
      try {
        before("delete " + key);
        results.putAll(store.delete(List.of(key)));
        after("delete " + key);
      } catch (IOException failure) {
        results.put(key, new DeleteResult.Failed(failure));
      }
    }
    return results;
  }

  @Override
  public void close() {
    store.close();
  }

  private void before(String call) throws IOException {
    if (chance(faults.delay)) {
      pause.millis(random.nextLong(faults.maxDelayMillis + 1));
    }
    if (chance(faults.before)) {
      throw new IOException("injected before " + call);
    }
  }

  private void after(String call) throws IOException {
    if (chance(faults.after)) {
      throw new IOException("injected after " + call);
    }
  }

  private boolean chance(double chance) {
    boolean happens = random.nextDouble() < chance;
    injected += happens ? 1 : 0;
    return happens;
  }
}

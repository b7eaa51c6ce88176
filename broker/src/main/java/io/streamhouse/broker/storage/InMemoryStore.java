package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;

/// Objects in this process's memory, for simulations and tests.
public final class InMemoryStore implements ObjectStore {

  private final ConcurrentSkipListMap<String, byte[]> objects = new ConcurrentSkipListMap<>();

  @Override
  public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata) {
    var info = ObjectInfo.of(content);
    var bytes = ByteBuffer.allocate(Math.toIntExact(info.length()));
    content.forEach(buffer -> bytes.put(buffer.duplicate()));
    var existing = objects.putIfAbsent(ObjectNames.check(key), bytes.array());
    return existing == null
        ? new PutResult.Created(info)
        : new PutResult.AlreadyExists(infoOf(existing));
  }

  @Override
  public ByteBuffer get(String key, long position, int length) throws IOException {
    if (position < 0 || length < 0) {
      throw new IllegalArgumentException(length + " bytes at " + position);
    }
    var bytes = objects.get(ObjectNames.check(key));
    if (bytes == null) {
      throw new ObjectMissing(key);
    }
    int from = (int) Math.min(position, bytes.length);
    int size = Math.min(length, bytes.length - from);
    return ByteBuffer.allocate(size).put(bytes, from, size).flip();
  }

  @Override
  public Optional<ObjectInfo> head(String key) {
    return Optional.ofNullable(objects.get(ObjectNames.check(key))).map(InMemoryStore::infoOf);
  }

  @Override
  public List<String> list(String prefix, String startAfter, int limit) {
    return objects.tailMap(prefix, true).keySet().stream()
        .takeWhile(key -> key.startsWith(prefix))
        .filter(key -> key.compareTo(startAfter) > 0)
        .limit(limit)
        .toList();
  }

  @Override
  public Map<String, DeleteResult> delete(Collection<String> keys) {
    var results = new LinkedHashMap<String, DeleteResult>();
    for (var key : keys) {
      objects.remove(ObjectNames.check(key));
      results.put(key, new DeleteResult.Gone());
    }
    return results;
  }

  @Override
  public void close() {}

  private static ObjectInfo infoOf(byte[] bytes) {
    return ObjectInfo.of(List.of(ByteBuffer.wrap(bytes)));
  }
}

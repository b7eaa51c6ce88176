package io.streamhouse.broker.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Another process that puts objects until it is killed, and prints the key of each that is in.
final class ObjectPutter {

  private ObjectPutter() {}

  static void main(String[] args) throws Exception {
    try (var store = new LocalDirectoryStore(Path.of(args[0]))) {
      // A bound, in case whoever started it is gone.
      for (int i = 0; i < 10_000; i++) {
        var key = "%s/%05d.seg".formatted(args[1], i);
        store.putNew(key, content(key), Map.of());
        System.out.println(key);
        System.out.flush();
        if (System.out.checkError()) {
          return;
        }
      }
    }
  }

  /// What the object of that key holds.
  static List<ByteBuffer> content(String key) {
    var bytes = new byte[300_000];
    new Random(key.hashCode()).nextBytes(bytes);
    return List.of(ByteBuffer.wrap(bytes));
  }
}

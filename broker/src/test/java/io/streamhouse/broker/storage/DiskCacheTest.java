package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskCacheTest {

  @TempDir private Path directory;

  private DiskCache open(long maxBytes) throws IOException {
    return DiskCache.open(directory.resolve("cache"), maxBytes, 0);
  }

  private static ByteBuffer bytes(int seed, int length) {
    var bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return ByteBuffer.wrap(bytes);
  }

  private List<Path> files() throws IOException {
    try (var files = Files.walk(directory.resolve("cache"))) {
      return files.filter(Files::isRegularFile).toList();
    }
  }

  @Test
  void rangesAreFoundByObjectPositionAndLength() throws Exception {
    var cache = open(1 << 20);
    var content = bytes(1, 1000);
    cache.put("a/b.seg", 10, content);

    assertThat(cache.get("a/b.seg", 10, 1000)).isEqualTo(content);
    assertThat(content.position()).as("does not move").isZero();
    assertThat(cache.get("a/b.seg", 11, 1000)).isNull();
    assertThat(cache.get("a/b.seg", 10, 999)).isNull();
    assertThat(cache.get("a/c.seg", 10, 1000)).isNull();
    assertThat(cache.hits()).isEqualTo(1);
    assertThat(cache.misses()).isEqualTo(3);
  }

  @Test
  void rangeThatGoesBeyondTheObjectIsKeptAsFarAsItGoes() throws Exception {
    var cache = open(1 << 20);
    cache.put("a", 10, 5000, bytes(1, 300));

    for (var each : List.of(cache, open(1 << 20))) {
      assertThat(each.has("a", 10, 5000)).isTrue();
      assertThat(each.has("a", 10, 300)).isFalse();
      assertThat(each.get("a", 10, 5000)).isEqualTo(bytes(1, 300));
    }
    cache.forget("a", 10, 5000);
    assertThat(cache.get("a", 10, 5000)).isNull();
    assertThat(cache.bytes()).isZero();
    assertThat(files()).isEmpty();
  }

  @Test
  void rangesSurviveARestart() throws Exception {
    open(1 << 20).put("a", 0, bytes(1, 5000));

    var again = open(1 << 20);

    assertThat(again.get("a", 0, 5000)).isEqualTo(bytes(1, 5000));
    assertThat(again.bytes()).isEqualTo(Files.size(files().getFirst()));
  }

  @Test
  void leastLatelyUsedRangesMakeRoom() throws Exception {
    var cache = open(3_500);
    for (int i = 0; i < 3; i++) {
      cache.put("o" + i, 0, bytes(i, 1000));
    }
    assertThat(cache.get("o0", 0, 1000)).isNotNull();

    cache.put("o3", 0, bytes(3, 1000));

    assertThat(cache.get("o1", 0, 1000)).isNull();
    for (int i : new int[] {0, 2, 3}) {
      assertThat(cache.get("o" + i, 0, 1000)).as("o%d", i).isEqualTo(bytes(i, 1000));
    }
    assertThat(cache.bytes()).isBetween(3_000L, 3_500L);
    assertThat(files()).hasSize(3);
    assertThat(cache.evicted()).isEqualTo(1);
  }

  @Test
  void smallerCacheKeepsWhatWasWrittenLast() throws Exception {
    var cache = open(10_000);
    for (int i = 0; i < 5; i++) {
      cache.put("o" + i, 0, bytes(i, 1000));
      for (var file : files()) {
        Files.setLastModifiedTime(
            file, FileTime.fromMillis(Files.getLastModifiedTime(file).toMillis() - 60_000));
      }
    }

    var smaller = open(2_500);

    assertThat(smaller.get("o2", 0, 1000)).isNull();
    assertThat(smaller.get("o3", 0, 1000)).isNotNull();
    assertThat(smaller.get("o4", 0, 1000)).isNotNull();
    assertThat(files()).hasSize(2);
  }

  @Test
  void damagedTornAndForeignFilesAreNotThereAndAreDeleted() throws Exception {
    var cache = open(1 << 20);
    var random = new Random(1);
    for (int round = 0; round < 200; round++) {
      cache.put("o", round, bytes(round, 300));
      var file = files().getFirst();
      var content = Files.readAllBytes(file);
      if (round % 3 == 0) {
        content = java.util.Arrays.copyOf(content, random.nextInt(content.length));
      } else {
        content[random.nextInt(content.length)] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(file, content);

      assertThat(cache.get("o", round, 300)).as("round %d", round).isNull();
      assertThat(files()).isEmpty();
    }
    assertThat(cache.failures()).isEqualTo(200);
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void whatACrashLeftHalfWrittenIsRemoved() throws Exception {
    open(1 << 20);
    Files.write(directory.resolve("cache/7.new"), new byte[100]);

    var cache = open(1 << 20);

    assertThat(files()).isEmpty();
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void fullDiskGetsRoomBackAndNothingMore() throws Exception {
    var cache = open(1 << 20);
    for (int i = 0; i < 5; i++) {
      cache.put("o" + i, 0, bytes(i, 1000));
    }

    var careful = DiskCache.open(directory.resolve("cache"), 1 << 20, Long.MAX_VALUE);
    careful.put("o5", 0, bytes(5, 1000));

    assertThat(careful.get("o5", 0, 1000)).isNull();
    assertThat(careful.evicted()).isEqualTo(2);
    assertThat(files()).hasSize(3);
  }

  @Test
  void rangeLargerThanTheCacheIsNotKept() throws Exception {
    var cache = open(100);
    cache.put("o", 0, bytes(1, 1000));

    assertThat(files()).isEmpty();
    assertThat(cache.get("o", 0, 1000)).isNull();
  }

  @Test
  void vanishedFilesAreMissesAndNoErrors() throws Exception {
    var cache = open(1 << 20);
    cache.put("o", 0, bytes(1, 1000));
    Files.delete(files().getFirst());

    assertThat(cache.get("o", 0, 1000)).isNull();
    cache.put("o", 0, bytes(1, 1000));
  }
}

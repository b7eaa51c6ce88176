package io.streamhouse.broker.storage;

import static io.streamhouse.broker.storage.SegmentWindows.LARGEST_SEGMENT_BYTES;
import static io.streamhouse.broker.storage.SegmentWindows.WINDOW_BYTES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.storage.FaultyStore.Faults;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SegmentWindowsTest {

  private static final String KEY = "org-default/mixed/x.seg";

  @TempDir private Path directory;

  private final InMemoryStore memory = new InMemoryStore();
  private final FaultyStore store = new FaultyStore(memory, new Random(1), _ -> {});
  private final CacheCounters counters = new CacheCounters();

  private byte[] put(int length) throws IOException {
    var object = new byte[length];
    new Random(length).nextBytes(object);
    memory.putNew(KEY, List.of(ByteBuffer.wrap(object)), Map.of());
    return object;
  }

  private static Segment row(long position, long length) {
    return new Segment(
        new PartitionId(new UUID(1, 2), 0), 0, 1, new UUID(3, 4), KEY, position, length, 1, 0);
  }

  private SegmentWindows windows(@Nullable DiskCache disk) {
    return new SegmentWindows(store, disk, counters);
  }

  private DiskCache disk() throws IOException {
    return DiskCache.open(directory.resolve("cache"), 1 << 30, 0);
  }

  private static ByteBuffer part(byte[] object, int position, int length) {
    return ByteBuffer.wrap(object, position, length);
  }

  @Test
  void firstSegmentIsReadAloneAndTheSecondBringsTheOthers() throws Exception {
    var object = put(1000);
    var windows = windows(null);

    assertThat(windows.read(row(300, 100))).isNull();
    assertThat(windows.read(row(300, 100))).as("the same again").isNull();
    assertThat(counters.loads()).isZero();

    assertThat(windows.read(row(0, 100))).isEqualTo(part(object, 0, 100));
    store.faults(Faults.DOWN);
    for (int position = 0; position < 1000; position += 100) {
      assertThat(windows.read(row(position, 100))).isEqualTo(part(object, position, 100));
    }
    assertThat(counters.loads()).isEqualTo(1);
    assertThat(counters.grouped()).isEqualTo(11);
  }

  @Test
  void eachWindowIsReadByItself() throws Exception {
    var object = put(3 * WINDOW_BYTES + 500);
    var windows = windows(null);
    for (int start = 0; start < object.length; start += WINDOW_BYTES) {
      assertThat(windows.read(row(start, 250))).isNull();
      assertThat(windows.read(row(start + 250, 250))).isEqualTo(part(object, start + 250, 250));
    }
    assertThat(counters.loads()).isEqualTo(4);
  }

  @Test
  void largeSegmentsAndThoseAcrossTwoWindowsAreReadAlone() throws Exception {
    put(2 * WINDOW_BYTES);
    var windows = windows(null);
    windows.read(row(0, 1));
    assertThat(windows.read(row(1, LARGEST_SEGMENT_BYTES))).isNotNull();

    assertThat(windows.read(row(1, LARGEST_SEGMENT_BYTES + 1))).isNull();
    assertThat(windows.read(row(WINDOW_BYTES - 10, 10))).isNotNull();
    assertThat(windows.read(row(WINDOW_BYTES - 10, 11))).isNull();
  }

  @Test
  void objectThatEndsEarlyGivesLess() throws Exception {
    var object = put(1000);
    var windows = windows(null);
    windows.read(row(0, 100));

    assertThat(windows.read(row(950, 100))).isEqualTo(part(object, 950, 50));
    assertThat(windows.read(row(2000, 100))).isEqualTo(ByteBuffer.allocate(0));
  }

  @Test
  void failureIsToldAndForgotten() throws Exception {
    var object = put(1000);
    var windows = windows(disk());
    windows.read(row(0, 100));
    store.faults(Faults.DOWN);
    assertThatThrownBy(() -> windows.read(row(100, 100)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("injected before get " + KEY);

    store.faults(Faults.NONE);
    assertThat(windows.read(row(100, 100))).isEqualTo(part(object, 100, 100));
  }

  @Test
  void windowIsFoundOnDiskAfterARestartWithTheStoreDown() throws Exception {
    var object = put(1000);
    var first = windows(disk());
    first.read(row(0, 100));
    first.read(row(100, 100));
    store.faults(Faults.DOWN);

    assertThat(windows(disk()).read(row(900, 100))).isEqualTo(part(object, 900, 100));
    assertThat(counters.loads()).as("from the store, then from disk").isEqualTo(2);
  }

  @Test
  void segmentThatIsOnDiskAloneNeedsNoWindow() throws Exception {
    var object = put(1000);
    var disk = disk();
    disk.put(KEY, 100, part(object, 100, 100));
    var windows = windows(disk);
    windows.read(row(0, 100));
    store.faults(Faults.DOWN);

    assertThat(windows.read(row(100, 100))).isNull();
  }

  @Test
  void forgottenWindowIsReadAnewAndTheSegmentThatWasWrongAlone() throws Exception {
    var object = put(1000);
    var disk = disk();
    var windows = windows(disk);
    windows.read(row(0, 100));
    windows.read(row(100, 100));
    assertThat(disk.has(KEY, 0, WINDOW_BYTES)).isTrue();

    windows.forget(row(100, 100));

    assertThat(disk.has(KEY, 0, WINDOW_BYTES)).isFalse();
    assertThat(windows.read(row(100, 100))).isNull();
    assertThat(counters.loads()).isEqualTo(1);
    assertThat(windows.read(row(200, 100))).isEqualTo(part(object, 200, 100));
    assertThat(counters.loads()).isEqualTo(2);
  }
}

package io.streamhouse.broker.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.storage.ObjectStore.DeleteResult;
import io.streamhouse.broker.storage.ObjectStore.PutResult;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What every object store must do.
abstract class ObjectStoreContract {

  ObjectStore store;

  /// An empty store.
  abstract ObjectStore open() throws Exception;

  @BeforeEach
  void openStore() throws Exception {
    store = open();
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  @Test
  void whatIsPutIsRead() throws Exception {
    var content = List.of(bytes("one "), bytes(""), bytes("two "), bytes("three"));

    var put = store.putNew("org-a/mixed/x.seg", content, Map.of("topics", "orders"));

    assertThat(put).isEqualTo(new PutResult.Created(ObjectInfo.of(content)));
    assertThat(text("org-a/mixed/x.seg", 0, 100)).isEqualTo("one two three");
    assertThat(store.head("org-a/mixed/x.seg")).contains(ObjectInfo.of(content));
    assertThat(content.get(0).remaining()).as("positions do not move").isEqualTo(4);
  }

  @Test
  void directReadOnlyAndSlicedBuffersArePut() throws Exception {
    var direct = ByteBuffer.allocateDirect(3).put(bytes("abc")).flip();
    var readOnly = bytes("xdefx").slice(1, 3).asReadOnlyBuffer();

    store.putNew("k", List.of(direct, readOnly), Map.of());

    assertThat(text("k", 0, 100)).isEqualTo("abcdef");
  }

  @Test
  void thousandsOfBuffersArePutInOrder() throws Exception {
    var content = new ArrayList<ByteBuffer>();
    var expected = new StringBuilder();
    for (int i = 0; i < 5_000; i++) {
      content.add(bytes(i + ","));
      expected.append(i).append(',');
    }

    store.putNew("k", content, Map.of());

    assertThat(text("k", 0, 1 << 20)).isEqualTo(expected.toString());
  }

  @Test
  void largeBuffersAmongSmallOnesArePutAndRead() throws Exception {
    var random = new Random(1);
    var content = new ArrayList<ByteBuffer>();
    for (int size : new int[] {3, 1 << 20, 0, (1 << 20) - 3, 3 << 20, 1, (5 << 20) + 7}) {
      var bytes = new byte[size];
      random.nextBytes(bytes);
      content.add(ByteBuffer.wrap(bytes));
    }

    store.putNew("k", content, Map.of());

    assertThat(store.head("k")).contains(ObjectInfo.of(content));
    assertThat(ObjectInfo.of(List.of(store.get("k", 0, Integer.MAX_VALUE))))
        .isEqualTo(ObjectInfo.of(content));
    var large = content.get(4);
    assertThat(store.get("k", 2 << 20, 3 << 20)).isEqualTo(large);
  }

  @Test
  void emptyObjectIsAnObject() throws Exception {
    store.putNew("k", List.of(), Map.of());

    assertThat(store.head("k")).contains(new ObjectInfo(0, 0));
    assertThat(text("k", 0, 10)).isEmpty();
  }

  @Test
  void existingObjectIsNeverReplaced() throws Exception {
    var first = List.of(bytes("first"));
    store.putNew("k", first, Map.of());

    var again = store.putNew("k", List.of(bytes("second")), Map.of());

    assertThat(again).isEqualTo(new PutResult.AlreadyExists(ObjectInfo.of(first)));
    assertThat(text("k", 0, 10)).isEqualTo("first");
  }

  @Test
  void repeatedPutIsRecognisedByLengthAndChecksum() throws Exception {
    var content = List.of(bytes("ours"));
    store.putNew("k", content, Map.of());

    assertThat(store.putNew("k", content, Map.of()))
        .isEqualTo(new PutResult.AlreadyExists(ObjectInfo.of(content)));
  }

  @Test
  void ofManyAtOnceOneCreates() throws Exception {
    int writers = 16;
    for (int round = 0; round < 10; round++) {
      var key = "race/" + round;
      var barrier = new CyclicBarrier(writers);
      var puts = new ArrayList<Callable<PutResult>>();
      for (int i = 0; i < writers; i++) {
        var content = List.of(bytes("writer " + i));
        puts.add(() -> {
          barrier.await();
          return store.putNew(key, content, Map.of());
        });
      }
      try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
        var created = new ArrayList<ObjectInfo>();
        var existing = new ArrayList<ObjectInfo>();
        for (var put : executor.invokeAll(puts)) {
          switch (put.get()) {
            case PutResult.Created(var info) -> created.add(info);
            case PutResult.AlreadyExists(var info) -> existing.add(info);
          }
        }
        assertThat(created).hasSize(1);
        assertThat(existing).hasSize(writers - 1).containsOnly(created.getFirst());
        assertThat(store.head(key)).contains(created.getFirst());
      }
    }
  }

  @Test
  void rangesEndWhereTheObjectEnds() throws Exception {
    store.putNew("k", List.of(bytes("0123456789")), Map.of());

    assertThat(text("k", 3, 4)).isEqualTo("3456");
    assertThat(text("k", 8, 4)).isEqualTo("89");
    assertThat(text("k", 10, 4)).isEmpty();
    assertThat(text("k", Long.MAX_VALUE, Integer.MAX_VALUE)).isEmpty();
    assertThat(text("k", 0, 0)).isEmpty();
    assertThatIllegalArgumentException().isThrownBy(() -> store.get("k", -1, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> store.get("k", 0, -1));
  }

  @Test
  void readBytesBelongToTheCaller() throws Exception {
    store.putNew("k", List.of(bytes("abc")), Map.of());

    store.get("k", 0, 3).put(0, (byte) 'X');

    assertThat(text("k", 0, 3)).isEqualTo("abc");
  }

  @Test
  void buffersOfTheCallerAreFilledOneAfterTheOther() throws Exception {
    store.putNew("k", List.of(bytes("0123456789")), Map.of());
    var heap = ByteBuffer.allocate(6).position(2).limit(5);
    var full = ByteBuffer.allocate(0);
    var direct = ByteBuffer.allocateDirect(4);
    var rest = ByteBuffer.allocateDirect(5);

    store.read("k", 1, List.of(heap, full, direct, rest));

    assertThat(UTF_8.decode(heap.flip().position(2)).toString()).isEqualTo("123");
    assertThat(UTF_8.decode(direct.flip()).toString()).isEqualTo("4567");
    assertThat(UTF_8.decode(rest.flip()).toString()).as("the object ends").isEqualTo("89");
    var beyond = ByteBuffer.allocateDirect(1);
    store.read("k", 10, List.of(beyond));
    assertThat(beyond.position()).isZero();
    assertThatThrownBy(() -> store.read("none", 0, List.of(ByteBuffer.allocate(1))))
        .isInstanceOf(ObjectMissing.class);
  }

  @Test
  void missingObjectsAreSaidToBeMissing() throws Exception {
    store.putNew("a/b", List.of(bytes("x")), Map.of());

    for (var key : List.of("none", "a", "a/b/c", "a/c")) {
      assertThat(store.head(key)).as(key).isEmpty();
      assertThatThrownBy(() -> store.get(key, 0, 1)).as(key).isInstanceOf(ObjectMissing.class);
    }
  }

  @Test
  void keysAreListedInOrderAndInPages() throws Exception {
    var keys = List.of("a-b/1", "a/1", "a/10", "a/2", "a/2x/y", "a0", "b/c/d/e", "z");
    for (var key : List.of("z", "a/2x/y", "a/2", "a0", "b/c/d/e", "a/10", "a-b/1", "a/1")) {
      store.putNew(key, List.of(bytes(key)), Map.of());
    }

    assertThat(store.list("", "", 100)).isEqualTo(keys);
    assertThat(store.list("a", "", 100)).isEqualTo(keys.subList(0, 6));
    assertThat(store.list("a/", "", 100)).isEqualTo(keys.subList(1, 5));
    assertThat(store.list("a/1", "", 100)).containsExactly("a/1", "a/10");
    assertThat(store.list("b/c/d", "", 100)).containsExactly("b/c/d/e");
    assertThat(store.list("nothing", "", 100)).isEmpty();
    assertThat(store.list("a/", "zzz", 100)).isEmpty();
    assertThat(store.list("", "", 0)).isEmpty();
    for (int page = 1; page <= keys.size(); page++) {
      var found = new ArrayList<String>();
      var after = "";
      while (found.size() < keys.size()) {
        var next = store.list("", after, page);
        assertThat(next).isNotEmpty().hasSizeLessThanOrEqualTo(page);
        found.addAll(next);
        after = found.getLast();
      }
      assertThat(found).isEqualTo(keys);
      assertThat(store.list("", after, page)).isEmpty();
    }
    // Also after keys that are not there.
    assertThat(store.list("", "a/", 1)).containsExactly("a/1");
    assertThat(store.list("", "a/2x", 1)).containsExactly("a/2x/y");
    assertThat(store.list("", "a/2x/z", 1)).containsExactly("a0");
    assertThat(store.list("", "a.", 1)).containsExactly("a/1");
  }

  @Test
  void deletedObjectsAreGoneAndOthersStay() throws Exception {
    store.putNew("a/1", List.of(bytes("1")), Map.of());
    store.putNew("a/2", List.of(bytes("2")), Map.of());

    var results = store.delete(List.of("a/1", "a/none", "none/none"));

    assertThat(results).hasSize(3);
    assertThat(results.values()).allMatch(result -> result instanceof DeleteResult.Gone);
    assertThat(store.list("", "", 10)).containsExactly("a/2");
    assertThat(store.head("a/1")).isEmpty();
    assertThat(store.delete(List.of())).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "..",
        "../a",
        "a/../../b",
        ".",
        "a/./b",
        ".incoming/0",
        "a/.b",
        "a\\b",
        "a\0b",
        "a b",
        "ä",
        "C:x"
      })
  void keysThatAreNotPlainPathsAreRefused(String key) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> store.putNew(key, List.of(bytes("x")), Map.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> store.get(key, 0, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> store.head(key));
    assertThatIllegalArgumentException().isThrownBy(() -> store.delete(List.of(key)));
  }

  @Test
  void overlongKeysAreRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> store.head("x".repeat(201)));
    assertThatIllegalArgumentException().isThrownBy(() -> store.head("x/".repeat(450) + "x"));
  }

  final String text(String key, long position, int length) throws IOException {
    return UTF_8.decode(store.get(key, position, length)).toString();
  }

  static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }
}

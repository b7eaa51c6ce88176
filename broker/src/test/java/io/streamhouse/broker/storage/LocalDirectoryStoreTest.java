package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalDirectoryStoreTest extends ObjectStoreContract {

  @TempDir Path directory;

  @Override
  ObjectStore open() throws IOException {
    return new LocalDirectoryStore(directory.resolve("objects"));
  }

  @Test
  void objectsOutliveTheProcess() throws Exception {
    store.putNew("org-a/mixed/x.seg", List.of(bytes("abc")), Map.of());
    store.close();
    store = open();

    assertThat(text("org-a/mixed/x.seg", 0, 10)).isEqualTo("abc");
  }

  @Test
  void whatACrashLeftIsNoObjectAndIsRemoved() throws Exception {
    var left = directory.resolve("objects/.incoming/7");
    Files.writeString(left, "half an obj");

    assertThat(store.list("", "", 10)).isEmpty();
    store.close();
    store = open();

    assertThat(left).doesNotExist();
    // Also where the name would come up again within one process.
    Files.writeString(directory.resolve("objects/.incoming/1000000"), "x");
    store.putNew("k", List.of(bytes("abc")), Map.of());
    assertThat(store.list("", "", 10)).containsExactly("k");
  }

  @Test
  void crashBehindTheLinkLeavesTheObjectAndNothingElse() throws Exception {
    var objects = directory.resolve("objects");
    var left = Files.writeString(objects.resolve(".incoming/3"), "abc");
    Files.createLink(objects.resolve("k"), left);
    store.close();
    store = open();

    assertThat(left).doesNotExist();
    assertThat(text("k", 0, 10)).isEqualTo("abc");
    var content = List.of(bytes("abc"));
    assertThat(store.putNew("k", content, Map.of()))
        .isEqualTo(new ObjectStore.PutResult.AlreadyExists(ObjectInfo.of(content)));
  }

  @Test
  void processKilledWhilePuttingLeavesOnlyWholeObjects() throws Exception {
    for (int round = 0; round < 3; round++) {
      var process = putter(directory.resolve("objects"), round).start();
      var put = new ArrayList<String>();
      try (var output = process.inputReader()) {
        for (int i = 0; i < 5 + round; i++) {
          put.add(String.valueOf(output.readLine()));
        }
        // Not by the process's own method, which closes its output before it is read.
        process.toHandle().destroyForcibly();
        output.lines().filter(line -> line.endsWith(".seg")).forEach(put::add);
      } finally {
        process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
      }
      store.close();
      store = open();

      var keys = store.list("round" + round + "/", "", 10_000);
      assertThat(keys).containsAll(put);
      for (var key : keys) {
        assertThat(store.head(key)).as(key).contains(ObjectInfo.of(ObjectPutter.content(key)));
      }
      try (var files = Files.list(directory.resolve("objects/.incoming"))) {
        assertThat(files).noneMatch(file -> !file.toString().endsWith(".lock"));
      }
    }
  }

  @Test
  void whatAnotherStoreIsWritingStays() throws Exception {
    try (var other = open()) {
      String lock;
      try (var files = Files.list(directory.resolve("objects/.incoming"))) {
        assertThat(files).hasSize(2);
      }
      try (var files = Files.newDirectoryStream(directory.resolve("objects/.incoming"))) {
        lock = files.iterator().next().getFileName().toString();
      }
      var writing =
          Files.writeString(
              directory.resolve("objects/.incoming/" + lock.replace(".lock", "-9")), "half");
      open().close();
      assertThat(writing).exists();
      assertThat(other.putNew("k", List.of(bytes("abc")), Map.of()))
          .isInstanceOf(ObjectStore.PutResult.Created.class);
    }
  }

  @Test
  void nothingIsLeftBehindByPuts() throws Exception {
    store.putNew("k", List.of(bytes("abc")), Map.of());
    store.putNew("k", List.of(bytes("abc")), Map.of());
    assertThatThrownBy(() -> store.putNew("k/below", List.of(bytes("abc")), Map.of()))
        .isInstanceOf(IOException.class);

    try (var files = Files.list(directory.resolve("objects/.incoming"))) {
      assertThat(files).noneMatch(file -> !file.toString().endsWith(".lock"));
    }
  }

  private static ProcessBuilder putter(Path objects, int round) {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx64m",
            "-cp",
            System.getProperty("java.class.path"),
            ObjectPutter.class.getName(),
            objects.toString(),
            "round" + round)
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }
}

package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
  void nothingIsLeftBehindByPuts() throws Exception {
    store.putNew("k", List.of(bytes("abc")), Map.of());
    store.putNew("k", List.of(bytes("abc")), Map.of());
    assertThatThrownBy(() -> store.putNew("k/below", List.of(bytes("abc")), Map.of()))
        .isInstanceOf(IOException.class);

    try (var files = Files.list(directory.resolve("objects/.incoming"))) {
      assertThat(files).isEmpty();
    }
  }
}

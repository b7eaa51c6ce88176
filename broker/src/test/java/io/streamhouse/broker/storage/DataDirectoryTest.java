package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {

  @TempDir Path parent;

  @Test
  void identityIsMadeOnceAndKept() throws Exception {
    var root = parent.resolve("a/b/data");
    var first = DataDirectory.open(root, OptionalInt.of(3), new Random(1));
    var walId = first.walId();
    assertThat(first.clusterId()).isEmpty();
    first.join("cluster-1");
    first.close();

    try (var second = DataDirectory.open(root, OptionalInt.of(3), new Random(2))) {
      assertThat(second.walId()).isEqualTo(walId);
      assertThat(second.clusterId()).contains("cluster-1");
      assertThat(second.nodeId()).hasValue(3);
      assertThat(second.wal()).isDirectory();
      assertThat(second.objects()).isDirectory();
      second.join("cluster-1");
    }
  }

  @Test
  void secondAgentInTheSameProcessIsRefusedAndTakesNothingFromTheFirst() throws Exception {
    try (var first = DataDirectory.open(parent, OptionalInt.of(0), new Random(1))) {
      assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(0), new Random(1)))
          .isInstanceOf(DataDirectoryUnusable.class)
          .hasMessageContaining("in use");
      assertThat(otherProcessTakesLock(first.root())).isFalse();
    }
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    assertThat(otherProcessTakesLock(parent)).isTrue();
  }

  @Test
  void secondAgentIsToldWhoTheFirstIs() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    var lock = parent.resolve("streamhouse.lock");
    Files.writeString(lock, "pid 4711 on elsewhere\n");
    var other = holdLock(lock);
    try {
      assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(0), new Random(1)))
          .isInstanceOf(DataDirectoryUnusable.class)
          .hasMessage(
              "data directory %s is in use by another agent: pid 4711 on elsewhere"
                  .formatted(parent.toRealPath()));
    } finally {
      other.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
    // A dead owner's lock goes with it.
    try (var next = DataDirectory.open(parent, OptionalInt.of(0), new Random(1))) {
      assertThat(Files.readString(next.root().resolve("streamhouse.lock")))
          .startsWith("pid " + ProcessHandle.current().pid() + " on ");
    }
  }

  @Test
  void otherClusterIsRefused() throws Exception {
    try (var directory = DataDirectory.open(parent, OptionalInt.of(0), new Random(1))) {
      directory.join("cluster-1");
      assertThatThrownBy(() -> directory.join("cluster-2"))
          .isInstanceOf(DataDirectoryUnusable.class)
          .hasMessageContaining("belongs to cluster cluster-1")
          .hasMessageContaining("cluster-2");
      assertThat(directory.clusterId()).contains("cluster-1");
    }
  }

  @Test
  void whereTheLogIsIsKept() throws Exception {
    var elsewhere = parent.resolve("vol\\ume: \u00fc").toAbsolutePath();
    var root = parent.resolve("data");
    try (var data = DataDirectory.open(root, OptionalInt.of(3), new Random(1))) {
      assertThat(data.log()).isEqualTo(data.wal());
      data.logIsIn(elsewhere);
    }
    try (var data = DataDirectory.open(root, OptionalInt.of(3), new Random(1))) {
      assertThat(data.log()).isEqualTo(elsewhere);
      data.join("cluster-1");
    }
    try (var data = DataDirectory.open(root, OptionalInt.of(3), new Random(1))) {
      assertThat(data.log()).isEqualTo(elsewhere);
      data.logIsIn(data.wal());
    }
    try (var data = DataDirectory.open(root, OptionalInt.of(3), new Random(1))) {
      assertThat(data.log()).isEqualTo(data.wal());
    }
  }

  @Test
  void otherNodeIdIsRefused() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(1), new Random(1)))
        .isInstanceOf(DataDirectoryUnusable.class)
        .hasMessageContaining("node.id 0, not 1");
    // And what was refused is not held.
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
  }

  @Test
  void newerFormatIsRefused() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    var file = parent.resolve("streamhouse.properties");
    Files.writeString(file, Files.readString(file).replace("format.version=1", "format.version=2"));
    assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(0), new Random(1)))
        .isInstanceOf(DataDirectoryUnusable.class)
        .hasMessageContaining("format version 2");
  }

  @Test
  void damagedPropertiesAreNamed() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    var file = parent.resolve("streamhouse.properties");
    for (var text : new String[] {"", "format.version=1\nnode.id=0\nwal.id=x", "\\u00zz"}) {
      Files.writeString(file, text);
      assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(0), new Random(1)))
          .as(text)
          .isInstanceOf(DataDirectoryUnusable.class)
          .hasMessageContaining("streamhouse.properties");
    }
  }

  @Test
  void logWithoutIdentityIsNotAdopted() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    Files.writeString(parent.resolve("wal/00000000000000000001.wal"), "x");
    Files.delete(parent.resolve("streamhouse.properties"));
    assertThatThrownBy(() -> DataDirectory.open(parent, OptionalInt.of(0), new Random(1)))
        .isInstanceOf(DataDirectoryUnusable.class)
        .hasMessageContaining("has a write-ahead log but no streamhouse.properties");
  }

  @Test
  void crashWhileReplacingThePropertiesLeavesTheOldOnes() throws Exception {
    DataDirectory.open(parent, OptionalInt.of(0), new Random(1)).close();
    Files.writeString(parent.resolve("streamhouse.properties.next"), "format.ver");
    try (var directory = DataDirectory.open(parent, OptionalInt.of(0), new Random(1))) {
      directory.join("cluster-1");
    }
    try (var directory = DataDirectory.open(parent, OptionalInt.of(0), new Random(1))) {
      assertThat(directory.clusterId()).contains("cluster-1");
    }
  }

  @Test
  void fileInPlaceOfADirectoryIsRefused() throws Exception {
    var file = Files.writeString(parent.resolve("file"), "x");
    assertThatThrownBy(() -> DataDirectory.open(file, OptionalInt.of(0), new Random(1)))
        .isInstanceOf(DataDirectoryUnusable.class)
        .hasMessageContaining(file.toString());
  }

  private static boolean otherProcessTakesLock(Path root) throws Exception {
    var process = lockProcess(root.resolve("streamhouse.lock"), "try").start();
    try (var output = process.inputReader()) {
      return "locked".equals(output.readLine());
    } finally {
      process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    }
  }

  /// A process that holds the lock until it is destroyed.
  private static Process holdLock(Path lock) throws Exception {
    var process = lockProcess(lock, "hold").start();
    assertThat(process.inputReader().readLine()).isEqualTo("locked");
    return process;
  }

  private static ProcessBuilder lockProcess(Path lock, String mode) {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            LockHolder.class.getName(),
            lock.toString(),
            mode)
        .redirectError(ProcessBuilder.Redirect.INHERIT);
  }
}

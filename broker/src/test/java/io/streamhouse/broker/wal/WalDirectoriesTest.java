package io.streamhouse.broker.wal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WalDirectoriesTest {

  private static final UUID WAL_ID = new UUID(1, 2);

  @TempDir Path directory;

  private Path local;
  private WalDirectories inData;
  private WalDirectories onVolume;

  @BeforeEach
  void make() throws IOException {
    local = Files.createDirectories(directory.resolve("data/wal"));
    inData = WalDirectories.of(WAL_ID, local, Optional.empty());
    onVolume = onVolume("volume");
  }

  private WalDirectories onVolume(String name) {
    return WalDirectories.of(WAL_ID, local, Optional.of(directory.resolve(name)));
  }

  private static void write(WalDirectories of) throws IOException {
    Files.writeString(of.own().resolve("00000000000000000001.wal"), "records");
  }

  @Test
  void aNewLogMayBeAnywhere() throws IOException {
    inData.take(local, () -> 0);
    onVolume.take(local, () -> 0);
    assertThat(onVolume.own()).isDirectory();
  }

  @Test
  void aLogThatIsWhereItWasIsTaken() throws IOException {
    onVolume.take(local, () -> 0);
    write(onVolume);
    onVolume.take(onVolume.own(), () -> 3);
    // Flushed and trimmed, though the rows still name it.
    Files.delete(onVolume.own().resolve("00000000000000000001.wal"));
    assertThatCode(() -> onVolume.take(onVolume.own(), () -> 3)).doesNotThrowAnyException();
  }

  @Test
  void aLogThatIsNotFlushedIsNotLeftBehind() throws IOException {
    onVolume.take(local, () -> 0);
    write(onVolume);
    assertThatThrownBy(() -> inData.take(onVolume.own(), () -> 0))
        .hasMessageContaining("start once with streamhouse.wal.shared.dir as it was")
        .hasMessageContaining(directory.resolve("volume").toString());
    inData.take(local, () -> 0);
    write(inData);
    assertThatThrownBy(() -> onVolume.take(local, () -> 0)).hasMessageContaining("unset");
  }

  @Test
  void anEmptyDirectoryIsNotTakenForALogThatRowsName() throws IOException {
    onVolume.take(local, () -> 0);
    Files.move(directory.resolve("volume"), directory.resolve("unmounted"));
    Files.createDirectories(directory.resolve("volume"));
    assertThatThrownBy(() -> onVolume.take(onVolume.own(), () -> 3))
        .hasMessageContaining("is its volume mounted?");
    assertThatThrownBy(() -> inData.take(onVolume.own(), () -> 3))
        .hasMessageContaining("records of 3 partitions")
        .hasMessageContaining("is its volume mounted?");
  }

  @Test
  void anEmptyDirectoryIsNotTakenForALogThatIsFlushed() throws IOException {
    onVolume.take(local, () -> 0);
    Files.move(directory.resolve("volume"), directory.resolve("unmounted"));
    assertThatThrownBy(() -> onVolume.take(onVolume.own(), () -> 0))
        .hasMessageContaining("is its volume mounted?");
    assertThat(onVolume.own()).doesNotExist();
    // Another place is no matter of a volume: all of it was flushed.
    inData.take(onVolume.own(), () -> 0);
  }

  @Test
  void anotherLogIsReadOnlyWhereItIs() throws IOException {
    var other = new UUID(3, 4);
    assertThat(onVolume.find(other)).isNull();
    var directoryOfOther = Files.createDirectories(directory.resolve("volume/" + other));
    assertThat(onVolume.find(other)).isNull();
    WalDirectories.of(other, local, Optional.of(directory.resolve("volume"))).take(local, () -> 0);
    assertThat(onVolume.find(other)).isNotNull();
    assertThat(directoryOfOther.resolve("wal.id")).isRegularFile();
    assertThat(inData.find(other)).isNull();
  }

  @Test
  void aVolumeThatIsMountedElsewhereIsRecognized() throws IOException {
    onVolume.take(local, () -> 0);
    Files.move(directory.resolve("volume"), directory.resolve("elsewhere"));
    assertThatCode(() -> onVolume("elsewhere").take(onVolume.own(), () -> 3))
        .doesNotThrowAnyException();
  }

  @Test
  void aDirectoryThatTheLogHasLeftIsNotTakenForIt() throws IOException {
    onVolume.take(local, () -> 0);
    var other = onVolume("other");
    other.take(onVolume.own(), () -> 0);
    write(other);
    Files.move(directory.resolve("other"), directory.resolve("unmounted"));
    assertThatThrownBy(() -> onVolume.take(other.own(), () -> 1))
        .hasMessageContaining("is its volume mounted?");
  }
}

package io.streamhouse.broker.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScratchDirectoryTest {

  @TempDir private Path directory;

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String text(ByteBuffer bytes) {
    return StandardCharsets.UTF_8.decode(bytes.duplicate()).toString();
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(directory)) {
      return files.toList();
    }
  }

  @Test
  void aDraftIsWrittenInAnyOrderAndGoesWhenItIsClosed() throws IOException {
    var scratch = ScratchDirectory.open(directory, 0);
    var draft = scratch.begin(10);
    draft.write(4, List.of(bytes("five"), bytes("six")));
    draft.write(0, List.of(bytes("four")));
    assertThat(text(draft.read(2, 4))).isEqualTo("urfi");
    assertThat(text(draft.read(9, 100))).isEqualTo("ix");
    assertThat(draft.read(50, 1).remaining()).isZero();
    var content = draft.content();
    assertThat(content).hasSize(1).allMatch(ByteBuffer::isDirect);
    assertThat(text(content.getFirst())).isEqualTo("fourfivesix");
    assertThat(files()).hasSize(1);
    draft.close();
    assertThat(files()).isEmpty();
  }

  @Test
  void whatACrashLeftIsRemovedAtTheNextStart() throws IOException {
    ScratchDirectory.open(directory, 0).begin(10).write(0, List.of(bytes("left")));
    assertThat(files()).hasSize(1);
    var _ = ScratchDirectory.open(directory, 0);
    assertThat(files()).isEmpty();
  }

  @Test
  void nothingIsBegunThatWouldFillTheDisk() throws IOException {
    var scratch = ScratchDirectory.open(directory, Long.MAX_VALUE / 2);
    assertThatThrownBy(() -> scratch.begin(10)).isInstanceOf(IOException.class);
    assertThat(files()).isEmpty();
  }
}

package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UncachedFilesTest {

  @TempDir Path directory;

  private final UncachedFiles files = new UncachedFiles();

  /// Around the limit between the two ways to write, the block and the chunk.
  @ParameterizedTest
  @ValueSource(
      ints = {
        0,
        1,
        4096,
        UncachedFiles.SMALL_BYTES - 1,
        UncachedFiles.SMALL_BYTES,
        UncachedFiles.SMALL_BYTES + 1,
        (1 << 20) - 1,
        1 << 20,
        (1 << 20) + 4096,
        (3 << 20) + 5
      })
  void whatWasWrittenIsReadBackInFull(int length) throws IOException {
    var bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    var file = directory.resolve("file");
    files.write(file, pieces(bytes), length);
    assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
  }

  @Test
  void buffersAreUsedAgainWithoutATraceOfTheirLastFile() throws IOException {
    for (int i = 0; i < 3; i++) {
      var bytes = new byte[(1 << 20) + 10_000 * i];
      new Random(i).nextBytes(bytes);
      var file = directory.resolve("file" + i);
      files.write(file, pieces(bytes), bytes.length);
      assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
    }
  }

  @Test
  void aFileThatIsThereIsLeftAsItIs() throws IOException {
    files.write(directory.resolve("other"), pieces(new byte[1 << 20]), 1 << 20);
    var file = Files.writeString(directory.resolve("file"), "there");
    assertThatThrownBy(() -> files.write(file, pieces(new byte[1 << 20]), 1 << 20))
        .isInstanceOf(FileAlreadyExistsException.class);
    assertThat(file).hasContent("there");
  }

  /// Uneven pieces, of heap and of direct memory in turn.
  private static List<ByteBuffer> pieces(byte[] bytes) {
    var pieces = new ArrayList<ByteBuffer>();
    int from = 0;
    for (int size = 1; from < bytes.length; size = size * 3 % 300_007 + 1) {
      int length = Math.min(size, bytes.length - from);
      var piece =
          pieces.size() % 2 == 0
              ? ByteBuffer.wrap(bytes, from, length)
              : ByteBuffer.allocateDirect(length).put(bytes, from, length).flip();
      pieces.add(piece);
      from += length;
    }
    return pieces;
  }
}

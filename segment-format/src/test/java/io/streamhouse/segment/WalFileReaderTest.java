package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.segment.WalFileReader.End;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WalFileReaderTest {

  private static final long SEQUENCE = GoldenWal.SEQUENCE;

  /// Where the frames of the golden files end.
  private static final int END = GoldenWal.GROUP_ENDS.getLast();

  private final byte[] sealed = GoldenWal.sealed();
  private final byte[] recycled = GoldenWal.recycled();

  @Test
  void versionOneStaysReadable() throws Exception {
    for (var file : new String[] {"wal-v1-sealed.wal", "wal-v1-recycled.wal"}) {
      boolean isSealed = file.contains("sealed");
      var scan = WalBytes.scan(resource(file), SEQUENCE, !isSealed);

      assertThat(scan.entries()).isEqualTo(GoldenWal.ENTRIES);
      assertThat(scan.marks())
          .containsExactly(
              new WalPosition(SEQUENCE, 64),
              new WalPosition(SEQUENCE, 184),
              new WalPosition(SEQUENCE, 250));
      assertThat(scan.end()).isEqualTo(new End(END, isSealed));
    }
  }

  @Test
  void versionOneIsStillWrittenToTheByte() throws Exception {
    assertThat(sealed).isEqualTo(resource("wal-v1-sealed.wal"));
    assertThat(recycled).isEqualTo(resource("wal-v1-recycled.wal"));
  }

  @Test
  void everyFlippedByteOfASealedFileIsFound() {
    for (int i = 0; i < sealed.length; i++) {
      for (int flip : new int[] {0x01, 0x80, 0xff}) {
        var damaged = flipped(sealed, i, flip);
        assertDamaged(() -> WalBytes.scan(damaged, SEQUENCE, false), i, flip);
        if (i < END) {
          // Also in the newest file, where it is the seal that tells.
          assertDamaged(() -> WalBytes.scan(damaged, SEQUENCE, true), i, flip);
        }
      }
    }
  }

  @Test
  void flippedByteOfTheNewestFileIsFoundOrEndsTheLogBehindTheLastDurableMark() throws Exception {
    int durable = GoldenWal.GROUP_ENDS.get(1);
    for (int i = 0; i < recycled.length; i++) {
      for (int flip : new int[] {0x01, 0x80, 0xff}) {
        var damaged = flipped(recycled, i, flip);
        if (i < durable) {
          assertDamaged(() -> WalBytes.scan(damaged, SEQUENCE, true), i, flip);
        } else {
          var scan = WalBytes.scan(damaged, SEQUENCE, true);
          assertThat(scan.end().end()).as("byte %d", i).isBetween((long) durable, (long) END);
          assertThat(scan.end().sealed()).isFalse();
          assertThat(scan.entries())
              .as("byte %d", i)
              .isEqualTo(GoldenWal.ENTRIES.subList(0, i < END ? 3 : 4));
        }
      }
    }
  }

  @Test
  void everyTruncationOfASealedFileIsFound() {
    for (int length = 0; length < sealed.length; length++) {
      var cut = Arrays.copyOf(sealed, length);
      assertDamaged(() -> WalBytes.scan(cut, SEQUENCE, false), length, 0);
    }
  }

  @Test
  void truncationOfTheNewestFileEndsTheLogWhereItsFramesEnd() throws Exception {
    // Nothing is left that could tell how much there was: files have their size before they have
    // frames, and file systems do not shorten them.
    for (int length = WalFormat.HEADER_BYTES; length < END; length++) {
      var scan = WalBytes.scan(Arrays.copyOf(recycled, length), SEQUENCE, true);
      int cut = length;
      assertThat(scan.entries())
          .isEqualTo(
              GoldenWal.ENTRIES.stream()
                  .filter(entry -> entry.position() + 41 + entry.batch().length() <= cut)
                  .toList());
      assertThat(scan.end().end()).isLessThanOrEqualTo(length);
    }
    for (int length = 0; length < WalFormat.HEADER_BYTES; length++) {
      assertThat(WalBytes.scan(Arrays.copyOf(recycled, length), SEQUENCE, true).end())
          .isEqualTo(new End(0, false));
    }
  }

  @Test
  void olderFileWithoutSealIsDamagedEvenIfItEndsWithAFrame() {
    for (int end : GoldenWal.GROUP_ENDS) {
      assertThatThrownBy(() -> WalBytes.scan(Arrays.copyOf(sealed, end), SEQUENCE, false))
          .isInstanceOf(WalDamaged.class)
          .hasMessage(
              "write-ahead log file test.wal is damaged at position %d: expected a seal, found the"
                  + " end of the file",
              end);
    }
    assertThatThrownBy(() -> WalBytes.scan(recycled, SEQUENCE, false))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("damaged at position 616: expected a seal");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void filesThatAreNotThisOnesAreRefused(boolean last) {
    assertThatThrownBy(() -> WalBytes.scan(sealed, SEQUENCE + 1, false))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("found sequence 7");
    assertThatThrownBy(() -> WalBytes.scan(sealed, SEQUENCE - 1, last))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("found sequence 7");
    assertThatThrownBy(() -> WalBytes.scan(sealed, new UUID(5, 6), SEQUENCE, last))
        .isInstanceOf(WalDamaged.class)
        .hasMessageContaining("expected a header of log " + new UUID(5, 6))
        .hasMessageContaining("found a file of log " + WalBytes.WAL_ID);
    // Also where no frame would tell.
    var empty = bytes(WalFormat.header(WalBytes.WAL_ID, SEQUENCE));
    assertThatThrownBy(() -> WalBytes.scan(empty, new UUID(5, 6), SEQUENCE, last))
        .isInstanceOf(WalDamaged.class);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void newerVersionIsRefusedAndNotTakenForAnEmptyFile(boolean last) {
    for (int version : new int[] {2, 40_000}) {
      var newer = sealed.clone();
      ByteBuffer.wrap(newer).putShort(4, (short) version);
      var resealed = WalBytes.resealed(newer.clone(), SEQUENCE);
      var withoutFrames = Arrays.copyOf(newer, 4096);
      Arrays.fill(withoutFrames, WalFormat.HEADER_BYTES, 4096, (byte) 0);
      for (var file : new byte[][] {newer, resealed, withoutFrames}) {
        assertThatThrownBy(() -> WalBytes.scan(file, SEQUENCE, last))
            .isInstanceOf(WalDamaged.class)
            .hasMessage(
                "write-ahead log file test.wal has format version %d, made by a newer program;"
                    + " this one knows 1",
                version);
      }
    }
  }

  @Test
  void newestFileThatWasBeingMadeIsEmpty() throws Exception {
    // As it is made: zeros, or what it held in an earlier life.
    assertThat(WalBytes.scan(new byte[4096], SEQUENCE, true).end()).isEqualTo(new End(0, false));
    assertThat(WalBytes.scan(recycled, SEQUENCE + 1, true).end()).isEqualTo(new End(0, false));
    assertThat(WalBytes.scan(sealed, SEQUENCE + 1, true).entries()).isEmpty();
    var header = Arrays.copyOf(bytes(WalFormat.header(WalBytes.WAL_ID, SEQUENCE)), 4096);
    assertThat(WalBytes.scan(header, SEQUENCE, true).end()).isEqualTo(new End(64, false));
  }

  @Test
  void framesOfAnotherLifeNeverVerify() throws Exception {
    // The same groups at the same positions, under another sequence.
    var mixed = GoldenWal.write(SEQUENCE - 1, new byte[4096]).wholeFile();
    System.arraycopy(sealed, 0, mixed, 0, GoldenWal.GROUP_ENDS.getFirst());

    var scan = WalBytes.scan(mixed, SEQUENCE, true);

    assertThat(scan.entries()).isEqualTo(GoldenWal.ENTRIES.subList(0, 2));
    assertThat(scan.end()).isEqualTo(new End(184, false));
  }

  @Test
  void groupOfWhichTheMiddleWasLostEndsTheLog() throws Exception {
    // What a power cut may leave of the last, unsynced group: its end without its beginning.
    var torn = recycled.clone();
    Arrays.fill(torn, 250, 275, (byte) 0);
    var scan = WalBytes.scan(torn, SEQUENCE, true);
    assertThat(scan.end()).isEqualTo(new End(250, false));
    assertThat(scan.entries()).hasSize(3);
  }

  @Test
  void unknownFrameTypeIsDamage() {
    var file = sealed.clone();
    file[END + 8] = 4;
    WalBytes.resealed(file, SEQUENCE);
    for (boolean last : new boolean[] {false, true}) {
      assertThatThrownBy(() -> WalBytes.scan(file, SEQUENCE, last))
          .isInstanceOf(WalDamaged.class)
          .hasMessageContaining("at position 616: expected frame type 1, 2 or 3, found type 4");
    }
  }

  @Test
  void lookingForWhatWasDurableTakesTimeLinearInTheFile() {
    // Everything that looks like a mark or a seal, or claims to be as long as the file: 32 MB take
    // well under a second; checking each claim to its end would take hours.
    int size = 32 << 20;
    for (int length : new int[] {1, 17, size - 4096}) {
      var file = ByteBuffer.allocate(size);
      file.put(WalFormat.header(WalBytes.WAL_ID, SEQUENCE));
      while (file.remaining() >= 9) {
        file.putInt(length).putInt(0).put((byte) (length == 17 ? 2 : length == 1 ? 3 : 1));
      }
      assertThatCode(
              () -> {
                var scan = WalBytes.scan(file.array(), SEQUENCE, true);
                assertThat(scan.end()).isEqualTo(new End(64, false));
              })
          .doesNotThrowAnyException();
    }
  }

  private static void assertDamaged(ThrowingCallable scan, int at, int flip) {
    assertThatThrownBy(scan).as("byte %d ^ %d", at, flip).isInstanceOf(WalDamaged.class);
  }

  private static byte[] flipped(byte[] file, int at, int flip) {
    var damaged = file.clone();
    damaged[at] ^= (byte) flip;
    return damaged;
  }

  private static byte[] bytes(ByteBuffer buffer) {
    var bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  private static byte[] resource(String name) throws IOException {
    try (var in = WalFileReaderTest.class.getResourceAsStream(name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }
}

package io.streamhouse.segment;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.Arrays;

/// Whatever the bytes, the reader says [WalDamaged] or where the log ends, and hands over only
/// entries whose checksum is right ([WalBytes#scan] looks at each).
///
/// A longer run: `JAZZER_FUZZ=1 mvn -pl segment-format test -Dtest=WalFileReaderFuzzTest#bytes`
class WalFileReaderFuzzTest {

  private static final byte[] SEALED = GoldenWal.sealed();
  private static final byte[] RECYCLED = GoldenWal.recycled();

  @FuzzTest(maxDuration = "15m")
  void bytes(byte[] file) throws IOException {
    read(file);
  }

  /// Behind the checksums, which no mutation would get past.
  @FuzzTest(maxDuration = "15m")
  void resealedBytes(byte[] file) throws IOException {
    read(WalBytes.resealed(file.clone(), GoldenWal.SEQUENCE));
  }

  /// Damage to a good file never yields anything but a beginning of what it holds, and no shorter a
  /// one than was durable. The first two bytes say where the others go.
  @FuzzTest(maxDuration = "15m")
  void splicedIntoAGoodFile(byte[] input) throws IOException {
    if (input.length < 3) {
      return;
    }
    splice(SEALED, input, false);
    splice(SEALED, input, true);
    splice(RECYCLED, input, true);
  }

  private static void splice(byte[] good, byte[] input, boolean last) throws IOException {
    var file = good.clone();
    int at = ((input[0] & 0xff) << 8 | (input[1] & 0xff)) % file.length;
    System.arraycopy(input, 2, file, at, Math.min(input.length - 2, file.length - at));
    WalBytes.Scan scan;
    try {
      scan = WalBytes.scan(file, GoldenWal.SEQUENCE, last);
    } catch (WalDamaged expected) {
      return;
    }
    int found = scan.entries().size();
    if (!scan.entries().equals(GoldenWal.ENTRIES.subList(0, Math.min(found, 4)))) {
      throw new AssertionError("entries that were never written: " + scan);
    }
    // Where the marks themselves were overwritten nothing can tell; where one is left, it counts.
    boolean lastMarkLeft = Arrays.equals(file, 250, 275, good, 250, 275) || scan.end().sealed();
    if ((lastMarkLeft && found < 3) || (!last && found < 4)) {
      throw new AssertionError("a silently shorter log: " + scan);
    }
  }

  private static void read(byte[] file) throws IOException {
    for (boolean last : new boolean[] {false, true}) {
      try {
        var scan = WalBytes.scan(file, GoldenWal.SEQUENCE, last);
        if (scan.end().end() > file.length || (!last && !scan.end().sealed())) {
          throw new AssertionError(scan.toString());
        }
      } catch (WalDamaged expected) {
        // What every damage must come to.
      }
    }
  }
}

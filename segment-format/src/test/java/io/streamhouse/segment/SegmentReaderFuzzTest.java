package io.streamhouse.segment;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;

/// Whatever the bytes, the reader says [SegmentDamaged] or reads them; it neither throws anything
/// else nor allocates beyond what the bytes can hold.
///
/// A longer run: `JAZZER_FUZZ=1 mvn -pl segment-format test -Dtest=SegmentReaderFuzzTest#bytes`
class SegmentReaderFuzzTest {

  @FuzzTest(maxDuration = "15m")
  void bytes(byte[] segment) throws IOException {
    read(segment);
  }

  /// Behind the checksums, which no mutation would get past.
  @FuzzTest(maxDuration = "15m")
  void resealedBytes(byte[] segment) throws IOException {
    read(SegmentBytes.resealed(segment));
  }

  private static void read(byte[] segment) throws IOException {
    try {
      var reader = SegmentReader.open("fuzz", SegmentBytes.reader(segment), 0, segment.length);
      var unused = reader.blockFor(segment.length) + reader.blockForTimestamp(segment.length);
      for (int i = 0; i < reader.blocks().size(); i++) {
        try {
          unused += reader.readBlock(i).remaining();
        } catch (SegmentDamaged expected) {
          unused++;
        }
      }
      reader.verify();
    } catch (SegmentDamaged expected) {
      // What every damage must come to.
    }
  }
}

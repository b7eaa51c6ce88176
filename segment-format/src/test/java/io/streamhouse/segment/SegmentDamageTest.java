package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SegmentDamageTest {

  private final byte[] segment =
      SegmentBytes.of(GoldenSegment.write(new BlockCompressor()).buffers());

  @Test
  void everyFlippedByteIsFound() {
    for (int i = 0; i < segment.length; i++) {
      for (int flip : new int[] {0x01, 0x80, 0xff}) {
        var damaged = segment.clone();
        damaged[i] ^= (byte) flip;
        var failure = damageOf(damaged);
        assertThat(failure).as("byte %d ^ %d", i, flip).isNotNull();
        assertThat(failure.kind()).isEqualTo(SegmentDamaged.Kind.DAMAGED);
      }
    }
  }

  @Test
  void everyTruncationIsFound() {
    for (int length = 0; length < segment.length; length++) {
      var cut = Arrays.copyOf(segment, length);
      assertThat(damageOf(cut)).as("cut to %d", length).isNotNull();
      var failure =
          catchThrowableOfType(
              SegmentDamaged.class,
              () ->
                  SegmentReader.open("test", SegmentBytes.reader(cut), 0, segment.length).verify());
      assertThat(failure).as("cut to %d, length from the manifest", length).isNotNull();
    }
  }

  @Test
  void damageNamesObjectPositionExpectedAndFound() throws Exception {
    var object = new byte[1000 + segment.length];
    System.arraycopy(segment, 0, object, 1000, segment.length);
    object[1000 + SegmentFormat.HEADER_BYTES] ^= 1;
    var reader =
        SegmentReader.open("org-a/x.seg", SegmentBytes.reader(object), 1000, segment.length);

    var failure = catchThrowableOfType(SegmentDamaged.class, () -> reader.readBlock(0));

    assertThat(failure.object()).isEqualTo("org-a/x.seg");
    assertThat(failure.position()).isEqualTo(1064);
    assertThat(failure)
        .hasMessageMatching(
            "segment in object org-a/x.seg is damaged at position 1064:"
                + " expected block 0 with crc [0-9a-f]{8}, found [0-9a-f]{8}");
  }

  @Test
  void damagedBlockLeavesItsNeighboursReadable() throws Exception {
    var damaged = segment.clone();
    var second = SegmentBytes.open(segment).blocks().get(1);
    damaged[(int) second.position()] ^= 1;
    var reader = SegmentBytes.open(damaged);

    assertThat(reader.readBlock(0).remaining()).isEqualTo(400);
    assertThat(reader.readBlock(2).remaining()).isEqualTo(400);
    assertThat(catchThrowableOfType(SegmentDamaged.class, () -> reader.readBlock(1))).isNotNull();
  }

  @Test
  void unknownSectionsAreSkipped() throws Exception {
    var extended = SegmentBytes.withSection(segment, 99, new byte[] {1, 2, 3});
    var reader = SegmentBytes.open(extended);

    reader.verify();
    assertThat(reader.sections()).extracting(SegmentReader.Section::type).contains(99);
    assertThat(reader.producers()).contains(GoldenSegment.PRODUCERS);
  }

  @Test
  void damagedUnknownSectionIsFoundByVerifyOnly() throws Exception {
    var extended = SegmentBytes.withSection(segment, 99, new byte[] {1, 2, 3});
    extended[SegmentBytes.sectionPosition(extended, 99)] = 9;
    var reader = SegmentBytes.open(extended);

    assertThat(catchThrowableOfType(SegmentDamaged.class, reader::verify)).isNotNull();
  }

  @Test
  void newerVersionIsToldApartFromDamage() {
    var newer = segment.clone();
    ByteBuffer.wrap(newer).putShort(newer.length - 16, (short) 2);
    SegmentBytes.resealed(newer);

    var failure = damageOf(newer);

    assertThat(failure.kind()).isEqualTo(SegmentDamaged.Kind.TOO_NEW);
    assertThat(failure)
        .hasMessageContaining("is of a newer format")
        .hasMessageContaining("expected format version 1, found format version 2");
  }

  @Test
  void sameSectionTwiceIsRefused() {
    assertThat(
            damageOf(SegmentBytes.withSection(segment, SegmentFormat.PRODUCER_STATE, new byte[5])))
        .hasMessageContaining("each section once");
  }

  @Test
  void missingBlockIndexIsRefused() {
    var renamed = segment.clone();
    ByteBuffer.wrap(renamed).putInt(SegmentBytes.entryOf(renamed, SegmentFormat.BLOCK_INDEX), 1000);
    assertThat(damageOf(SegmentBytes.resealed(renamed))).hasMessageContaining("a block index");
  }

  @Test
  void impossibleLengthsAreRefusedThoughChecksumsMatch() {
    int index = SegmentBytes.sectionPosition(segment, SegmentFormat.BLOCK_INDEX);
    int producers = SegmentBytes.sectionPosition(segment, SegmentFormat.PRODUCER_STATE);
    int footer = segment.length - SegmentFormat.FOOTER_BYTES;
    int entry = SegmentBytes.entryOf(segment, SegmentFormat.PRODUCER_STATE);
    for (int value : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 1 << 28, 1 << 20}) {
      assertRefused(index + 24, value); // stored length
      assertRefused(index + 28, value); // raw length
      assertRefused(index + 32, value); // codec
      assertRefused(producers + 1, value); // count of producers
      assertRefused(footer + 8, value); // directory length
      assertRefused(entry + 8, value); // section position, its high half
      assertRefused(entry + 16, value); // section length, its high half
      assertRefused(entry + 20, value); // section length, its low half
      assertRefused(SegmentBytes.directoryPosition(segment) + 64, value); // count of sections
    }
  }

  private void assertRefused(int position, int value) {
    var forged = segment.clone();
    ByteBuffer.wrap(forged).putInt(position, value);
    assertThat(damageOf(SegmentBytes.resealed(forged))).as("%d at %d", value, position).isNotNull();
  }

  @Test
  void blocksOutOfOrderAreRefusedThoughChecksumsMatch() {
    int index = SegmentBytes.sectionPosition(segment, SegmentFormat.BLOCK_INDEX);
    for (long offset :
        new long[] {0, GoldenSegment.BASE_OFFSET, GoldenSegment.BASE_OFFSET + 30, -1}) {
      var forged = segment.clone();
      ByteBuffer.wrap(forged).putLong(index + SegmentFormat.BLOCK_ENTRY_BYTES, offset);
      assertThat(damageOf(SegmentBytes.resealed(forged))).as("offset %d", offset).isNotNull();
    }
  }

  @Test
  void positionsNearTheEndOfLongAreRefused() {
    for (long position : new long[] {Long.MAX_VALUE, Long.MAX_VALUE - 100, -1, Long.MIN_VALUE}) {
      for (long length : new long[] {Long.MAX_VALUE, -1, 0, Long.MIN_VALUE, 300}) {
        assertThat(
                catchThrowableOfType(
                    SegmentDamaged.class,
                    () ->
                        SegmentReader.open(
                            "test", (_, _) -> ByteBuffer.allocate(0), position, length)))
            .as("%d bytes at %d", length, position)
            .isNotNull();
      }
    }
  }

  @Test
  void undamagedSegmentVerifies() {
    assertThatCode(() -> SegmentBytes.open(segment).verify()).doesNotThrowAnyException();
  }

  private static SegmentDamaged damageOf(byte[] bytes) {
    return catchThrowableOfType(SegmentDamaged.class, () -> SegmentBytes.open(bytes).verify());
  }
}

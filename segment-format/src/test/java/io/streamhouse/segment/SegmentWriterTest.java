package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SegmentWriterTest {

  @Test
  void storedBatchesAreNotCopied() {
    var batch = ByteBuffer.wrap(new byte[300]);
    var writer = new SegmentWriter(0, null);
    writer.add(batch, 0, 3, 1, 3, false);
    var content = writer.finish();

    // Whoever changes the batch changes the content: they are the same memory.
    batch.put(7, (byte) 42);
    assertThat(SegmentBytes.of(content.buffers())[SegmentFormat.HEADER_BYTES + 7])
        .isEqualTo((byte) 42);
    assertThat(batch.position()).isZero();
  }

  @Test
  void producerCompressedBatchesAreLeftAlone() throws Exception {
    var writer = new SegmentWriter(0, new BlockCompressor());
    writer.add(ByteBuffer.wrap(new byte[1000]), 0, 3, 1, 3, true);
    var reader = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers()));

    assertThat(reader.blocks().getFirst().compressed()).isFalse();
  }

  @Test
  void blockIsCompressedWhereMostOfItIsNotYet() throws Exception {
    var writer = new SegmentWriter(0, new BlockCompressor());
    writer.add(ByteBuffer.wrap(new byte[100]), 0, 1, 1, 1, true);
    writer.add(ByteBuffer.wrap(new byte[1000]), 1, 2, 1, 1, false);
    var content = writer.finish();
    var reader = SegmentBytes.open(SegmentBytes.of(content.buffers()));

    assertThat(reader.blocks().getFirst().compressed()).isTrue();
    assertThat(reader.readBlock(0)).isEqualTo(ByteBuffer.wrap(new byte[1100]));
  }

  @Test
  void afterChanceOtherBlocksAreTriedOnlyNowAndThen() throws Exception {
    var writer = new SegmentWriter(0, new BlockCompressor(), 100);
    var chance = new byte[100];
    new Random(1).nextBytes(chance);
    for (int i = 0; i < 10; i++) {
      writer.add(ByteBuffer.wrap(i == 0 ? chance : new byte[100]), i, i + 1, 1, 1, false);
    }
    var reader = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers()));

    assertThat(reader.blocks().stream().map(SegmentReader.Block::compressed))
        .containsExactly(false, false, false, false, false, false, false, false, true, true);
  }

  @Test
  void blocksAreAboutOneMebibyteAndHoldWholeBatches() throws Exception {
    var writer = new SegmentWriter(0, null);
    for (int i = 0; i < 30; i++) {
      writer.add(ByteBuffer.wrap(new byte[100_000]), i, i + 1, 1, 1, true);
    }
    writer.add(ByteBuffer.wrap(new byte[3 << 20]), 30, 31, 1, 1, true);
    writer.add(ByteBuffer.wrap(new byte[10]), 31, 32, 1, 1, true);
    var reader = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers()));

    assertThat(reader.blocks().stream().map(SegmentReader.Block::rawLength))
        .containsExactly(1_000_000, 1_000_000, 1_000_000, 3 << 20, 10);
    assertThat(reader.blockFor(29)).isEqualTo(2);
    assertThat(reader.blockFor(30)).isEqualTo(3);
    assertThat(reader.blockFor(1_000)).isEqualTo(4);
  }

  @Test
  void directAndReadOnlyAndSlicedBatchesAreTaken() throws Exception {
    var direct = ByteBuffer.allocateDirect(100).put(3, (byte) 7);
    var readOnly = ByteBuffer.wrap(new byte[] {9, 9, 1, 2, 3, 9}, 2, 3).asReadOnlyBuffer();
    for (var compressor : Arrays.asList(null, new BlockCompressor())) {
      var writer = new SegmentWriter(0, compressor);
      writer.add(direct, 0, 1, 1, 1, false);
      writer.add(readOnly, 1, 2, 1, 1, false);
      var block = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers())).readBlock(0);

      assertThat(block.remaining()).isEqualTo(103);
      assertThat(block.get(3)).isEqualTo((byte) 7);
      assertThat(block.get(102)).isEqualTo((byte) 3);
    }
  }

  @Test
  void gapsAndOverlapsAreRefused() {
    var writer = new SegmentWriter(0, null);
    writer.add(ByteBuffer.allocate(1), 10, 20, 1, 10, true);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer.add(ByteBuffer.allocate(1), 21, 22, 1, 1, true));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer.add(ByteBuffer.allocate(1), 19, 22, 1, 1, true));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> writer.add(ByteBuffer.allocate(0), 20, 22, 1, 1, true));
  }

  @Test
  void writerIsUsedOnceAndNotWithoutBatches() {
    assertThatIllegalStateException().isThrownBy(() -> new SegmentWriter(0, null).finish());
    var writer = new SegmentWriter(0, null);
    writer.add(ByteBuffer.allocate(1), 0, 1, 1, 1, true);
    assertThat(writer.finish().length()).isPositive();
    assertThatIllegalStateException().isThrownBy(writer::finish);
    assertThatIllegalStateException()
        .isThrownBy(() -> writer.add(ByteBuffer.allocate(1), 1, 2, 1, 1, true));
  }

  @Test
  void segmentIsOpenedWithOneRead() throws Exception {
    var writer = new SegmentWriter(0, null);
    for (int i = 0; i < 100; i++) {
      writer.add(ByteBuffer.wrap(new byte[1 << 20]), i, i + 1, 1, 1, true);
    }
    var bytes = SegmentBytes.of(writer.finish().buffers());
    var reads = new AtomicInteger();
    var range = SegmentBytes.reader(bytes);
    var reader =
        SegmentReader.open(
            "test",
            (position, length) -> {
              reads.incrementAndGet();
              return range.read(position, length);
            },
            0,
            bytes.length);

    assertThat(reader.blocks()).hasSize(100);
    assertThat(reads).hasValue(1);
  }

  @Test
  void indexLargerThanTheFirstReadIsFound() throws Exception {
    var writer = new SegmentWriter(0, null, 1);
    for (int i = 0; i < 5_000; i++) {
      writer.add(ByteBuffer.wrap(new byte[] {(byte) i}), i, i + 1, i, 1, true);
    }
    var reader = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers()));

    assertThat(reader.blocks()).hasSize(5_000);
    assertThat(reader.blockFor(4_321)).isEqualTo(4_321);
    assertThat(reader.blockForTimestamp(1_234)).isEqualTo(1_234);
    reader.verify();
  }

  @Test
  void segmentsOfAnObjectAreReadEachFromItsPlace() throws Exception {
    var object = new ObjectWriter();
    var first = object.add(GoldenSegment.write(null));
    var second = object.add(GoldenSegment.write(new BlockCompressor()));
    var bytes = SegmentBytes.of(object.content());

    assertThat(object.segments()).containsExactly(first, second);
    assertThat(bytes.length).isEqualTo(object.length()).isEqualTo(first.length() + second.length());
    for (var placed : object.segments()) {
      var reader =
          SegmentReader.open(
              "test", SegmentBytes.reader(bytes), placed.position(), placed.length());
      reader.verify();
      assertThat(reader.header()).isEqualTo(placed.header());
      assertThat(reader.producers()).contains(GoldenSegment.PRODUCERS);
    }
  }

  @Test
  void blocksOfOtherSegmentsAreTakenAsTheyAre() throws Exception {
    var first = new SegmentWriter(3, new BlockCompressor());
    first.add(ByteBuffer.wrap(new byte[1000]), 5, 8, 70, 3, false);
    var chance = new byte[700];
    new Random(1).nextBytes(chance);
    first.add(ByteBuffer.wrap(chance), 8, 9, 50, 1, true);
    var source = SegmentBytes.open(SegmentBytes.of(first.finish().buffers()));
    var merged = new SegmentWriter(3, null);
    merged.add(ByteBuffer.wrap(new byte[10]), 2, 5, 60, 3, false);
    merged.addBlock(source.blocks().getFirst(), source.readStored(0), 9, 4);
    merged.add(ByteBuffer.wrap(new byte[20]), 9, 10, 40, 1, false);
    var reader = SegmentBytes.open(SegmentBytes.of(merged.finish().buffers()));

    reader.verify();
    assertThat(reader.header())
        .isEqualTo(new SegmentHeader(SegmentCompression.LZ4, 3, 2, 10, 8, 70));
    assertThat(reader.blocks()).hasSize(3);
    assertThat(reader.blocks().get(1).crc()).isEqualTo(source.blocks().getFirst().crc());
    assertThat(reader.readBlock(1)).isEqualTo(source.readBlock(0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> {
          var gap = new SegmentWriter(3, null);
          gap.add(ByteBuffer.wrap(new byte[10]), 1, 4, 1, 3, false);
          gap.addBlock(source.blocks().getFirst(), source.readStored(0), 9, 4);
        });
  }

  @Test
  void whatIsDrainedIsNotInTheContentAgain() throws Exception {
    var drained = new SegmentWriter(0, new BlockCompressor(), 100);
    var whole = new SegmentWriter(0, new BlockCompressor(), 100);
    var behindHeader = new ByteArrayOutputStream();
    for (int i = 0; i < 20; i++) {
      var batch = new byte[60];
      new Random(i).nextBytes(batch);
      drained.add(ByteBuffer.wrap(batch), i, i + 1, i, 1, false);
      whole.add(ByteBuffer.wrap(batch), i, i + 1, i, 1, false);
      behindHeader.writeBytes(SegmentBytes.of(drained.drain()));
    }
    assertThat(drained.length()).isEqualTo(SegmentFormat.HEADER_BYTES + behindHeader.size());
    var content = drained.finish();
    assertThat(content.buffers().getFirst().remaining()).isEqualTo(SegmentFormat.HEADER_BYTES);
    behindHeader.writeBytes(
        SegmentBytes.of(content.buffers().subList(1, content.buffers().size())));

    var bytes = SegmentBytes.of(whole.finish().buffers());
    assertThat(content.length()).isEqualTo(bytes.length);
    assertThat(SegmentBytes.of(content.buffers().subList(0, 1)))
        .isEqualTo(Arrays.copyOf(bytes, SegmentFormat.HEADER_BYTES));
    assertThat(behindHeader.toByteArray())
        .isEqualTo(Arrays.copyOfRange(bytes, SegmentFormat.HEADER_BYTES, bytes.length));
  }
}

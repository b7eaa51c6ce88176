package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;

class SegmentRoundTripTest {

  record Run(int bytes, int records, long timestamp, boolean compressed, boolean text) {}

  @Provide
  Arbitrary<Run> runs() {
    return Combinators.combine(
            Arbitraries.integers().between(1, 700),
            Arbitraries.integers().between(1, 50),
            Arbitraries.longs().between(-1, 1_000),
            Arbitraries.of(true, false),
            Arbitraries.of(true, false))
        .as(Run::new);
  }

  @Property(tries = 300)
  void whatIsWrittenIsRead(
      @ForAll @Size(min = 1, max = 60) List<@From("runs") Run> runs,
      @ForAll @LongRange(min = 0, max = Long.MAX_VALUE / 2) long baseOffset,
      @ForAll @IntRange(min = 1, max = 2_000) int blockBytes,
      @ForAll boolean compress,
      @ForAll long seed)
      throws Exception {
    var random = new Random(seed);
    var writer = new SegmentWriter(3, compress ? new BlockCompressor() : null, blockBytes);
    var expected = ByteBuffer.allocate(runs.stream().mapToInt(Run::bytes).sum());
    var firsts = new ArrayList<Long>();
    long offset = baseOffset;
    for (var run : runs) {
      var bytes = new byte[run.bytes];
      if (!run.text) {
        random.nextBytes(bytes);
      }
      expected.put(bytes);
      writer.add(
          ByteBuffer.wrap(bytes),
          offset,
          offset + run.records,
          run.timestamp,
          run.records,
          run.compressed);
      firsts.add(offset);
      offset += run.records;
    }
    var object = new ObjectWriter();
    object.add(GoldenSegment.write(null));
    var placed = object.add(writer.finish());
    object.add(GoldenSegment.write(null));

    var reader =
        SegmentReader.open(
            "test",
            SegmentBytes.reader(SegmentBytes.of(object.content())),
            placed.position(),
            placed.length());

    reader.verify();
    assertThat(reader.header().baseOffset()).isEqualTo(baseOffset);
    assertThat(reader.header().endOffset()).isEqualTo(offset);
    assertThat(reader.header().records()).isEqualTo(runs.stream().mapToLong(Run::records).sum());
    var found = ByteBuffer.allocate(expected.capacity());
    for (int i = 0; i < reader.blocks().size(); i++) {
      found.put(reader.readBlock(i));
    }
    assertThat(found.flip()).isEqualTo(expected.flip());

    var blocks = reader.blocks();
    for (int i = 0; i < runs.size(); i++) {
      long last = firsts.get(i) + runs.get(i).records - 1;
      int block = reader.blockFor(last);
      assertThat(reader.blockFor(firsts.get(i))).isEqualTo(block);
      assertThat(blocks.get(block).firstOffset()).isLessThanOrEqualTo(firsts.get(i));
      assertThat(block + 1 == blocks.size() || blocks.get(block + 1).firstOffset() > last).isTrue();
    }
    for (long timestamp = -2; timestamp <= 1_001; timestamp += 17) {
      int linear = -1;
      for (int i = blocks.size() - 1; i >= 0; i--) {
        linear = blocks.get(i).maxTimestamp() >= timestamp ? i : linear;
      }
      assertThat(reader.blockForTimestamp(timestamp)).isEqualTo(linear);
    }
  }

  @Provide
  Arbitrary<ProducerSnapshot> producers() {
    var batches =
        Combinators.combine(
                Arbitraries.integers().greaterOrEqual(0),
                Arbitraries.integers().greaterOrEqual(0),
                Arbitraries.longs().greaterOrEqual(0),
                Arbitraries.longs())
            .as(ProducerSnapshot.Batch::new)
            .list()
            .ofMaxSize(ProducerSnapshot.MAX_BATCHES);
    return Combinators.combine(
            Arbitraries.longs().greaterOrEqual(0),
            Arbitraries.shorts(),
            Arbitraries.longs(),
            batches,
            Arbitraries.longs().greaterOrEqual(-1))
        .as(ProducerSnapshot::new);
  }

  @Property(tries = 300)
  void producerStateIsReadAsWritten(
      @ForAll boolean full,
      @ForAll @Size(max = 40) List<@From("producers") ProducerSnapshot> producers)
      throws Exception {
    var state = new ProducerState(full, producers);
    var writer = new SegmentWriter(0, null);
    writer.add(ByteBuffer.allocate(1), 0, 1, 0, 1, true);
    writer.producers(state);

    var reader = SegmentBytes.open(SegmentBytes.of(writer.finish().buffers()));

    assertThat(reader.producers()).contains(state);
  }
}

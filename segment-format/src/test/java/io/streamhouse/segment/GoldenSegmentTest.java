package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What was written by any version stays readable.
class GoldenSegmentTest {

  @ParameterizedTest
  @ValueSource(strings = {"segment-v1.seg", "segment-v1-lz4.seg"})
  void versionOneStaysReadable(String file) throws Exception {
    var reader = SegmentBytes.open(resource(file));

    reader.verify();
    assertThat(reader.header())
        .isEqualTo(
            new SegmentHeader(
                file.contains("lz4") ? SegmentCompression.LZ4 : SegmentCompression.NONE,
                7,
                GoldenSegment.BASE_OFFSET,
                GoldenSegment.BASE_OFFSET + 30,
                30,
                1_700_000_000_030L));
    assertThat(reader.blocks()).hasSize(3);
    for (int i = 0; i < 3; i++) {
      var block = reader.blocks().get(i);
      assertThat(block.firstOffset()).isEqualTo(GoldenSegment.BASE_OFFSET + 10L * i);
      assertThat(block.maxTimestamp()).isEqualTo(1_700_000_000_000L + new int[] {10, 30, 15}[i]);
      // Chance does not shrink, and after it nothing is tried for a while.
      assertThat(block.compressed()).isEqualTo(file.contains("lz4") && i == 0);
      var bytes = reader.readBlock(i);
      var first = new byte[200];
      var second = new byte[200];
      bytes.get(first).get(second);
      assertThat(first).isEqualTo(GoldenSegment.BATCHES.get(2 * i));
      assertThat(second).isEqualTo(GoldenSegment.BATCHES.get(2 * i + 1));
      assertThat(bytes.hasRemaining()).isFalse();
    }
    assertThat(reader.producers()).contains(GoldenSegment.PRODUCERS);
    assertThat(reader.aborted()).isEqualTo(GoldenSegment.ABORTED);
  }

  @Test
  void versionOneIsStillWrittenToTheByte() throws Exception {
    // Without compression, since another version of LZ4 may find shorter matches.
    assertThat(SegmentBytes.of(GoldenSegment.write(null).buffers()))
        .isEqualTo(resource("segment-v1.seg"));
  }

  private static byte[] resource(String name) throws Exception {
    try (var in = GoldenSegmentTest.class.getResourceAsStream(name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    }
  }
}

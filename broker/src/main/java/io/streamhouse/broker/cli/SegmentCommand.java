package io.streamhouse.broker.cli;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.RangeReader;
import io.streamhouse.segment.SegmentFormat;
import io.streamhouse.segment.SegmentReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayDeque;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `streamctl segment`: looks into objects.
@Command(name = "segment", description = "Looks into an object's segments.")
final class SegmentCommand {

  private final PrintWriter out;

  SegmentCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(
      name = "dump",
      description =
          "Prints the segments of an object, their blocks and batches; checks every byte.")
  int dump(
      @Parameters(paramLabel = "FILE", description = "An object.") Path file,
      @Option(names = "--batches", description = "Every batch, too.") boolean batches)
      throws IOException {
    String name = file.toString();
    try (var channel = FileChannel.open(file)) {
      RangeReader range = (position, length) -> read(channel, position, length);
      // Segments end with where they begin, so the object is walked from its end.
      var segments = new ArrayDeque<SegmentReader>();
      var positions = new ArrayDeque<Long>();
      long end = channel.size();
      do {
        long length = length(range, end);
        var segment = SegmentReader.open(name, range, end - length, length);
        segments.addFirst(segment);
        positions.addFirst(end - length);
        end -= length;
      } while (end > 0);
      out.println("%s: %d bytes, %d segment(s)".formatted(name, channel.size(), segments.size()));
      while (!segments.isEmpty()) {
        dump(segments.removeFirst(), positions.removeFirst(), batches);
      }
    }
    return ExitCode.OK;
  }

  /// How long the segment that ends at `end` says it is; the whole rest where it says nonsense,
  /// which opening it then tells about.
  private static long length(RangeReader range, long end) throws IOException {
    if (end < SegmentFormat.FOOTER_BYTES) {
      return end;
    }
    var footer = range.read(end - SegmentFormat.FOOTER_BYTES, SegmentFormat.FOOTER_BYTES);
    if (footer.remaining() < SegmentFormat.FOOTER_BYTES) {
      return end;
    }
    long directory = footer.getLong(footer.position());
    long length = directory + footer.getInt(footer.position() + 8) + SegmentFormat.FOOTER_BYTES;
    return directory < 0 || length <= SegmentFormat.FOOTER_BYTES || length > end ? end : length;
  }

  private static ByteBuffer read(FileChannel channel, long position, int length)
      throws IOException {
    var buffer =
        ByteBuffer.allocate((int) Math.max(0, Math.min(length, channel.size() - position)));
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        break;
      }
    }
    return buffer.flip();
  }

  private void dump(SegmentReader segment, long position, boolean batches) throws IOException {
    var header = segment.header();
    out.println(
        "segment at %d: offsets %d to %d, %d record(s), leader epoch %d, compression %s, max timestamp %d"
            .formatted(
                position,
                header.baseOffset(),
                header.endOffset() - 1,
                header.records(),
                header.leaderEpoch(),
                header.compression(),
                header.maxTimestamp()));
    for (int i = 0; i < segment.blocks().size(); i++) {
      var block = segment.blocks().get(i);
      out.println(
          "  block %d at %d: first offset %d, %d bytes%s, crc %08x"
              .formatted(
                  i,
                  position + block.position(),
                  block.firstOffset(),
                  block.rawLength(),
                  block.compressed() ? " stored in " + block.storedLength() : "",
                  block.crc()));
      var content = segment.readBlock(i);
      if (batches) {
        for (var batch : RecordBatches.of(content)) {
          out.println("    " + Batches.line(batch));
        }
      }
    }
    var producers = segment.producers();
    if (producers.isPresent()) {
      out.println(
          "  %d producer(s), %s"
              .formatted(
                  producers.get().producers().size(),
                  producers.get().full() ? "all there are" : "those that changed"));
      for (var producer : producers.get().producers()) {
        out.println(
            "    producer %d epoch %d, %d batch(es) remembered"
                .formatted(
                    producer.producerId(), producer.producerEpoch(), producer.batches().size()));
      }
    }
    for (var transaction : segment.aborted()) {
      out.println("  aborted " + transaction);
    }
    segment.verify();
  }
}

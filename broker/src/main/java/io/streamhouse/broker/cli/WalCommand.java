package io.streamhouse.broker.cli;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.segment.WalEntry;
import io.streamhouse.segment.WalFileReader;
import io.streamhouse.segment.WalFormat;
import io.streamhouse.segment.WalPosition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `streamctl wal`: looks into the write-ahead log.
@Command(name = "wal", description = "Looks into a file of the write-ahead log.")
final class WalCommand {

  private final PrintWriter out;

  WalCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(
      name = "dump",
      description = "Prints the entries of a file of the write-ahead log, up to where it ends.")
  int dump(
      @Parameters(
              paramLabel = "FILE",
              description = "A .wal file; while its agent runs, as far as it has got.")
          Path file,
      @Option(names = "--marks", description = "What each group knew to be durable, too.")
          boolean marks)
      throws IOException {
    try (var channel = FileChannel.open(file)) {
      if (channel.size() < WalFormat.HEADER_BYTES || channel.size() > Integer.MAX_VALUE) {
        throw new IOException(
            "%s: %d bytes are no file of a write-ahead log".formatted(file, channel.size()));
      }
      var content =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size()).order(ByteOrder.BIG_ENDIAN);
      // What the header says of itself; the reader checks the rest of it.
      var walId = new UUID(content.getLong(8), content.getLong(16));
      long sequence = content.getLong(24);
      var printer = new Printer("%s: log %s, file %d".formatted(file, walId, sequence), marks);
      var end = new WalFileReader(file.toString(), sequence, content).scan(walId, true, printer);
      if (end.end() < WalFormat.HEADER_BYTES) {
        throw new IOException(
            file
                + ": no valid header; it was being made when its agent ended, or is something"
                + " else");
      }
      printer.title();
      out.println(end.sealed() ? "sealed at " + end.end() : "ends at " + end.end());
    }
    return ExitCode.OK;
  }

  private final class Printer implements WalFileReader.Visitor {

    private final String title;
    private final boolean marks;
    private boolean titled;

    Printer(String title, boolean marks) {
      this.title = title;
      this.marks = marks;
    }

    /// Printed once, and not before the reader found the header to be one.
    void title() {
      if (!titled) {
        titled = true;
        out.println(title);
      }
    }

    @Override
    public void entry(long position, WalEntry entry) {
      title();
      String batch;
      try {
        batch = Batches.line(RecordBatches.of(entry.batch()).single());
      } catch (IndexOutOfBoundsException e) {
        batch = entry.batch().remaining() + " bytes that are no batch";
      }
      out.println(
          "%d: topic %s partition %d epoch %d, %s"
              .formatted(position, entry.topicId(), entry.partition(), entry.leaseEpoch(), batch));
    }

    @Override
    public void mark(long position, WalPosition durable) {
      title();
      if (marks) {
        out.println(
            "%d: durable up to %d of file %d"
                .formatted(position, durable.position(), durable.sequence()));
      }
    }
  }
}

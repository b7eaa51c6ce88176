package io.streamhouse.segment;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// Reads one file of the write-ahead log. Nothing in it is trusted before its checksum matches;
/// lengths are checked against the file before they are used.
public final class WalFileReader {

  private static final int MARK_LENGTH = WalFormat.MARK_BYTES - WalFormat.FRAME_OVERHEAD_BYTES;
  private static final int SEAL_LENGTH = WalFormat.SEAL_BYTES - WalFormat.FRAME_OVERHEAD_BYTES;

  private final String name;
  private final long sequence;
  private final ByteBuffer content;

  /// @param name of the file, for messages
  /// @param sequence the file should have, by its name
  /// @param content the whole file, from position 0
  public WalFileReader(String name, long sequence, ByteBuffer content) {
    this.name = name;
    this.sequence = sequence;
    this.content = content.slice();
  }

  /// What a visitor is told about each frame that verifies.
  public interface Visitor {
    void entry(long position, WalEntry entry) throws IOException;

    default void mark(long position, WalPosition durable) {}
  }

  /// How a file ended.
  ///
  /// @param end position after the last frame that verified, the seal not counted
  /// @param sealed nothing was ever written behind `end`
  public record End(long end, boolean sealed) {}

  /// Visits every entry in order.
  ///
  /// @param walId the log this file must belong to
  /// @param last whether this is the log's newest file, the only one that may end without a seal
  /// @throws WalDamaged when bytes that were durable do not verify, or the file is not this log's,
  ///   or a newer version's
  public End scan(UUID walId, boolean last, Visitor visitor) throws IOException {
    var header = headerProblem(walId);
    if (header != null) {
      // The header is synced before the first frame is written, so without any frame of this life
      // the file was being made when the process died: it holds nothing, or what it held in an
      // earlier life. Who finds neither must not take the file for an empty one.
      if (last && !othersHeader(walId) && provenPosition(0) < 0) {
        return new End(0, false);
      }
      throw new WalDamaged(name, 0, "a header of log " + walId, header);
    }
    long position = WalFormat.HEADER_BYTES;
    while (true) {
      int at = (int) position;
      String problem = frameProblem(at);
      if (problem != null) {
        long proven = last ? provenPosition(at) : -1;
        if (!last || proven > at) {
          throw new WalDamaged(
              name,
              position,
              last ? "a valid frame, since bytes up to " + proven + " were durable" : "a seal",
              problem);
        }
        return new End(position, false);
      }
      int length = content.getInt(at);
      switch (content.get(at + 8)) {
        case WalFormat.ENTRY -> visitor.entry(position, entry(at, length));
        case WalFormat.MARK -> visitor.mark(position, durable(at));
        case WalFormat.SEAL -> {
          return new End(position, true);
        }
        default ->
            throw new WalDamaged(
                name, position, "frame type 1, 2 or 3", "type " + content.get(at + 8));
      }
      position += WalFormat.FRAME_OVERHEAD_BYTES + (long) length;
    }
  }

  /// Reads one entry alone, whose frame begins at `position` of the file.
  ///
  /// @param batchBytes how long the batch in it is
  /// @param frame the file's bytes from there on, as many as the entry has
  /// @throws WalDamaged if they are not a valid entry of that file and position
  public static WalEntry entryAt(
      String name, long sequence, long position, int batchBytes, ByteBuffer frame)
      throws WalDamaged {
    int bytes = WalFormat.ENTRY_OVERHEAD_BYTES + batchBytes;
    int length = bytes - WalFormat.FRAME_OVERHEAD_BYTES;
    if (frame.remaining() != bytes
        || frame.getInt(frame.position()) != length
        || frame.get(frame.position() + 8) != WalFormat.ENTRY) {
      throw new WalDamaged(
          name,
          position,
          "an entry of " + bytes + " bytes",
          frame.remaining() < bytes ? frame.remaining() + " bytes" : "something else");
    }
    var crc = WalFormat.seeded(sequence, position);
    crc.update(frame.slice(frame.position() + WalFormat.FRAME_OVERHEAD_BYTES, length));
    int found = (int) crc.getValue();
    int expected = frame.getInt(frame.position() + 4);
    if (found != expected) {
      throw new WalDamaged(
          name, position, "crc %08x".formatted(expected), "crc %08x".formatted(found));
    }
    return new WalFileReader(name, sequence, frame).entry(0, length);
  }

  private WalEntry entry(int at, int length) {
    var topicId = new UUID(content.getLong(at + 9), content.getLong(at + 17));
    var batch =
        content.slice(
            at + WalFormat.ENTRY_OVERHEAD_BYTES,
            length - (WalFormat.ENTRY_OVERHEAD_BYTES - WalFormat.FRAME_OVERHEAD_BYTES));
    return new WalEntry(
        topicId,
        content.getInt(at + 25),
        content.getInt(at + 29),
        content.getLong(at + 33),
        batch.asReadOnlyBuffer());
  }

  private WalPosition durable(int at) {
    return new WalPosition(content.getLong(at + 9), content.getLong(at + 17));
  }

  private @Nullable String headerProblem(UUID walId) throws WalDamaged {
    if (content.limit() < WalFormat.HEADER_BYTES) {
      return content.limit() + " bytes";
    }
    int version = Short.toUnsignedInt(content.getShort(4));
    if (content.getInt(0) == WalFormat.MAGIC && version > WalFormat.VERSION) {
      // Before the checksum, which may stand elsewhere in that version; no crash leaves this.
      throw WalDamaged.tooNew(name, version);
    }
    if (!headerVerifies()) {
      return "magic %08x, crc %08x".formatted(content.getInt(0), content.getInt(32));
    }
    if (version != WalFormat.VERSION) {
      return "format version " + version;
    }
    var found = headerWalId();
    if (!found.equals(walId)) {
      return "a file of log " + found;
    }
    if (content.getLong(24) != sequence) {
      return "sequence " + content.getLong(24);
    }
    for (int at = 36; at < WalFormat.HEADER_BYTES; at++) {
      if (content.get(at) != 0) {
        return "byte %02x at position %d, not zero".formatted(content.get(at), at);
      }
    }
    return null;
  }

  /// Whether the header is whole but neither this file's nor one it can have had before it was
  /// recycled: those are this log's, with a lower sequence.
  private boolean othersHeader(UUID walId) {
    return content.limit() >= WalFormat.HEADER_BYTES
        && headerVerifies()
        && (!headerWalId().equals(walId) || content.getLong(24) >= sequence);
  }

  private boolean headerVerifies() {
    var crc = new CRC32C();
    crc.update(content.slice(0, 32));
    return content.getInt(0) == WalFormat.MAGIC && content.getInt(32) == (int) crc.getValue();
  }

  private UUID headerWalId() {
    return new UUID(content.getLong(8), content.getLong(16));
  }

  private @Nullable String frameProblem(int at) {
    if (content.limit() - at < WalFormat.SEAL_BYTES) {
      return "the end of the file";
    }
    int length = content.getInt(at);
    int room = content.limit() - at - WalFormat.FRAME_OVERHEAD_BYTES;
    if (length < 1 || length > room) {
      return "frame length " + length;
    }
    byte type = content.get(at + 8);
    boolean possible =
        switch (type) {
          case WalFormat.ENTRY ->
              length >= WalFormat.ENTRY_OVERHEAD_BYTES - WalFormat.FRAME_OVERHEAD_BYTES;
          case WalFormat.MARK -> length == MARK_LENGTH;
          case WalFormat.SEAL -> length == SEAL_LENGTH;
          default -> true;
        };
    if (!possible) {
      return "frame length " + length + " of type " + type;
    }
    int found = crc(at, length);
    return found == content.getInt(at + 4)
        ? null
        : "crc %08x for %08x".formatted(found, content.getInt(at + 4));
  }

  /// What the checksum of a frame should be, whose length is within the file.
  private int crc(int at, int length) {
    var crc = WalFormat.seeded(sequence, at);
    crc.update(content.slice(at + WalFormat.FRAME_OVERHEAD_BYTES, length));
    return (int) crc.getValue();
  }

  /// The highest position that a mark or a seal behind `from` proves to have been durable, or -1.
  /// Looks at every position, because damage hides where the next frame begins; only at frames of
  /// these two lengths, so its time is linear in the file's size whatever that holds.
  private long provenPosition(int from) {
    long proven = -1;
    int last = content.limit() - WalFormat.SEAL_BYTES;
    for (int at = from; at <= last; at++) {
      int length = content.getInt(at);
      if (length == MARK_LENGTH) {
        if (content.get(at + 8) == WalFormat.MARK
            && at + WalFormat.MARK_BYTES <= content.limit()
            && crc(at, length) == content.getInt(at + 4)) {
          var durable = durable(at);
          // From 0, any frame of this life proves that the header was durable.
          long position = durable.sequence() == sequence ? durable.position() : 0;
          proven = Math.max(proven, from == 0 ? Math.max(position, 1) : position);
        }
      } else if (length == SEAL_LENGTH
          && content.get(at + 8) == WalFormat.SEAL
          && crc(at, length) == content.getInt(at + 4)) {
        proven = Math.max(proven, at);
      }
    }
    return proven;
  }
}

package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import java.util.List;

/// An answer as it goes out: the pieces of one frame, in order.
///
/// Owns one reference to each part, and to each of `records`, whose memory some parts show. Parts
/// pass to the channel as they are written; the records are released when the last is written.
record EncodedAnswer(List<ByteBuf> parts, List<RecordBatches> records, int sizeInBytes) {

  EncodedAnswer {
    parts = List.copyOf(parts);
    records = List.copyOf(records);
  }

  /// For an answer that is never written.
  void release() {
    parts.forEach(ByteBuf::release);
    releaseRecords();
  }

  void releaseRecords() {
    records.forEach(RecordBatches::release);
  }
}

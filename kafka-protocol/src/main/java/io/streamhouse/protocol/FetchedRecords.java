package io.streamhouse.protocol;

import java.util.List;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.RecordsSend;

/// Records of one partition in a fetch response: pieces that the connection sends without copying
/// them and releases afterwards. Owns one reference to each piece.
public final class FetchedRecords implements BaseRecords {

  private final List<RecordBatches> pieces;

  public FetchedRecords(List<RecordBatches> pieces) {
    this.pieces = List.copyOf(pieces);
  }

  public List<RecordBatches> pieces() {
    return pieces;
  }

  @Override
  public int sizeInBytes() {
    int size = 0;
    for (var piece : pieces) {
      size = Math.addExact(size, piece.sizeInBytes());
    }
    return size;
  }

  @Override
  public RecordsSend<? extends BaseRecords> toSend() {
    throw new UnsupportedOperationException("sent by the connection itself");
  }
}

package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.message.ShareFetchResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageSizeAccumulator;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/// Encodes answers: length (i32), header (correlation id, in flexible versions tagged fields),
/// body. Record data are not copied.
final class AnswerEncoder {

  private AnswerEncoder() {}

  /// @param body the [FetchedRecords] in it pass to the result
  /// @throws RuntimeException if `body` does not fit `version`; the records are then still the
  ///   caller's, see [#release]
  static EncodedAnswer encode(
      ByteBufAllocator alloc, ApiKeys api, short version, int correlationId, ApiMessage body) {
    fillInEmptyRecords(body);
    var header = new ResponseHeaderData().setCorrelationId(correlationId);
    short headerVersion = api.responseHeaderVersion(version);
    // One cache for size and write: strings encoded for the one are reused by the other.
    var cache = new ObjectSerializationCache();
    var size = new MessageSizeAccumulator();
    header.addSize(size, cache, headerVersion);
    body.addSize(size, cache, version);
    int total = size.totalSize();
    var writable =
        new AnswerWritable(alloc.directBuffer(Integer.BYTES + size.sizeExcludingZeroCopy()));
    try {
      writable.writeInt(total);
      header.write(writable, cache, headerVersion);
      body.write(writable, cache, version);
      var answer = writable.finish();
      if (answer.sizeInBytes() != Integer.BYTES + total) {
        answer.parts().forEach(ByteBuf::release);
        throw new IllegalStateException(
            "%s version %d: sized %d bytes, wrote %d"
                .formatted(api, version, total, answer.sizeInBytes() - Integer.BYTES));
      }
      return answer;
    } catch (RuntimeException e) {
      writable.abandon();
      throw e;
    }
  }

  /// Releases the records of an answer that is not encoded.
  static void release(ApiMessage body) {
    for (var records : recordsIn(body)) {
      if (records instanceof FetchedRecords fetched) {
        fetched.pieces().forEach(RecordBatches::release);
      }
    }
  }

  private static List<BaseRecords> recordsIn(ApiMessage body) {
    var found = new ArrayList<BaseRecords>();
    switch (body) {
      case FetchResponseData fetch -> {
        for (var topic : fetch.responses()) {
          for (var partition : topic.partitions()) {
            if (partition.records() != null) {
              found.add(partition.records());
            }
          }
        }
      }
      case ShareFetchResponseData fetch -> {
        for (var topic : fetch.responses()) {
          for (var partition : topic.partitions()) {
            if (partition.records() != null) {
              found.add(partition.records());
            }
          }
        }
      }
      default -> {}
    }
    return found;
  }

  /// Clients take null records in a fetch response for a protocol error.
  private static void fillInEmptyRecords(ApiMessage body) {
    if (body instanceof FetchResponseData fetch) {
      for (var topic : fetch.responses()) {
        for (var partition : topic.partitions()) {
          if (partition.records() == null) {
            var _ = partition.setRecords(MemoryRecords.EMPTY);
          }
        }
      }
    }
  }
}

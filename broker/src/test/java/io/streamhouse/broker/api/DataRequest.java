package io.streamhouse.broker.api;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Request;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.jspecify.annotations.Nullable;

/// A request with records on a connection that can be closed.
record DataRequest<Q extends ApiMessage>(
    Q body, short version, Executor loop, List<Runnable> closing) implements Request<Q> {

  DataRequest(Q body, int version, Executor loop) {
    this(body, (short) version, loop, new ArrayList<>());
  }

  void close() {
    closing.forEach(loop::execute);
    closing.clear();
  }

  @Override
  public int correlationId() {
    return 1;
  }

  @Override
  public String clientId() {
    return "test";
  }

  @Override
  public String listener() {
    return "PLAINTEXT";
  }

  @Override
  public InetSocketAddress local() {
    return InetSocketAddress.createUnresolved("127.0.0.1", 9092);
  }

  @Override
  public InetSocketAddress peer() {
    return InetSocketAddress.createUnresolved("127.0.0.1", 40_000);
  }

  @Override
  public void onClose(Runnable task) {
    closing.clear();
    closing.add(task);
  }

  @Override
  public RecordBatches batches(@Nullable BaseRecords records) {
    return records instanceof MemoryRecords memory
        ? RecordBatches.of(memory.buffer())
        : RecordBatches.EMPTY;
  }
}

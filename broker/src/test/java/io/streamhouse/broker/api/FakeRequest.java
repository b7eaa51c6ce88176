package io.streamhouse.broker.api;

import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Request;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.jspecify.annotations.Nullable;

/// A request without a connection.
record FakeRequest<Q extends ApiMessage>(Q body, short version, String listener)
    implements Request<Q> {

  @Override
  public int correlationId() {
    return 1;
  }

  @Override
  public String clientId() {
    return "test";
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
  public Executor loop() {
    return Runnable::run;
  }

  @Override
  public void onClose(Runnable task) {}

  @Override
  public RecordBatches batches(@Nullable BaseRecords records) {
    throw new UnsupportedOperationException("admin requests have no records");
  }
}

package io.streamhouse.broker.read;

import java.util.function.LongSupplier;

/// Memory that answers to fetches may take until they are sent, of all connections together.
///
/// At the limit a fetch begins to read nothing: it is parked until there is room or its own wait is
/// over, and then answered without records. A fetch that was begun is not held up, so what it reads
/// comes on top.
public final class ResponseBudget {

  private final long limit;
  private final LongSupplier unsent;

  /// @param unsent bytes of answers that wait for their sockets, or that these keep in memory, now
  public ResponseBudget(long limit, LongSupplier unsent) {
    this.limit = limit;
    this.unsent = unsent;
  }

  boolean full() {
    return unsent.getAsLong() >= limit;
  }
}

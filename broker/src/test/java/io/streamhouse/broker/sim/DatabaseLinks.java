package io.streamhouse.broker.sim;

import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.io.IOException;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// The connections of simulated agents to the one metadata store: each fails for itself, before or
/// after a transaction has happened. What the simulation itself asks of the store never fails.
final class DatabaseLinks implements InMemoryMetadata.Faults {

  private final RandomGenerator random;
  private @Nullable Link acting;

  /// One agent's connection.
  static final class Link {
    /// Nothing gets through.
    boolean cut;

    /// Every fourth transaction is cut off, before or after it happened.
    boolean flaky;

    void heal() {
      cut = false;
      flaky = false;
    }
  }

  DatabaseLinks(RandomGenerator random) {
    this.random = random;
  }

  /// Whose connection is used from now on; null for the simulation's own.
  @Nullable Link acting(@Nullable Link link) {
    var before = acting;
    acting = link;
    return before;
  }

  /// Looks at the store itself, over no connection.
  <T> T observe(Supplier<T> look) {
    var before = acting(null);
    try {
      return look.get();
    } finally {
      acting = before;
    }
  }

  @Override
  public void before(String transaction) {
    if (acting != null && acting.cut) {
      throw new MetadataUnavailable("simulated, before " + transaction, new IOException("cut"));
    }
    fail(transaction);
  }

  @Override
  public void after(String transaction) {
    fail(transaction);
  }

  private void fail(String transaction) {
    if (acting != null && acting.flaky && random.nextInt(4) == 0) {
      throw new MetadataUnavailable("simulated, in " + transaction, new IOException("cut"));
    }
  }
}

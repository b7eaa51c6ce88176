package io.streamhouse.broker.sim;

import io.streamhouse.metadata.MetadataUnavailable;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;

/// Transactions that a database still carries out after whoever asked for them gave up: the
/// connection was lost, the statement was not. Bounded in time, as statements are by their
/// time-out.
final class LateCalls {

  /// How long a statement may outlive its connection.
  private static final long LASTS_NANOS = 60_000_000_000L;

  /// What changes something; the rest has no effect to come late.
  private static final Set<String> CHANGES =
      Set.of(
          "renew",
          "take",
          "release",
          "setTails",
          "declareDead",
          "end",
          "commit",
          "replace",
          "raiseLogStart");

  private final RandomGenerator random;
  private final DatabaseLinks links;
  private final List<Late> late = new ArrayList<>();
  private long nowNanos;
  long carriedOut;

  private record Late(Runnable call, long deadlineNanos) {}

  LateCalls(RandomGenerator random, DatabaseLinks links) {
    this.random = random;
    this.links = links;
  }

  /// A role of the metadata store, of which calls come late while `link` is flaky.
  <T> T over(Class<T> role, T store, DatabaseLinks.Link link) {
    return role.cast(
        Proxy.newProxyInstance(
            role.getClassLoader(),
            new Class<?>[] {role},
            (_, method, arguments) -> {
              if (link.flaky && CHANGES.contains(method.getName()) && random.nextInt(8) == 0) {
                late.add(
                    new Late(
                        () -> {
                          try {
                            method.invoke(store, arguments);
                          } catch (ReflectiveOperationException failed) {
                            throw new IllegalStateException(failed);
                          }
                        },
                        nowNanos + LASTS_NANOS));
                throw new MetadataUnavailable(
                    "simulated, " + method.getName() + " comes late", new IOException("cut"));
              }
              try {
                return method.invoke(store, arguments);
              } catch (InvocationTargetException failed) {
                throw failed.getCause();
              }
            }));
  }

  /// Time goes on: what cannot wait longer happens.
  void pass(long nanos) {
    nowNanos += nanos;
    while (!late.isEmpty() && late.getFirst().deadlineNanos <= nowNanos) {
      carryOut(0);
    }
  }

  /// Something of what is late happens now, in any order.
  void happen() {
    if (!late.isEmpty()) {
      carryOut(random.nextInt(late.size()));
    }
  }

  void happenAll() {
    while (!late.isEmpty()) {
      carryOut(0);
    }
  }

  private void carryOut(int index) {
    var call = late.remove(index).call;
    carriedOut++;
    var _ =
        links.observe(() -> {
          call.run();
          return true;
        });
  }
}

package io.streamhouse.broker.api;

import io.streamhouse.broker.api.ConfigEdits.Plan;
import io.streamhouse.broker.runtime.SerialLoop;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/// One resource whose configs a request alters, in either of the two APIs that do.
///
/// @param type its code on the wire, which may be one that nobody knows
record AlteredResource(byte type, String name, Plan plan) {

  /// These requests carry no time of their own; clients give up after about this long.
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  static final Plan REPEATED =
      new Plan.Refused(Refusal.invalid("Each resource must appear at most once."));

  /// What makes a resource the same as another.
  record Key(byte type, String name) {}

  static Refusal repeatedKeys() {
    return Refusal.invalid("Error due to duplicate config keys");
  }

  static Refusal nullValues(List<String> names) {
    return Refusal.invalid("Null value not supported for : " + String.join(", ", names));
  }

  /// Carries out what is not refused, unless only checks were asked for.
  ///
  /// @return why not, per resource, in order
  static CompletableFuture<List<Optional<Refusal>>> carryOut(
      List<AlteredResource> resources, boolean validateOnly, SerialLoop timers) {
    return Batch.run(
        resources,
        PATIENCE,
        timers,
        resource ->
            switch (resource.plan()) {
              case Plan.Refused(Refusal why) -> CompletableFuture.completedFuture(Optional.of(why));
              case Plan.Change change ->
                  validateOnly
                      ? CompletableFuture.completedFuture(Optional.empty())
                      : change.step().get();
            },
        (_, why) -> Optional.of(why));
  }
}

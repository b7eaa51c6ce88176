package io.streamhouse.protocol;

import java.util.Map;

/// The cluster features ApiVersions reports (KIP-584).
///
/// Clients act on `transaction.version` (2 makes producers use the newer transaction protocol);
/// tools show the rest.
///
/// @param supported versions this agent can work with, by feature
/// @param finalized the version in force, by feature; within `supported`
/// @param epoch rises when `finalized` changes; -1 unknown
public record Features(Map<String, Range> supported, Map<String, Short> finalized, long epoch) {

  public static final Features NONE = new Features(Map.of(), Map.of(), -1);

  public Features {
    supported = Map.copyOf(supported);
    finalized = Map.copyOf(finalized);
    for (var entry : finalized.entrySet()) {
      var range = supported.get(entry.getKey());
      if (range == null || entry.getValue() < range.oldest() || entry.getValue() > range.latest()) {
        throw new IllegalArgumentException(
            "feature %s is finalized at %d, supported is %s"
                .formatted(entry.getKey(), entry.getValue(), range));
      }
    }
  }

  public record Range(short oldest, short latest) {
    public Range {
      if (oldest < 0 || latest < oldest) {
        throw new IllegalArgumentException("%d to %d".formatted(oldest, latest));
      }
    }
  }
}

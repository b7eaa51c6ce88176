package io.streamhouse.broker.api;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.jspecify.annotations.Nullable;

/// What one client fetches from this agent, kept between its requests so that neither side repeats
/// what did not change (KIP-227). Guarded by itself.
final class FetchSession {

  private final int id;
  private final boolean usesTopicIds;
  private final long createdNanos;
  private final LinkedHashMap<FetchKey, Cached> partitions;
  private int epoch = FIRST_EPOCH;

  /// The epoch of the first incremental request.
  private static final int FIRST_EPOCH = 1;

  /// A partition as the client names it.
  ///
  /// @param name empty where the client uses topic ids
  /// @param topicId zero where it uses names
  record FetchKey(String name, Uuid topicId, int partition) {}

  /// What the client wants of a partition.
  ///
  /// @param leaderEpoch -1 where it knows none; likewise `lastFetchedEpoch`
  record Ask(long offset, int maxBytes, int leaderEpoch, int lastFetchedEpoch) {}

  /// What is to be answered for a partition.
  ///
  /// @param hasRecords records are in the answer
  /// @param notable an error or a divergence, which is told every time
  record Told(
      FetchKey key, long highWatermark, long logStart, boolean hasRecords, boolean notable) {}

  private static final class Cached {
    private Map.Entry<FetchKey, Ask> ask;
    private long highWatermark = -1;
    private long logStart = -1;

    Cached(FetchKey key, Ask ask) {
      this.ask = Map.entry(key, ask);
    }

    /// Whether the client must hear this, and from now on counts it as heard.
    boolean update(Told told) {
      boolean changed =
          told.hasRecords()
              || told.notable()
              || told.highWatermark() != highWatermark
              || told.logStart() != logStart;
      // After an error the client is told where the partition stands, even if that is where it
      // stood before.
      highWatermark = told.notable() ? -1 : told.highWatermark();
      logStart = told.logStart();
      return changed;
    }
  }

  FetchSession(int id, boolean usesTopicIds, long createdNanos, Map<FetchKey, Ask> asks) {
    this.id = id;
    this.usesTopicIds = usesTopicIds;
    this.createdNanos = createdNanos;
    this.partitions = LinkedHashMap.newLinkedHashMap(asks.size());
    asks.forEach((key, ask) -> partitions.put(key, new Cached(key, ask)));
  }

  int id() {
    return id;
  }

  long createdNanos() {
    return createdNanos;
  }

  boolean usesTopicIds() {
    return usesTopicIds;
  }

  synchronized int epoch() {
    return epoch;
  }

  synchronized int size() {
    return partitions.size();
  }

  /// Takes over what a request of the expected epoch adds, changes and forgets.
  synchronized void update(Map<FetchKey, Ask> changed, List<FetchKey> forgotten) {
    changed.forEach((key, ask) -> {
      var cached = partitions.get(key);
      if (cached == null) {
        partitions.put(key, new Cached(key, ask));
      } else {
        cached.ask = Map.entry(key, ask);
      }
    });
    forgotten.forEach(partitions::remove);
  }

  /// Expects the next request's epoch from now on.
  ///
  /// @return everything the client wants, in the order it is to be served
  synchronized List<Map.Entry<FetchKey, Ask>> advance() {
    epoch = nextEpoch(epoch);
    var asks = new ArrayList<Map.Entry<FetchKey, Ask>>(partitions.size());
    for (var cached : partitions.values()) {
      asks.add(cached.ask);
    }
    return asks;
  }

  /// Records what is about to be answered to the request of `requestEpoch`.
  ///
  /// Partitions that got records or an error go to the end of the order, so that the others have
  /// the first claim on the next answer.
  ///
  /// @return at which indexes of `told` is what the client must hear; null if another request has
  ///   moved the session on since
  synchronized @Nullable BitSet answer(int requestEpoch, List<Told> told) {
    if (epoch != nextEpoch(requestEpoch)) {
      return null;
    }
    var heard = new BitSet(told.size());
    for (int i = 0; i < told.size(); i++) {
      var news = told.get(i);
      var cached = partitions.get(news.key());
      if (cached != null && cached.update(news)) {
        heard.set(i);
        if (news.hasRecords() || news.notable()) {
          partitions.remove(news.key());
          partitions.put(news.key(), cached);
        }
      }
    }
    return heard;
  }

  /// Counts the full answer that opened the session as heard.
  synchronized void opened(List<Told> told) {
    for (var news : told) {
      var cached = partitions.get(news.key());
      if (cached != null) {
        cached.update(news);
      }
    }
  }

  static int nextEpoch(int epoch) {
    return epoch == Integer.MAX_VALUE ? FIRST_EPOCH : epoch + 1;
  }
}

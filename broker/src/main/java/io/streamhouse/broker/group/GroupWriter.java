package io.streamhouse.broker.group;

import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.GroupStore.GroupChange;
import io.streamhouse.metadata.GroupStore.ShardChanges;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.MetadataUnavailable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Brings what groups changed to the store, one transaction at a time: what the shards of this
/// agent change while one is under way goes together with the next. So many groups that change at
/// once cost few syncs of the database, and one of the threads that may block.
///
/// Confined to the loop of the groups. Bounded: a shard waits for its write before the next.
final class GroupWriter {

  private static final Logger log = LoggerFactory.getLogger(GroupWriter.class);

  private final GroupStore store;
  private final Executor storeCalls;
  private final SerialLoop loop;
  private List<Write> queued = new ArrayList<>();
  private boolean underWay;

  /// What became of a write.
  enum Outcome {
    STORED,

    /// The lease of the shard is another's by now; nothing was stored.
    FENCED,

    /// It may have been stored or not.
    FAILED
  }

  private record Write(
      Lease<Integer> shard,
      Supplier<SortedMap<String, GroupChange>> changes,
      Consumer<Outcome> done) {}

  /// @param storeCalls runs calls that block, bounded
  GroupWriter(GroupStore store, Executor storeCalls, SerialLoop loop) {
    this.store = store;
    this.storeCalls = storeCalls;
    this.loop = loop;
  }

  /// Stores the changes of a shard, all or none.
  ///
  /// @param changes asked once, where blocking is allowed
  /// @param done told on the loop
  void write(
      Lease<Integer> shard,
      Supplier<SortedMap<String, GroupChange>> changes,
      Consumer<Outcome> done) {
    queued.add(new Write(shard, changes, done));
    begin();
  }

  private void begin() {
    if (underWay || queued.isEmpty()) {
      return;
    }
    underWay = true;
    var writes = queued;
    queued = new ArrayList<>();
    try {
      storeCalls.execute(() -> {
        try {
          var outcomes = write(writes);
          loop.execute(() -> end(writes, outcomes));
        } catch (Error error) {
          // All groups would wait for this write; an error of the loop ends the process instead.
          loop.execute(() -> {
            throw error;
          });
        }
      });
    } catch (RejectedExecutionException e) {
      loop.execute(() -> end(writes, Map.of()));
    }
  }

  /// Runs where blocking is allowed.
  ///
  /// @return by what was to be written; what is missing failed
  private Map<Write, Outcome> write(List<Write> writes) {
    var changes = new ArrayList<ShardChanges>();
    var sent = new ArrayList<Write>();
    for (var one : writes) {
      try {
        changes.add(new ShardChanges(one.shard, one.changes.get()));
        sent.add(one);
      } catch (RuntimeException e) {
        log.error("groups have no form to be stored in shard={}", one.shard.key(), e);
      }
    }
    var outcomes = new HashMap<Write, Outcome>();
    try {
      var refused = store.write(changes);
      for (var one : sent) {
        outcomes.put(one, refused.contains(one.shard) ? Outcome.FENCED : Outcome.STORED);
      }
    } catch (MetadataUnavailable e) {
      log.warn("groups could not be stored shards={}", numbers(sent), e);
    } catch (RuntimeException e) {
      log.error("groups could not be stored shards={}", numbers(sent), e);
    }
    return outcomes;
  }

  private static List<Integer> numbers(List<Write> writes) {
    return writes.stream().map(one -> one.shard.key()).toList();
  }

  private void end(List<Write> writes, Map<Write, Outcome> outcomes) {
    underWay = false;
    for (var one : writes) {
      one.done.accept(outcomes.getOrDefault(one, Outcome.FAILED));
    }
    begin();
  }
}

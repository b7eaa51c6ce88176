package io.streamhouse.metadata.memory;

import io.streamhouse.metadata.GroupStore.CommittedOffset;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.Tail;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.metadata.Sweeps.Sweep;
import io.streamhouse.metadata.memory.InMemoryMetadata.Faults;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// The tables, and the transaction around every change of them; guarded by its lock. A transaction
/// checks everything before it changes anything, since nothing here can be rolled back.
final class State {

  /// A lease epoch before the first take.
  static final int NO_EPOCH = -1;

  private final ReentrantLock lock = new ReentrantLock();
  private final Faults faults;
  final RandomGenerator random;

  long changes;
  final Map<String, TopicRow> topicsByName = new TreeMap<>();
  final Map<UUID, TopicRow> topicsById = new HashMap<>();
  final Set<UUID> deletedTopics = new HashSet<>();

  /// The highest lease epoch any deleted topic of a name had.
  final Map<String, Integer> nameEpochs = new HashMap<>();

  final Map<Optional<Integer>, Map<String, String>> agentConfigs = new LinkedHashMap<>();
  final Map<String, Map<String, String>> groupConfigs = new TreeMap<>();

  /// In order of registration.
  final Map<UUID, SessionRow> sessions = new LinkedHashMap<>();

  final Set<Integer> drainedNodes = new HashSet<>();

  final List<OwnedRow> shards = new ArrayList<>();

  /// In order of registration.
  final Map<UUID, ObjectRow> objects = new LinkedHashMap<>();

  long nextSequence = 1;
  Sweep sweep = new Sweep(0, 0);

  final Map<String, GroupRow> groups = new TreeMap<>();

  State(RandomGenerator random, Faults faults) {
    this.random = random;
    this.faults = faults;
    for (var shard = 0; shard < Leases.SHARDS; shard++) {
      shards.add(new OwnedRow(NO_EPOCH));
    }
  }

  <T> T transaction(String name, Supplier<T> body) {
    lock.lock();
    try {
      faults.before(name);
      var answer = body.get();
      faults.after(name);
      return answer;
    } finally {
      lock.unlock();
    }
  }

  void run(String name, Runnable body) {
    transaction(
        name,
        () -> {
          body.run();
          return true;
        });
  }

  @Nullable PartitionRow partition(PartitionId id) {
    var topic = topicsById.get(id.topicId());
    return topic == null || id.partition() >= topic.partitions.size()
        ? null
        : topic.partitions.get(id.partition());
  }

  boolean live(@Nullable UUID incarnation) {
    if (incarnation == null) {
      return false;
    }
    var session = sessions.get(incarnation);
    return session != null && session.live;
  }

  /// The fence of shards.
  boolean holds(Lease<Integer> lease) {
    return shards.get(lease.key()).heldBy(lease);
  }

  /// Takes segments off an object's count; at none it is abandoned.
  void unreference(UUID objectId, int segments) {
    var object = objects.get(objectId);
    if (object != null) {
      object.segments -= segments;
      if (object.segments == 0) {
        object.state = ObjectState.ABANDONED;
      }
    }
  }

  static final class TopicRow {
    final UUID id;
    final String name;
    final Map<String, String> configs;
    final List<PartitionRow> partitions = new ArrayList<>();

    TopicRow(UUID id, String name, Map<String, String> configs) {
      this.id = id;
      this.name = name;
      this.configs = new TreeMap<>(configs);
    }
  }

  static class OwnedRow {
    @Nullable UUID incarnation;
    int epoch;

    OwnedRow(int epoch) {
      this.epoch = epoch;
    }

    final boolean heldBy(Lease<?> lease) {
      return lease.incarnation().equals(incarnation) && lease.epoch() == epoch;
    }
  }

  static final class PartitionRow extends OwnedRow {
    long logStart;
    long committedEnd;
    @Nullable Tail tail;
    @Nullable ByteBuffer logStartProducers;
    final TreeMap<Integer, Long> epochStarts = new TreeMap<>();

    /// By end offset.
    final TreeMap<Long, Segment> segments = new TreeMap<>();

    /// Of the segments, by end offset.
    final TreeMap<Long, Integer> leaderEpochs = new TreeMap<>();

    PartitionRow(int epoch) {
      super(epoch);
    }
  }

  static final class SessionRow {
    final NewSession session;
    final int nodeId;
    long renewals;
    boolean live = true;
    boolean draining;

    SessionRow(NewSession session, int nodeId) {
      this.session = session;
      this.nodeId = nodeId;
      this.draining = session.draining();
    }
  }

  enum ObjectState {
    PENDING,
    COMMITTED,
    ABANDONED
  }

  static final class ObjectRow {
    final long sequence;
    final UUID incarnation;
    final String key;
    ObjectState state = ObjectState.PENDING;
    int segments;

    ObjectRow(long sequence, UUID incarnation, String key) {
      this.sequence = sequence;
      this.incarnation = incarnation;
      this.key = key;
    }
  }

  static final class GroupRow {
    final int shard;
    @Nullable ByteBuffer state;
    final Map<PartitionId, CommittedOffset> offsets = new TreeMap<>();

    GroupRow(int shard) {
      this.shard = shard;
    }
  }
}

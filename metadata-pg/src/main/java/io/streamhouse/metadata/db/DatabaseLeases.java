package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.AGENTS;
import static io.streamhouse.metadata.db.schema.Tables.AGENT_LISTENERS;
import static io.streamhouse.metadata.db.schema.Tables.DRAINED_NODES;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.SHARD_LEASES;
import static org.jooq.impl.DSL.currentLocalDateTime;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.param;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jooq.BatchBindStep;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Param;
import org.jooq.Query;
import org.jooq.Select;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

final class DatabaseLeases implements Leases {

  /// Rows a transaction changes at once: enough to make its commit cheap, few enough that others do
  /// not wait long.
  private static final int CHUNK = 1000;

  private static final Param<UUID> TOPIC = param("topic", SQLDataType.UUID);
  private static final Param<Integer> PARTITION = param("partition", SQLDataType.INTEGER);
  private static final Param<UUID> INCARNATION = param("incarnation", SQLDataType.UUID);
  private static final Param<Integer> EPOCH = param("epoch", SQLDataType.INTEGER);
  private static final Param<Integer> LOCAL = param("local", SQLDataType.INTEGER);
  private static final Param<Integer> UNCLEAN = param("unclean", SQLDataType.INTEGER);

  /// The fence of partitions, for a batch bound by [#bind].
  private static final Condition HELD =
      PARTITIONS
          .TOPIC_ID
          .eq(TOPIC)
          .and(PARTITIONS.PARTITION.eq(PARTITION))
          .and(PARTITIONS.INCARNATION.eq(INCARNATION))
          .and(PARTITIONS.LEASE_EPOCH.eq(EPOCH));

  /// A literal, not a bind value: the indexes of live sessions are used only where they can be seen
  /// to apply.
  static final Condition LIVE = AGENTS.STATE.eq(inline("live"));

  private final Transactions transactions;

  DatabaseLeases(Transactions transactions) {
    this.transactions = transactions;
  }

  private static Condition live(UUID incarnation) {
    return exists(selectOne().from(AGENTS).where(AGENTS.INCARNATION.eq(incarnation).and(LIVE)));
  }

  /// Released, of a session that is over, or this session's own.
  private static Condition freeFor(UUID incarnation, Field<UUID> holder) {
    return holder
        .isNull()
        .or(holder.eq(incarnation))
        .or(notExists(selectOne().from(AGENTS).where(AGENTS.INCARNATION.eq(holder).and(LIVE))));
  }

  @Override
  public Registration register(NewSession session) {
    return transactions.write(
        "register",
        tx -> {
          var registered = register(tx, session);
          while (registered.isEmpty()) {
            registered = register(tx, session);
          }
          return registered.get();
        });
  }

  /// Empty where another session of this node or this WAL was registered since we looked.
  private static Optional<Registration> register(DSLContext tx, NewSession session) {
    var known =
        tx.select(AGENTS.NODE_ID, AGENTS.WAL_ID, AGENTS.STATE)
            .from(AGENTS)
            .where(AGENTS.INCARNATION.eq(session.incarnation()))
            .fetchOne();
    if (known != null) {
      if (!known.value3().equals("live")
          || session.nodeId().orElse(known.value1()) != known.value1()
          || !known.value2().equals(session.walId())) {
        throw new IllegalArgumentException(
            "incarnation " + session.incarnation() + " was used before");
      }
      return Optional.of(new Registration.Registered(session.incarnation(), known.value1()));
    }
    var before = newest(tx, session.walId());
    int nodeId;
    boolean unused = false;
    if (session.nodeId().isPresent()) {
      nodeId = session.nodeId().getAsInt();
      var inUse = inUse(tx, nodeId, session.walId());
      if (inUse != null) {
        return Optional.of(inUse);
      }
    } else if (before != null && inUse(tx, before.nodeId, session.walId()) == null) {
      nodeId = before.nodeId;
    } else {
      nodeId = unusedNodeId(tx, session.walId());
      unused = true;
    }
    tx.update(AGENTS)
        .set(AGENTS.STATE, "dead")
        .where(AGENTS.WAL_ID.eq(session.walId()).and(LIVE))
        .execute();
    var inserted =
        tx.insertInto(AGENTS)
            .set(AGENTS.INCARNATION, session.incarnation())
            .set(AGENTS.NODE_ID, nodeId)
            .set(AGENTS.WAL_ID, session.walId())
            .set(AGENTS.WAL_SESSION, before == null ? 1L : before.walSession + 1)
            .set(AGENTS.RACK, session.rack().orElse(null))
            .set(AGENTS.AGENT_GROUP, session.group())
            .set(AGENTS.RENEWALS, 0L)
            .set(AGENTS.STATE, "live")
            .set(AGENTS.DRAINING, session.draining())
            .set(AGENTS.RENEWED_AT, currentLocalDateTime())
            .onConflictDoNothing()
            .execute();
    if (inserted == 0) {
      return Optional.empty();
    }
    if (unused && tx.fetchExists(ofAnother(nodeId, session.walId()))) {
      // Another was registered with it since we looked, and is over already: no index saw that.
      tx.deleteFrom(AGENTS).where(AGENTS.INCARNATION.eq(session.incarnation())).execute();
      return Optional.empty();
    }
    session
        .listeners()
        .forEach((name, address) ->
            tx.insertInto(AGENT_LISTENERS)
                .set(AGENT_LISTENERS.INCARNATION, session.incarnation())
                .set(AGENT_LISTENERS.NAME, name)
                .set(AGENT_LISTENERS.ADDRESS, address)
                .execute());
    DatabaseCatalog.raiseChanges(tx);
    return Optional.of(new Registration.Registered(session.incarnation(), nodeId));
  }

  private record Predecessor(int nodeId, long walSession) {}

  /// The newest session of a WAL. Among rows older than the count of sessions only one can be live,
  /// and the others' last renewal has to say.
  private static @Nullable Predecessor newest(DSLContext tx, UUID walId) {
    return tx.select(AGENTS.NODE_ID, AGENTS.WAL_SESSION)
        .from(AGENTS)
        .where(AGENTS.WAL_ID.eq(walId))
        .orderBy(AGENTS.WAL_SESSION.desc(), when(LIVE, 0).otherwise(1), AGENTS.RENEWED_AT.desc())
        .limit(1)
        .fetchOne(row -> new Predecessor(row.value1(), row.value2()));
  }

  private static Registration.@Nullable NodeIdInUse inUse(DSLContext tx, int nodeId, UUID walId) {
    return tx.select(AGENTS.INCARNATION, AGENTS.RENEWALS)
        .from(AGENTS)
        .where(AGENTS.NODE_ID.eq(nodeId))
        .and(LIVE)
        .and(AGENTS.WAL_ID.ne(walId))
        .fetchOne(row -> new Registration.NodeIdInUse(row.value1(), row.value2()));
  }

  private static int unusedNodeId(DSLContext tx, UUID walId) {
    var lowest = 0;
    for (int used :
        tx.selectDistinct(AGENTS.NODE_ID)
            .from(AGENTS)
            .where(AGENTS.WAL_ID.ne(walId).and(AGENTS.NODE_ID.ge(0)))
            .orderBy(AGENTS.NODE_ID)
            .fetch(AGENTS.NODE_ID)) {
      if (used > lowest) {
        break;
      }
      lowest++;
    }
    return lowest;
  }

  private static Select<?> ofAnother(int nodeId, UUID walId) {
    return selectOne().from(AGENTS).where(AGENTS.NODE_ID.eq(nodeId).and(AGENTS.WAL_ID.ne(walId)));
  }

  @Override
  public boolean renew(UUID incarnation) {
    return transactions.promptly(
        "renew",
        tx ->
            tx.update(AGENTS)
                    .set(AGENTS.RENEWALS, AGENTS.RENEWALS.plus(1L))
                    .set(AGENTS.RENEWED_AT, currentLocalDateTime())
                    .where(AGENTS.INCARNATION.eq(incarnation).and(LIVE))
                    .execute()
                == 1);
  }

  @Override
  public List<ObservedSession> sessions() {
    return transactions.read(
        "sessions",
        tx ->
            tx.select(AGENTS.INCARNATION, AGENTS.NODE_ID, AGENTS.WAL_ID, AGENTS.RENEWALS)
                .from(AGENTS)
                .where(LIVE)
                .orderBy(AGENTS.NODE_ID)
                .fetch(row ->
                    new ObservedSession(row.value1(), row.value2(), row.value3(), row.value4())));
  }

  @Override
  public boolean declareDead(UUID incarnation, long renewalsSeen) {
    return transactions.write(
        "declareDead",
        tx -> {
          var died =
              tx.update(AGENTS)
                  .set(AGENTS.STATE, "dead")
                  .where(AGENTS.INCARNATION.eq(incarnation))
                  .and(AGENTS.RENEWALS.eq(renewalsSeen))
                  .and(LIVE)
                  .execute();
          if (died == 1) {
            DatabaseCatalog.raiseChanges(tx);
          }
          return died == 1;
        });
  }

  @Override
  public void end(UUID incarnation) {
    transactions.run(
        "end",
        tx -> {
          var ended =
              tx.update(AGENTS)
                  .set(AGENTS.STATE, "dead")
                  .where(AGENTS.INCARNATION.eq(incarnation).and(LIVE))
                  .execute();
          if (ended == 1) {
            transactions
                .dialect()
                .locked(
                    tx.selectOne()
                        .from(PARTITIONS)
                        .where(PARTITIONS.INCARNATION.eq(incarnation))
                        .orderBy(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION),
                    PARTITIONS)
                .fetch();
            tx.update(PARTITIONS)
                .setNull(PARTITIONS.INCARNATION)
                .where(PARTITIONS.INCARNATION.eq(incarnation))
                .execute();
            tx.update(SHARD_LEASES)
                .setNull(SHARD_LEASES.INCARNATION)
                .where(SHARD_LEASES.INCARNATION.eq(incarnation))
                .execute();
            DatabaseCatalog.raiseChanges(tx);
          }
        });
  }

  @Override
  public boolean setDraining(UUID incarnation, boolean draining) {
    var session = AGENTS.INCARNATION.eq(incarnation).and(LIVE);
    return transactions.write(
        "setDraining",
        tx -> {
          var changed =
              tx.update(AGENTS)
                  .set(AGENTS.DRAINING, draining)
                  .where(session)
                  .and(AGENTS.DRAINING.ne(draining))
                  .execute();
          if (changed == 1) {
            DatabaseCatalog.raiseChanges(tx);
          }
          return changed == 1 || tx.fetchExists(AGENTS, session);
        });
  }

  @Override
  public boolean drain(int nodeId, boolean drained) {
    return transactions.write(
        "drain",
        tx -> {
          if (!tx.fetchExists(AGENTS, AGENTS.NODE_ID.eq(nodeId))) {
            return false;
          }
          var changed =
              drained
                  ? tx.insertInto(DRAINED_NODES)
                      .set(DRAINED_NODES.NODE_ID, nodeId)
                      .onConflictDoNothing()
                      .execute()
                  : tx.deleteFrom(DRAINED_NODES).where(DRAINED_NODES.NODE_ID.eq(nodeId)).execute();
          if (changed == 1) {
            DatabaseCatalog.raiseChanges(tx);
          }
          return true;
        });
  }

  @Override
  public List<Integer> drainedNodes() {
    return transactions.read(
        "drainedNodes",
        tx ->
            tx.select(DRAINED_NODES.NODE_ID)
                .from(DRAINED_NODES)
                .orderBy(DRAINED_NODES.NODE_ID)
                .fetch(DRAINED_NODES.NODE_ID));
  }

  @Override
  public List<TakeResult> take(
      UUID incarnation, UUID walId, List<Claim> claims, List<UUID> openWals) {
    var sorted = new ArrayList<>(claims);
    sorted.sort(Comparator.comparing(Claim::partition));
    for (var i = 1; i < sorted.size(); i++) {
      if (sorted.get(i).partition().equals(sorted.get(i - 1).partition())) {
        throw new IllegalArgumentException(sorted.get(i).partition() + " claimed twice");
      }
    }
    var readable = new HashSet<>(openWals);
    readable.add(walId);
    var results = HashMap.<PartitionId, TakeResult>newHashMap(claims.size());
    for (var chunk : chunks(sorted)) {
      for (var result :
          transactions.write("take", tx -> take(tx, incarnation, walId, chunk, readable))) {
        results.put(result.partition(), result);
      }
    }
    var inOrder = new ArrayList<TakeResult>(claims.size());
    for (var claim : claims) {
      var result = results.get(claim.partition());
      inOrder.add(result != null ? result : new TakeResult.NotFound(claim.partition()));
    }
    return inOrder;
  }

  private List<TakeResult> take(
      DSLContext tx, UUID incarnation, UUID walId, List<Claim> claims, Set<UUID> readable) {
    var before = partitions(tx, claims);
    var present = claims.stream().filter(claim -> before.containsKey(claim.partition())).toList();
    if (present.isEmpty()) {
      return List.of();
    }
    var readableTail = PARTITIONS.TAIL_WAL.in(readable);
    var nextEpoch = PARTITIONS.LEASE_EPOCH.plus(1);
    var batch =
        tx.batch(
            tx.update(PARTITIONS)
                .set(PARTITIONS.INCARNATION, incarnation)
                .set(PARTITIONS.LEASE_EPOCH, nextEpoch)
                .set(
                    PARTITIONS.TAIL_WAL,
                    when(readableTail, PARTITIONS.TAIL_WAL).when(LOCAL.eq(1), walId))
                .set(
                    PARTITIONS.TAIL_EPOCH,
                    when(readableTail, PARTITIONS.TAIL_EPOCH).when(LOCAL.eq(1), nextEpoch))
                .where(PARTITIONS.TOPIC_ID.eq(TOPIC).and(PARTITIONS.PARTITION.eq(PARTITION)))
                .and(freeFor(incarnation, PARTITIONS.INCARNATION))
                .and(live(incarnation))
                .and(PARTITIONS.TAIL_WAL.isNull().or(readableTail).or(UNCLEAN.eq(1))));
    for (var claim : present) {
      batch =
          batch.bind(
              Map.of(
                  "topic",
                  claim.partition().topicId(),
                  "partition",
                  claim.partition().partition(),
                  "local",
                  claim.local() ? 1 : 0,
                  "unclean",
                  claim.unclean() ? 1 : 0));
    }
    var counts = batch.execute();
    if (Arrays.stream(counts).anyMatch(count -> count == 1)) {
      DatabaseCatalog.raiseChanges(tx);
    }
    var results = new ArrayList<TakeResult>(present.size());
    for (var i = 0; i < counts.length; i++) {
      var claim = present.get(i);
      var row = before.get(claim.partition());
      if (row != null) {
        results.add(
            counts[i] == 1
                ? taken(incarnation, walId, claim, row, readable)
                : refused(tx, incarnation, claim.partition(), row));
      }
    }
    return results;
  }

  private static TakeResult taken(
      UUID incarnation, UUID walId, Claim claim, PartitionRow before, Set<UUID> readable) {
    var epoch = Math.addExact(before.epoch, 1);
    var kept = before.tail.filter(tail -> readable.contains(tail.walId()));
    Optional<UUID> lost = kept.isPresent() ? Optional.empty() : before.tail.map(Tail::walId);
    var tail = kept.isEmpty() && claim.local() ? Optional.of(new Tail(walId, epoch)) : kept;
    return new TakeResult.Taken(
        new Grant(
            new Lease<>(claim.partition(), incarnation, epoch),
            before.logStart,
            before.committedEnd,
            tail,
            lost));
  }

  private static TakeResult refused(
      DSLContext tx, UUID incarnation, PartitionId partition, PartitionRow row) {
    if (!tx.fetchExists(selectOne().where(live(incarnation)))) {
      return new TakeResult.NotFound(partition);
    }
    Optional<UUID> holder =
        Optional.ofNullable(row.holder).filter(other -> !other.equals(incarnation));
    // Asked after the rows were locked, so that it is true of this holder; it may have died since
    // it refused us.
    if (holder.isPresent()
        && (row.tail.isEmpty() || tx.fetchExists(selectOne().where(live(holder.get()))))) {
      return new TakeResult.HeldBy(partition, holder.get());
    }
    if (row.tail.isPresent()) {
      return new TakeResult.TailElsewhere(partition, row.tail.get().walId());
    }
    throw new IllegalStateException(partition + " was free, not taken");
  }

  private record PartitionRow(
      @Nullable UUID holder, int epoch, long logStart, long committedEnd, Optional<Tail> tail) {}

  /// The rows of claims as they are before the take, which the transaction then holds.
  private Map<PartitionId, PartitionRow> partitions(DSLContext tx, List<Claim> claims) {
    var keys = transactions.dialect().keys(claims.stream().map(Claim::partition).toList());
    var rows = new HashMap<PartitionId, PartitionRow>();
    transactions
        .dialect()
        .locked(
            tx.select(
                    PARTITIONS.TOPIC_ID,
                    PARTITIONS.PARTITION,
                    PARTITIONS.INCARNATION,
                    PARTITIONS.LEASE_EPOCH,
                    PARTITIONS.LOG_START,
                    PARTITIONS.COMMITTED_END,
                    PARTITIONS.TAIL_WAL,
                    PARTITIONS.TAIL_EPOCH)
                .from(keys)
                .join(PARTITIONS)
                .on(PARTITIONS.TOPIC_ID.eq(Dialect.keyTopic()))
                .and(PARTITIONS.PARTITION.eq(Dialect.keyPartition()))
                .orderBy(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION),
            PARTITIONS)
        .forEach(row -> {
          @Nullable UUID wal = row.value7();
          Optional<Tail> tail =
              wal == null ? Optional.empty() : Optional.of(new Tail(wal, row.value8()));
          rows.put(
              new PartitionId(row.value1(), row.value2()),
              new PartitionRow(row.value3(), row.value4(), row.value5(), row.value6(), tail));
        });
    return rows;
  }

  @Override
  public void release(List<Lease<PartitionId>> leases, boolean clean) {
    for (var chunk : chunks(sorted(leases))) {
      transactions.run(
          "release",
          tx -> {
            var free = tx.update(PARTITIONS).setNull(PARTITIONS.INCARNATION);
            if (clean) {
              free = free.setNull(PARTITIONS.TAIL_WAL).setNull(PARTITIONS.TAIL_EPOCH);
            }
            var counts = bind(tx, free.where(HELD), chunk).execute();
            if (Arrays.stream(counts).anyMatch(count -> count == 1)) {
              DatabaseCatalog.raiseChanges(tx);
            }
          });
    }
  }

  @Override
  public List<Lease<PartitionId>> setTails(List<Lease<PartitionId>> leases, Optional<UUID> walId) {
    var held = new ArrayList<Lease<PartitionId>>();
    for (var chunk : chunks(sorted(leases))) {
      held.addAll(transactions.write("setTails", tx -> setTails(tx, chunk, walId)));
    }
    return held;
  }

  private List<Lease<PartitionId>> setTails(
      DSLContext tx, List<Lease<PartitionId>> leases, Optional<UUID> walId) {
    var tail = tx.update(PARTITIONS).set(PARTITIONS.TAIL_WAL, walId.orElse(null));
    var update =
        walId.isPresent()
            ? tail.set(PARTITIONS.TAIL_EPOCH, PARTITIONS.LEASE_EPOCH)
            : tail.setNull(PARTITIONS.TAIL_EPOCH);
    var counts = bind(tx, update.where(HELD), leases).execute();
    var held = new ArrayList<Lease<PartitionId>>();
    for (var i = 0; i < counts.length; i++) {
      if (counts[i] == 1) {
        held.add(leases.get(i));
      }
    }
    if (!allLive(tx, held)) {
      DatabaseCatalog.raiseChanges(tx);
    }
    return held;
  }

  /// Whether the sessions of these leases live, and do until the transaction ends. A session that
  /// is over may still hold its leases, but its tails are in the image then. One that is just being
  /// renewed counts as over, since an image read in vain costs less than waiting.
  private boolean allLive(DSLContext tx, List<Lease<PartitionId>> leases) {
    var sessions = leases.stream().map(Lease::incarnation).distinct().toList();
    return sessions.isEmpty()
        || transactions
                .dialect()
                .sharedNow(
                    tx.selectOne().from(AGENTS).where(AGENTS.INCARNATION.in(sessions).and(LIVE)))
                .fetch()
                .size()
            == sessions.size();
  }

  /// A batch of one statement with [#HELD] in it, once for each lease.
  private static BatchBindStep bind(
      DSLContext tx, Query statement, List<Lease<PartitionId>> leases) {
    var batch = tx.batch(statement);
    for (var lease : leases) {
      batch =
          batch.bind(
              Map.of(
                  "topic", lease.key().topicId(),
                  "partition", lease.key().partition(),
                  "incarnation", lease.incarnation(),
                  "epoch", lease.epoch()));
    }
    return batch;
  }

  private static List<Lease<PartitionId>> sorted(List<Lease<PartitionId>> leases) {
    var sorted = new ArrayList<>(leases);
    sorted.sort(Comparator.comparing(Lease<PartitionId>::key));
    return sorted;
  }

  private static <T> List<List<T>> chunks(List<T> all) {
    var chunks = new ArrayList<List<T>>();
    for (var from = 0; from < all.size(); from += CHUNK) {
      chunks.add(all.subList(from, Math.min(from + CHUNK, all.size())));
    }
    return chunks;
  }

  @Override
  public List<PartitionId> tailsIn(UUID walId) {
    return transactions.read(
        "tailsIn",
        tx ->
            tx.select(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION)
                .from(PARTITIONS)
                .where(PARTITIONS.TAIL_WAL.eq(walId))
                .orderBy(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION)
                .fetch(row -> new PartitionId(row.value1(), row.value2())));
  }

  @Override
  public List<Lease<Integer>> takeShards(UUID incarnation, Collection<Integer> shards) {
    return transactions.write(
        "takeShards",
        tx -> {
          transactions
              .dialect()
              .locked(
                  tx.selectOne()
                      .from(SHARD_LEASES)
                      .where(SHARD_LEASES.SHARD.in(shards))
                      .orderBy(SHARD_LEASES.SHARD),
                  SHARD_LEASES)
              .fetch();
          // A statement of its own: it sees who has taken what while this one waited.
          var taken =
              tx.update(SHARD_LEASES)
                  .set(SHARD_LEASES.INCARNATION, incarnation)
                  .set(SHARD_LEASES.LEASE_EPOCH, SHARD_LEASES.LEASE_EPOCH.plus(1))
                  .where(SHARD_LEASES.SHARD.in(shards))
                  .and(freeFor(incarnation, SHARD_LEASES.INCARNATION))
                  .and(live(incarnation))
                  .execute();
          var leases =
              tx.select(SHARD_LEASES.SHARD, SHARD_LEASES.LEASE_EPOCH)
                  .from(SHARD_LEASES)
                  .where(SHARD_LEASES.SHARD.in(shards))
                  .and(SHARD_LEASES.INCARNATION.eq(incarnation))
                  .and(live(incarnation))
                  .orderBy(SHARD_LEASES.SHARD)
                  .fetch(row -> new Lease<Integer>(row.value1(), incarnation, row.value2()));
          if (taken > 0) {
            DatabaseCatalog.raiseChanges(tx);
          }
          return leases;
        });
  }

  @Override
  public void releaseShards(List<Lease<Integer>> leases) {
    transactions.run(
        "releaseShards",
        tx -> {
          var released = 0;
          for (var lease : leases) {
            released +=
                tx.update(SHARD_LEASES)
                    .setNull(SHARD_LEASES.INCARNATION)
                    .where(holds(lease))
                    .execute();
          }
          if (released > 0) {
            DatabaseCatalog.raiseChanges(tx);
          }
        });
  }

  /// The fence of shards.
  static Condition holds(Lease<Integer> shard) {
    return SHARD_LEASES
        .SHARD
        .eq(shard.key())
        .and(SHARD_LEASES.INCARNATION.eq(shard.incarnation()))
        .and(SHARD_LEASES.LEASE_EPOCH.eq(shard.epoch()));
  }
}

package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.CONSUMER_OFFSETS;
import static io.streamhouse.metadata.db.schema.Tables.GROUPS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.SHARD_LEASES;
import static org.jooq.impl.DSL.excluded;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.or;
import static org.jooq.impl.DSL.param;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Param;
import org.jooq.Query;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

final class DatabaseGroups implements GroupStore {

  private static final Param<String> GROUP = param("group", SQLDataType.CLOB);
  private static final Param<byte[]> STATE = param("state", SQLDataType.BLOB);
  private static final Param<UUID> TOPIC = param("topic", SQLDataType.UUID);
  private static final Param<Integer> PARTITION = param("partition", SQLDataType.INTEGER);
  private static final Param<Long> OFFSET = param("offset", SQLDataType.BIGINT);
  private static final Param<Integer> EPOCH = param("epoch", SQLDataType.INTEGER);
  private static final Param<String> METADATA = param("metadata", SQLDataType.CLOB);
  private static final Param<Long> MILLIS = param("millis", SQLDataType.BIGINT);
  private static final Param<Long> EXPIRE = param("expire", SQLDataType.BIGINT);

  /// The fence, for a lease that is bound later.
  private static final Condition HOLDS =
      SHARD_LEASES
          .SHARD
          .eq(param("shard", SQLDataType.INTEGER))
          .and(SHARD_LEASES.INCARNATION.eq(param("incarnation", SQLDataType.UUID)))
          .and(SHARD_LEASES.LEASE_EPOCH.eq(param("leaseEpoch", SQLDataType.INTEGER)));

  private final Transactions transactions;

  DatabaseGroups(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public Set<Integer> inhabited(List<Lease<Integer>> shards) {
    if (shards.isEmpty()) {
      return Set.of();
    }
    return transactions.read(
        "inhabited",
        tx ->
            tx.selectDistinct(GROUPS.SHARD)
                .from(GROUPS)
                .where(GROUPS.SHARD.in(shards.stream().map(Lease::key).toList()))
                .fetchSet(GROUPS.SHARD));
  }

  @Override
  public List<StoredGroup> load(Lease<Integer> shard) {
    return transactions.read(
        "load",
        tx -> {
          var dialect = transactions.dialect();
          var offsets = offsets(tx, shard.key());
          return tx.select(GROUPS.GROUP_NAME, GROUPS.GROUP_STATE)
              .from(GROUPS)
              .where(GROUPS.SHARD.eq(shard.key()))
              .orderBy(GROUPS.GROUP_NAME)
              .fetch(row -> {
                byte @Nullable [] state = row.value2();
                return new StoredGroup(
                    dialect.loaded(row.value1()),
                    ByteBuffer.wrap(state == null ? new byte[0] : state).asReadOnlyBuffer(),
                    offsets.getOrDefault(row.value1(), Map.of()));
              });
        });
  }

  /// By the group's name as it is stored.
  private Map<String, Map<PartitionId, CommittedOffset>> offsets(DSLContext tx, int shard) {
    var byGroup = new HashMap<String, Map<PartitionId, CommittedOffset>>();
    tx.select(
            GROUPS.GROUP_NAME,
            CONSUMER_OFFSETS.TOPIC_ID,
            CONSUMER_OFFSETS.PARTITION,
            CONSUMER_OFFSETS.COMMITTED_OFFSET,
            CONSUMER_OFFSETS.LEADER_EPOCH,
            CONSUMER_OFFSETS.METADATA,
            CONSUMER_OFFSETS.COMMIT_MILLIS,
            CONSUMER_OFFSETS.EXPIRE_MILLIS)
        .from(GROUPS)
        .join(CONSUMER_OFFSETS)
        .on(CONSUMER_OFFSETS.GROUP_NAME.eq(GROUPS.GROUP_NAME))
        .where(GROUPS.SHARD.eq(shard))
        .forEach(row ->
            byGroup
                .computeIfAbsent(row.value1(), _ -> new TreeMap<>())
                .put(
                    new PartitionId(row.value2(), row.value3()),
                    new CommittedOffset(
                        row.value4(),
                        Optional.ofNullable(row.value5()),
                        row.value6() == null ? null : transactions.dialect().loaded(row.value6()),
                        row.value7(),
                        Optional.ofNullable(row.value8()))));
    return byGroup;
  }

  @Override
  public Set<Lease<Integer>> write(List<ShardChanges> changes) {
    return changes.isEmpty()
        ? Set.of()
        : transactions.write("writeGroups", tx -> new Writing(tx).write(changes));
  }

  /// One transaction. Statements of a kind go together, for all groups, in an order in which those
  /// of one group keep theirs; every one of them asks for the lease again.
  private final class Writing {

    private final DSLContext tx;
    private final List<Row> all = new ArrayList<>();

    Writing(DSLContext tx) {
      this.tx = tx;
    }

    /// @param name of the group as it is stored
    private record Row(Lease<Integer> shard, String name, GroupChange change) {}

    Set<Lease<Integer>> write(List<ShardChanges> changes) {
      var held = held(changes.stream().map(ShardChanges::shard).toList());
      var refused = new HashSet<Lease<Integer>>();
      for (var one : changes) {
        if (held.contains(one.shard())) {
          one.groups()
              .forEach((name, change) ->
                  all.add(new Row(one.shard(), transactions.dialect().stored(name), change)));
        } else {
          refused.add(one.shard());
        }
      }
      forget();
      saveStates();
      var perhapsEmpty = new LinkedHashSet<Row>();
      commit(perhapsEmpty);
      delete(perhapsEmpty);
      forgetIfEmpty(perhapsEmpty);
      return refused;
    }

    /// The rows of the leases stay as they are until the transaction ends.
    private Set<Lease<Integer>> held(List<Lease<Integer>> leases) {
      return new HashSet<>(
          transactions
              .dialect()
              .shared(
                  tx.select(SHARD_LEASES.SHARD, SHARD_LEASES.INCARNATION, SHARD_LEASES.LEASE_EPOCH)
                      .from(SHARD_LEASES)
                      .where(or(leases.stream().map(DatabaseLeases::holds).toList()))
                      .orderBy(SHARD_LEASES.SHARD))
              .fetch(row -> new Lease<>(row.value1(), row.value2(), row.value3())));
    }

    private void forget() {
      var forgotten = all.stream().filter(row -> row.change.forget()).toList();
      run(
          tx.deleteFrom(CONSUMER_OFFSETS)
              .where(CONSUMER_OFFSETS.GROUP_NAME.eq(GROUP))
              .and(exists(selectOne().from(SHARD_LEASES).where(HOLDS))),
          forgotten.stream().map(this::values).toList());
      run(
          tx.deleteFrom(GROUPS)
              .where(GROUPS.GROUP_NAME.eq(GROUP))
              .and(exists(selectOne().from(SHARD_LEASES).where(HOLDS))),
          forgotten.stream().map(this::values).toList());
    }

    private void saveStates() {
      var bound = new ArrayList<Map<String, @Nullable Object>>();
      for (var row : all) {
        var state = row.change.state();
        if (state != null) {
          var bytes = new byte[state.remaining()];
          state.duplicate().get(bytes);
          var values = values(row);
          values.put("state", bytes);
          bound.add(values);
        }
      }
      var saved =
          run(
              tx.insertInto(GROUPS, GROUPS.GROUP_NAME, GROUPS.SHARD, GROUPS.GROUP_STATE)
                  .select(select(GROUP, SHARD_LEASES.SHARD, STATE).from(SHARD_LEASES).where(HOLDS))
                  .onConflict(GROUPS.GROUP_NAME)
                  .doUpdate()
                  .set(GROUPS.SHARD, excluded(GROUPS.SHARD))
                  .set(GROUPS.GROUP_STATE, excluded(GROUPS.GROUP_STATE)),
              bound);
      for (int i = 0; i < saved.length; i++) {
        if (saved[i] == 0) {
          throw new IllegalStateException("a lease went that is kept: " + bound.get(i));
        }
      }
    }

    private void commit(Set<Row> perhapsEmpty) {
      var committing = all.stream().filter(row -> !row.change.commits().isEmpty()).toList();
      // Those whose state is saved have a row by now.
      run(
          tx.insertInto(GROUPS, GROUPS.GROUP_NAME, GROUPS.SHARD)
              .select(select(GROUP, SHARD_LEASES.SHARD).from(SHARD_LEASES).where(HOLDS))
              .onConflict(GROUPS.GROUP_NAME)
              .doNothing(),
          committing.stream().filter(row -> row.change.state() == null).map(this::values).toList());
      var bound = new ArrayList<Map<String, @Nullable Object>>();
      var rows = new ArrayList<Row>();
      for (var row : committing) {
        row.change
            .commits()
            .forEach((partition, offset) -> {
              bound.add(values(row, partition, offset));
              rows.add(row);
            });
      }
      var set =
          run(
              tx.insertInto(
                      CONSUMER_OFFSETS,
                      CONSUMER_OFFSETS.GROUP_NAME,
                      CONSUMER_OFFSETS.TOPIC_ID,
                      CONSUMER_OFFSETS.PARTITION,
                      CONSUMER_OFFSETS.COMMITTED_OFFSET,
                      CONSUMER_OFFSETS.LEADER_EPOCH,
                      CONSUMER_OFFSETS.METADATA,
                      CONSUMER_OFFSETS.COMMIT_MILLIS,
                      CONSUMER_OFFSETS.EXPIRE_MILLIS)
                  .select(
                      select(
                              GROUP,
                              PARTITIONS.TOPIC_ID,
                              PARTITIONS.PARTITION,
                              OFFSET,
                              EPOCH,
                              METADATA,
                              MILLIS,
                              EXPIRE)
                          .from(PARTITIONS)
                          .where(PARTITIONS.TOPIC_ID.eq(TOPIC))
                          .and(PARTITIONS.PARTITION.eq(PARTITION))
                          .and(exists(selectOne().from(SHARD_LEASES).where(HOLDS))))
                  .onConflict(
                      CONSUMER_OFFSETS.GROUP_NAME,
                      CONSUMER_OFFSETS.TOPIC_ID,
                      CONSUMER_OFFSETS.PARTITION)
                  .doUpdate()
                  .set(
                      CONSUMER_OFFSETS.COMMITTED_OFFSET,
                      excluded(CONSUMER_OFFSETS.COMMITTED_OFFSET))
                  .set(CONSUMER_OFFSETS.LEADER_EPOCH, excluded(CONSUMER_OFFSETS.LEADER_EPOCH))
                  .set(CONSUMER_OFFSETS.METADATA, excluded(CONSUMER_OFFSETS.METADATA))
                  .set(CONSUMER_OFFSETS.COMMIT_MILLIS, excluded(CONSUMER_OFFSETS.COMMIT_MILLIS))
                  .set(CONSUMER_OFFSETS.EXPIRE_MILLIS, excluded(CONSUMER_OFFSETS.EXPIRE_MILLIS)),
              bound);
      for (int i = 0; i < set.length; i++) {
        if (set[i] == 0) {
          // There is no such partition: perhaps the group has no others.
          perhapsEmpty.add(rows.get(i));
        }
      }
    }

    private void delete(Set<Row> perhapsEmpty) {
      var bound = new ArrayList<Map<String, @Nullable Object>>();
      for (var row : all) {
        for (var partition : row.change.deletions()) {
          var values = values(row);
          values.put("topic", partition.topicId());
          values.put("partition", partition.partition());
          bound.add(values);
          perhapsEmpty.add(row);
        }
      }
      run(
          tx.deleteFrom(CONSUMER_OFFSETS)
              .where(CONSUMER_OFFSETS.GROUP_NAME.eq(GROUP))
              .and(CONSUMER_OFFSETS.TOPIC_ID.eq(TOPIC))
              .and(CONSUMER_OFFSETS.PARTITION.eq(PARTITION))
              .and(exists(selectOne().from(SHARD_LEASES).where(HOLDS))),
          bound);
    }

    /// A group of which nothing is known any more leaves no row.
    private void forgetIfEmpty(Set<Row> rows) {
      run(
          tx.deleteFrom(GROUPS)
              .where(GROUPS.GROUP_NAME.eq(GROUP))
              .and(GROUPS.GROUP_STATE.isNull())
              .and(
                  notExists(
                      selectOne()
                          .from(CONSUMER_OFFSETS)
                          .where(CONSUMER_OFFSETS.GROUP_NAME.eq(GROUP))))
              .and(exists(selectOne().from(SHARD_LEASES).where(HOLDS))),
          rows.stream().map(this::values).toList());
    }

    private Map<String, @Nullable Object> values(
        Row row, PartitionId partition, CommittedOffset offset) {
      var values = values(row);
      values.put("topic", partition.topicId());
      values.put("partition", partition.partition());
      values.put("offset", offset.offset());
      values.put("epoch", offset.leaderEpoch().orElse(null));
      var text = offset.metadata();
      values.put("metadata", text == null ? null : transactions.dialect().stored(text));
      values.put("millis", offset.commitMillis());
      values.put("expire", offset.expireMillis().orElse(null));
      return values;
    }

    private Map<String, @Nullable Object> values(Row row) {
      var values = new HashMap<String, @Nullable Object>();
      values.put("group", row.name);
      values.put("shard", row.shard.key());
      values.put("incarnation", row.shard.incarnation());
      values.put("leaseEpoch", row.shard.epoch());
      return values;
    }

    /// @return how many rows each changed
    private int[] run(Query query, List<Map<String, @Nullable Object>> bound) {
      if (bound.isEmpty()) {
        return new int[0];
      }
      var batch = tx.batch(query);
      for (var values : bound) {
        batch = batch.bind(values);
      }
      return batch.execute();
    }
  }
}

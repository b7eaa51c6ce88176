package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.CONSUMER_OFFSETS;
import static io.streamhouse.metadata.db.schema.Tables.GROUPS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.SHARD_LEASES;
import static org.jooq.impl.DSL.excluded;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.param;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import io.streamhouse.metadata.GroupStore;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.jooq.DSLContext;
import org.jooq.Param;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

final class DatabaseGroups implements GroupStore {

  private static final Param<UUID> TOPIC = param("topic", SQLDataType.UUID);
  private static final Param<Integer> PARTITION = param("partition", SQLDataType.INTEGER);

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
            CONSUMER_OFFSETS.COMMIT_MILLIS)
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
                        row.value7())));
    return byGroup;
  }

  /// Makes the group's row if there is none: changes a row exactly if the shard's lease holds. The
  /// row of the lease stays as it is until the transaction ends.
  private boolean fence(DSLContext tx, Lease<Integer> shard, String group) {
    var held =
        select(param("group", group), SHARD_LEASES.SHARD)
            .from(SHARD_LEASES)
            .where(DatabaseLeases.holds(shard));
    transactions
        .dialect()
        .shared(tx.selectOne().from(SHARD_LEASES).where(DatabaseLeases.holds(shard)))
        .fetch();
    return tx.insertInto(GROUPS, GROUPS.GROUP_NAME, GROUPS.SHARD)
            .select(held)
            .onConflict(GROUPS.GROUP_NAME)
            .doUpdate()
            .set(GROUPS.SHARD, excluded(GROUPS.SHARD))
            .execute()
        == 1;
  }

  @Override
  public boolean save(Lease<Integer> shard, String name, ByteBuffer state) {
    var group = transactions.dialect().stored(name);
    var bytes = new byte[state.remaining()];
    state.duplicate().get(bytes);
    return transactions.write(
        "save",
        tx -> {
          if (!fence(tx, shard, group)) {
            return false;
          }
          tx.update(GROUPS)
              .set(GROUPS.GROUP_STATE, bytes)
              .where(GROUPS.GROUP_NAME.eq(group))
              .execute();
          return true;
        });
  }

  @Override
  public boolean commitOffsets(
      Lease<Integer> shard, String name, Map<PartitionId, CommittedOffset> offsets) {
    var group = transactions.dialect().stored(name);
    var sorted = new TreeMap<>(offsets);
    return transactions.write(
        "commitOffsets",
        tx -> {
          if (!fence(tx, shard, group)) {
            return false;
          }
          if (!sorted.isEmpty()) {
            upsert(tx, group, sorted);
          }
          forgetIfEmpty(tx, group);
          return true;
        });
  }

  private void upsert(DSLContext tx, String group, Map<PartitionId, CommittedOffset> offsets) {
    var offset = param("offset", SQLDataType.BIGINT);
    var epoch = param("epoch", SQLDataType.INTEGER);
    var metadata = param("metadata", SQLDataType.CLOB);
    var millis = param("millis", SQLDataType.BIGINT);
    var batch =
        tx.batch(
            tx.insertInto(
                    CONSUMER_OFFSETS,
                    CONSUMER_OFFSETS.GROUP_NAME,
                    CONSUMER_OFFSETS.TOPIC_ID,
                    CONSUMER_OFFSETS.PARTITION,
                    CONSUMER_OFFSETS.COMMITTED_OFFSET,
                    CONSUMER_OFFSETS.LEADER_EPOCH,
                    CONSUMER_OFFSETS.METADATA,
                    CONSUMER_OFFSETS.COMMIT_MILLIS)
                .select(
                    select(
                            param("group", group),
                            PARTITIONS.TOPIC_ID,
                            PARTITIONS.PARTITION,
                            offset,
                            epoch,
                            metadata,
                            millis)
                        .from(PARTITIONS)
                        .where(PARTITIONS.TOPIC_ID.eq(TOPIC))
                        .and(PARTITIONS.PARTITION.eq(PARTITION)))
                .onConflict(
                    CONSUMER_OFFSETS.GROUP_NAME,
                    CONSUMER_OFFSETS.TOPIC_ID,
                    CONSUMER_OFFSETS.PARTITION)
                .doUpdate()
                .set(CONSUMER_OFFSETS.COMMITTED_OFFSET, excluded(CONSUMER_OFFSETS.COMMITTED_OFFSET))
                .set(CONSUMER_OFFSETS.LEADER_EPOCH, excluded(CONSUMER_OFFSETS.LEADER_EPOCH))
                .set(CONSUMER_OFFSETS.METADATA, excluded(CONSUMER_OFFSETS.METADATA))
                .set(CONSUMER_OFFSETS.COMMIT_MILLIS, excluded(CONSUMER_OFFSETS.COMMIT_MILLIS)));
    for (var entry : offsets.entrySet()) {
      var values = new HashMap<String, @Nullable Object>();
      values.put("topic", entry.getKey().topicId());
      values.put("partition", entry.getKey().partition());
      values.put("offset", entry.getValue().offset());
      values.put("epoch", entry.getValue().leaderEpoch().orElse(null));
      var text = entry.getValue().metadata();
      values.put("metadata", text == null ? null : transactions.dialect().stored(text));
      values.put("millis", entry.getValue().commitMillis());
      batch = batch.bind(values);
    }
    batch.execute();
  }

  /// A group of which nothing is known any more leaves no row.
  private static void forgetIfEmpty(DSLContext tx, String group) {
    tx.deleteFrom(GROUPS)
        .where(GROUPS.GROUP_NAME.eq(group))
        .and(GROUPS.GROUP_STATE.isNull())
        .and(
            notExists(
                selectOne().from(CONSUMER_OFFSETS).where(CONSUMER_OFFSETS.GROUP_NAME.eq(group))))
        .execute();
  }

  @Override
  public boolean deleteOffsets(Lease<Integer> shard, String name, List<PartitionId> partitions) {
    var group = transactions.dialect().stored(name);
    return transactions.write(
        "deleteOffsets",
        tx -> {
          if (!fence(tx, shard, group)) {
            return false;
          }
          if (!partitions.isEmpty()) {
            var batch =
                tx.batch(
                    tx.deleteFrom(CONSUMER_OFFSETS)
                        .where(CONSUMER_OFFSETS.GROUP_NAME.eq(group))
                        .and(CONSUMER_OFFSETS.TOPIC_ID.eq(TOPIC))
                        .and(CONSUMER_OFFSETS.PARTITION.eq(PARTITION)));
            for (var partition : partitions) {
              batch =
                  batch.bind(
                      Map.of("topic", partition.topicId(), "partition", partition.partition()));
            }
            batch.execute();
          }
          forgetIfEmpty(tx, group);
          return true;
        });
  }

  @Override
  public boolean deleteGroup(Lease<Integer> shard, String name) {
    var group = transactions.dialect().stored(name);
    return transactions.write(
        "deleteGroup",
        tx -> {
          if (!fence(tx, shard, group)) {
            return false;
          }
          tx.deleteFrom(CONSUMER_OFFSETS).where(CONSUMER_OFFSETS.GROUP_NAME.eq(group)).execute();
          tx.deleteFrom(GROUPS).where(GROUPS.GROUP_NAME.eq(group)).execute();
          return true;
        });
  }
}

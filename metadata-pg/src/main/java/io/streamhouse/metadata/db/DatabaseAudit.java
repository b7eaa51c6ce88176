package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.AGENTS;
import static io.streamhouse.metadata.db.schema.Tables.CONSUMER_OFFSETS;
import static io.streamhouse.metadata.db.schema.Tables.LOG_START_PRODUCERS;
import static io.streamhouse.metadata.db.schema.Tables.OBJECTS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITION_EPOCHS;
import static io.streamhouse.metadata.db.schema.Tables.SEGMENTS;
import static io.streamhouse.metadata.db.schema.Tables.TOPICS;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.noCondition;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.selectCount;
import static org.jooq.impl.DSL.selectOne;

import io.streamhouse.metadata.Audit;
import io.streamhouse.metadata.Leases.Tail;
import io.streamhouse.metadata.PartitionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.ResultQuery;

final class DatabaseAudit implements Audit {

  /// Values of one `IN` list.
  private static final int IN_LIST = 500;

  private final Transactions transactions;

  DatabaseAudit(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public List<AuditedPartition> partitions(Optional<PartitionId> after, int limit) {
    var beyond =
        after
            .map(id ->
                PARTITIONS
                    .TOPIC_ID
                    .gt(id.topicId())
                    .or(
                        PARTITIONS
                            .TOPIC_ID
                            .eq(id.topicId())
                            .and(PARTITIONS.PARTITION.gt(id.partition()))))
            .orElse(noCondition());
    return transactions.read("auditPartitions", tx -> partitions(tx, beyond, limit));
  }

  @Override
  public Optional<AuditedPartition> partition(PartitionId partition) {
    var which =
        PARTITIONS
            .TOPIC_ID
            .eq(partition.topicId())
            .and(PARTITIONS.PARTITION.eq(partition.partition()));
    return transactions.read("auditPartition", tx -> partitions(tx, which, 1).stream().findFirst());
  }

  private static List<AuditedPartition> partitions(DSLContext tx, Condition which, int limit) {
    return tx.select(
            PARTITIONS.TOPIC_ID,
            PARTITIONS.PARTITION,
            TOPICS.NAME,
            PARTITIONS.LEASE_EPOCH,
            PARTITIONS.LOG_START,
            PARTITIONS.COMMITTED_END,
            PARTITIONS.TAIL_WAL,
            PARTITIONS.TAIL_EPOCH)
        .from(PARTITIONS)
        .leftJoin(TOPICS)
        .on(TOPICS.TOPIC_ID.eq(PARTITIONS.TOPIC_ID))
        .where(which)
        .orderBy(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION)
        .limit(limit)
        .fetch(row ->
            new AuditedPartition(
                new PartitionId(row.value1(), row.value2()),
                Optional.ofNullable(row.value3()),
                row.value4(),
                row.value5(),
                row.value6(),
                Optional.ofNullable(row.value7()).map(wal -> new Tail(wal, row.value8()))));
  }

  @Override
  public List<String> topicsMissingPartitions(int limit) {
    var rows =
        field(
            selectCount()
                .from(PARTITIONS)
                .where(PARTITIONS.TOPIC_ID.eq(TOPICS.TOPIC_ID))
                .and(PARTITIONS.PARTITION.lt(TOPICS.PARTITIONS)));
    var all = field(selectCount().from(PARTITIONS).where(PARTITIONS.TOPIC_ID.eq(TOPICS.TOPIC_ID)));
    return transactions.read(
        "topicsMissingPartitions",
        tx ->
            tx.select(TOPICS.NAME)
                .from(TOPICS)
                .where(rows.ne(TOPICS.PARTITIONS).or(all.ne(TOPICS.PARTITIONS)))
                .orderBy(TOPICS.NAME)
                .limit(limit)
                .fetch(TOPICS.NAME));
  }

  @Override
  public List<PartitionId> strays(int limit) {
    return transactions.read(
        "strays",
        tx -> {
          var strays = new HashSet<PartitionId>();
          strays.addAll(
              strays(
                  tx.selectDistinct(SEGMENTS.TOPIC_ID, SEGMENTS.PARTITION)
                      .from(SEGMENTS)
                      .where(hasNoRow(SEGMENTS.TOPIC_ID, SEGMENTS.PARTITION))
                      .limit(limit),
                  SEGMENTS.TOPIC_ID,
                  SEGMENTS.PARTITION));
          strays.addAll(
              strays(
                  tx.selectDistinct(PARTITION_EPOCHS.TOPIC_ID, PARTITION_EPOCHS.PARTITION)
                      .from(PARTITION_EPOCHS)
                      .where(hasNoRow(PARTITION_EPOCHS.TOPIC_ID, PARTITION_EPOCHS.PARTITION))
                      .limit(limit),
                  PARTITION_EPOCHS.TOPIC_ID,
                  PARTITION_EPOCHS.PARTITION));
          strays.addAll(
              strays(
                  tx.select(LOG_START_PRODUCERS.TOPIC_ID, LOG_START_PRODUCERS.PARTITION)
                      .from(LOG_START_PRODUCERS)
                      .where(hasNoRow(LOG_START_PRODUCERS.TOPIC_ID, LOG_START_PRODUCERS.PARTITION))
                      .limit(limit),
                  LOG_START_PRODUCERS.TOPIC_ID,
                  LOG_START_PRODUCERS.PARTITION));
          return strays.stream().sorted().limit(limit).toList();
        });
  }

  private static List<PartitionId> strays(
      ResultQuery<? extends Record> query, Field<UUID> topic, Field<Integer> partition) {
    return query.stream().map(row -> new PartitionId(row.get(topic), row.get(partition))).toList();
  }

  private static Condition hasNoRow(Field<UUID> topic, Field<Integer> partition) {
    return notExists(
        selectOne()
            .from(PARTITIONS)
            .where(PARTITIONS.TOPIC_ID.eq(topic))
            .and(PARTITIONS.PARTITION.eq(partition)));
  }

  @Override
  public List<AuditedSegment> segments(PartitionId partition, long fromOffset, int limit) {
    return transactions.read(
        "auditSegments",
        tx ->
            tx.select(
                    SEGMENTS.BASE_OFFSET,
                    SEGMENTS.END_OFFSET,
                    SEGMENTS.LEADER_EPOCH,
                    SEGMENTS.OBJECT_ID,
                    OBJECTS.OBJECT_KEY,
                    SEGMENTS.POSITION,
                    SEGMENTS.LENGTH,
                    SEGMENTS.RECORDS,
                    SEGMENTS.MAX_TIMESTAMP)
                .from(SEGMENTS)
                .leftJoin(OBJECTS)
                .on(OBJECTS.OBJECT_ID.eq(SEGMENTS.OBJECT_ID))
                .where(SEGMENTS.TOPIC_ID.eq(partition.topicId()))
                .and(SEGMENTS.PARTITION.eq(partition.partition()))
                .and(SEGMENTS.END_OFFSET.gt(fromOffset))
                .orderBy(SEGMENTS.END_OFFSET)
                .limit(limit)
                .fetch(row ->
                    new AuditedSegment(
                        row.value1(),
                        row.value2(),
                        row.value3(),
                        row.value4(),
                        Optional.ofNullable(row.value5()),
                        row.value6(),
                        row.value7(),
                        row.value8(),
                        row.value9())));
  }

  @Override
  public List<AuditedObject> objects(long after, int limit) {
    return transactions.read(
        "auditObjects",
        tx -> {
          var page = rows(tx, OBJECTS.SEQUENCE.gt(after), limit);
          return page.isEmpty()
              ? List.of()
              : audited(
                  page,
                  referring(
                      tx,
                      OBJECTS
                          .SEQUENCE
                          .gt(after)
                          .and(OBJECTS.SEQUENCE.le(page.getLast().get(OBJECTS.SEQUENCE)))));
        });
  }

  @Override
  public List<AuditedObject> objects(Collection<UUID> objectIds) {
    var ids = List.copyOf(objectIds);
    return transactions.read(
        "auditObjects",
        tx -> {
          var found = new ArrayList<AuditedObject>();
          for (int from = 0; from < ids.size(); from += IN_LIST) {
            var some = ids.subList(from, Math.min(from + IN_LIST, ids.size()));
            found.addAll(
                audited(
                    rows(tx, OBJECTS.OBJECT_ID.in(some), some.size()),
                    referring(tx, OBJECTS.OBJECT_ID.in(some))));
          }
          return found;
        });
  }

  private static List<Record> rows(DSLContext tx, Condition which, int limit) {
    return tx.select(OBJECTS.fields())
        .from(OBJECTS)
        .where(which)
        .orderBy(OBJECTS.SEQUENCE)
        .limit(limit)
        .fetch();
  }

  /// How many segments refer to each object. Nothing is indexed by object, so this reads every
  /// segment's row: ask for many objects at once.
  private static Map<UUID, Integer> referring(DSLContext tx, Condition which) {
    return tx.select(SEGMENTS.OBJECT_ID, count())
        .from(SEGMENTS)
        .join(OBJECTS)
        .on(OBJECTS.OBJECT_ID.eq(SEGMENTS.OBJECT_ID))
        .where(which)
        .groupBy(SEGMENTS.OBJECT_ID)
        .fetchMap(SEGMENTS.OBJECT_ID, count());
  }

  private static List<AuditedObject> audited(List<Record> rows, Map<UUID, Integer> referring) {
    return rows.stream()
        .map(row ->
            new AuditedObject(
                row.get(OBJECTS.SEQUENCE),
                row.get(OBJECTS.OBJECT_ID),
                row.get(OBJECTS.OBJECT_KEY),
                ObjectState.valueOf(row.get(OBJECTS.STATE).toUpperCase(Locale.ROOT)),
                row.get(OBJECTS.SEGMENTS),
                referring.getOrDefault(row.get(OBJECTS.OBJECT_ID), 0)))
        .toList();
  }

  @Override
  public Set<UUID> wals() {
    return transactions.read(
        "wals",
        tx -> Set.copyOf(tx.selectDistinct(AGENTS.WAL_ID).from(AGENTS).fetch(AGENTS.WAL_ID)));
  }

  @Override
  public List<DanglingOffset> danglingOffsets(int limit) {
    return transactions.read(
        "danglingOffsets",
        tx ->
            tx.select(
                    CONSUMER_OFFSETS.GROUP_NAME,
                    CONSUMER_OFFSETS.TOPIC_ID,
                    CONSUMER_OFFSETS.PARTITION)
                .from(CONSUMER_OFFSETS)
                .where(hasNoRow(CONSUMER_OFFSETS.TOPIC_ID, CONSUMER_OFFSETS.PARTITION))
                .limit(limit)
                .fetch(row ->
                    new DanglingOffset(row.value1(), new PartitionId(row.value2(), row.value3()))));
  }

  @Override
  public boolean recount(UUID objectId) {
    return transactions.write(
        "recount",
        tx -> {
          int referring = tx.fetchCount(SEGMENTS, SEGMENTS.OBJECT_ID.eq(objectId));
          return tx.update(OBJECTS)
                  .set(OBJECTS.SEGMENTS, referring)
                  .set(OBJECTS.STATE, referring == 0 ? "abandoned" : "committed")
                  .where(OBJECTS.OBJECT_ID.eq(objectId))
                  .and(OBJECTS.STATE.ne("pending"))
                  .execute()
              == 1;
        });
  }
}

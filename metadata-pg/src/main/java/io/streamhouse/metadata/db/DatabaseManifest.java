package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.AGENTS;
import static io.streamhouse.metadata.db.schema.Tables.OBJECTS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITION_EPOCHS;
import static io.streamhouse.metadata.db.schema.Tables.SEGMENTS;
import static java.util.stream.Collectors.toMap;
import static org.jooq.impl.DSL.coalesce;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.noCondition;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.param;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.sum;
import static org.jooq.impl.DSL.when;

import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.IntStream;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Param;
import org.jooq.Record;
import org.jooq.Record3;
import org.jooq.SelectConditionStep;
import org.jooq.SelectField;
import org.jooq.impl.SQLDataType;
import org.jspecify.annotations.Nullable;

final class DatabaseManifest implements SegmentManifest {

  private static final Param<UUID> TOPIC = param("topic", SQLDataType.UUID);
  private static final Param<Integer> PARTITION = param("partition", SQLDataType.INTEGER);
  private static final Param<UUID> INCARNATION = param("incarnation", SQLDataType.UUID);
  private static final Param<Integer> EPOCH = param("epoch", SQLDataType.INTEGER);
  private static final Param<Long> BASE = param("base", SQLDataType.BIGINT);
  private static final Param<Long> END = param("end", SQLDataType.BIGINT);

  // Literals, not bind values: partial indexes are used only where they can be seen to apply.
  private static final Condition PENDING = OBJECTS.STATE.eq(inline("pending"));
  private static final Condition ABANDONED = OBJECTS.STATE.eq(inline("abandoned"));

  // The sum of longs is a wider type in PostgreSQL.
  private static final Field<Long> BYTES =
      coalesce(sum(SEGMENTS.LENGTH), inline(BigDecimal.ZERO)).cast(SQLDataType.BIGINT);

  private static final int MOST_TOPICS_NAMED = 500;

  private final Transactions transactions;

  DatabaseManifest(Transactions transactions) {
    this.transactions = transactions;
  }

  @Override
  public void registerObject(UUID incarnation, UUID objectId, String key) {
    transactions.run(
        "registerObject",
        tx ->
            tx.insertInto(OBJECTS)
                .set(OBJECTS.OBJECT_ID, objectId)
                .set(OBJECTS.OBJECT_KEY, key)
                .set(OBJECTS.INCARNATION, incarnation)
                .set(OBJECTS.STATE, "pending")
                .set(OBJECTS.SEGMENTS, 0)
                .onConflict(OBJECTS.OBJECT_ID)
                .doNothing()
                .execute());
  }

  @Override
  public List<CommitResult> commit(UUID objectId, List<NewSegment> segments) {
    return transactions.write("commit", tx -> commit(tx, objectId, segments));
  }

  private static List<CommitResult> commit(
      DSLContext tx, UUID objectId, List<NewSegment> segments) {
    var first =
        tx.update(OBJECTS)
            .set(OBJECTS.STATE, "committed")
            .where(OBJECTS.OBJECT_ID.eq(objectId).and(PENDING))
            .execute();
    if (first == 0) {
      return segments.stream().map(segment -> outcome(tx, objectId, segment)).toList();
    }
    var order =
        IntStream.range(0, segments.size())
            .boxed()
            .sorted(
                Comparator.comparing((Integer i) -> segments.get(i).lease().key())
                    .thenComparingLong(i -> segments.get(i).baseOffset()))
            .toList();
    var accepted = new ArrayList<NewSegment>(segments.size());
    var results =
        new ArrayList<CommitResult>(
            Collections.nCopies(segments.size(), new CommitResult.TopicGone()));
    var counts = extend(tx, order.stream().map(segments::get).toList());
    for (var n = 0; n < counts.length; n++) {
      int i = order.get(n);
      var segment = segments.get(i);
      if (counts[n] == 1) {
        accepted.add(segment);
        results.set(i, new CommitResult.Committed(segment.endOffset()));
      } else {
        results.set(i, outcome(tx, objectId, segment));
      }
    }
    if (!accepted.isEmpty()) {
      insert(tx, objectId, accepted);
    }
    tx.update(OBJECTS)
        .set(OBJECTS.SEGMENTS, accepted.size())
        .set(OBJECTS.STATE, accepted.isEmpty() ? "abandoned" : "committed")
        .where(OBJECTS.OBJECT_ID.eq(objectId))
        .execute();
    return results;
  }

  /// Moves committed ends: the one statement that fences off zombies, gaps and overlaps.
  private static int[] extend(DSLContext tx, List<NewSegment> segments) {
    if (segments.isEmpty()) {
      return new int[0];
    }
    var batch =
        tx.batch(
            tx.update(PARTITIONS)
                .set(PARTITIONS.COMMITTED_END, END)
                .where(PARTITIONS.TOPIC_ID.eq(TOPIC))
                .and(PARTITIONS.PARTITION.eq(PARTITION))
                .and(PARTITIONS.INCARNATION.eq(INCARNATION))
                .and(PARTITIONS.LEASE_EPOCH.eq(EPOCH))
                .and(PARTITIONS.COMMITTED_END.eq(BASE)));
    for (var segment : segments) {
      var lease = segment.lease();
      batch =
          batch.bind(
              Map.of(
                  "end", segment.endOffset(),
                  "topic", lease.key().topicId(),
                  "partition", lease.key().partition(),
                  "incarnation", lease.incarnation(),
                  "epoch", lease.epoch(),
                  "base", segment.baseOffset()));
    }
    return batch.execute();
  }

  private static void insert(DSLContext tx, UUID objectId, List<NewSegment> segments) {
    var rows =
        tx.batch(
            tx.insertInto(
                    SEGMENTS,
                    SEGMENTS.TOPIC_ID,
                    SEGMENTS.PARTITION,
                    SEGMENTS.END_OFFSET,
                    SEGMENTS.BASE_OFFSET,
                    SEGMENTS.LEADER_EPOCH,
                    SEGMENTS.OBJECT_ID,
                    SEGMENTS.POSITION,
                    SEGMENTS.LENGTH,
                    SEGMENTS.RECORDS,
                    SEGMENTS.MAX_TIMESTAMP)
                .values(objectId, 0, 0L, 0L, 0, objectId, 0L, 0L, 0L, 0L));
    var epochs =
        tx.batch(
            tx.insertInto(
                    PARTITION_EPOCHS,
                    PARTITION_EPOCHS.TOPIC_ID,
                    PARTITION_EPOCHS.PARTITION,
                    PARTITION_EPOCHS.EPOCH,
                    PARTITION_EPOCHS.START_OFFSET)
                .values(objectId, 0, 0, 0L)
                .onConflict(
                    PARTITION_EPOCHS.TOPIC_ID, PARTITION_EPOCHS.PARTITION, PARTITION_EPOCHS.EPOCH)
                .doNothing());
    for (var s : segments) {
      var topicId = s.lease().key().topicId();
      var partition = s.lease().key().partition();
      rows =
          rows.bind(
              topicId,
              partition,
              s.endOffset(),
              s.baseOffset(),
              s.leaderEpoch(),
              objectId,
              s.position(),
              s.length(),
              s.records(),
              s.maxTimestamp());
      epochs = epochs.bind(topicId, partition, s.leaderEpoch(), s.baseOffset());
    }
    rows.execute();
    epochs.execute();
  }

  /// What a commit of this object did, or just refused to do, with a segment.
  private static CommitResult outcome(DSLContext tx, UUID objectId, NewSegment s) {
    var lease = s.lease();
    var row =
        tx.select(
                PARTITIONS.INCARNATION,
                PARTITIONS.LEASE_EPOCH,
                PARTITIONS.LOG_START,
                PARTITIONS.COMMITTED_END)
            .from(PARTITIONS)
            .where(PARTITIONS.TOPIC_ID.eq(lease.key().topicId()))
            .and(PARTITIONS.PARTITION.eq(lease.key().partition()))
            .fetchOne();
    if (row == null) {
      return new CommitResult.TopicGone();
    }
    var committed =
        tx.fetchExists(
            SEGMENTS,
            of(lease.key())
                .and(SEGMENTS.END_OFFSET.eq(s.endOffset()))
                .and(SEGMENTS.BASE_OFFSET.eq(s.baseOffset()))
                .and(SEGMENTS.OBJECT_ID.eq(objectId)));
    if (committed) {
      return new CommitResult.Committed(s.endOffset());
    }
    if (!lease.incarnation().equals(row.value1()) || lease.epoch() != row.value2()) {
      return new CommitResult.Fenced();
    }
    if (row.value3() >= s.endOffset()) {
      // Only this lease could have committed the range; its rows went with the log start.
      return new CommitResult.Committed(s.endOffset());
    }
    // Abandoned before it was committed: not a gap, but the end of the session.
    return row.value4() == s.baseOffset()
        ? new CommitResult.Fenced()
        : new CommitResult.Gap(row.value4());
  }

  private static Condition of(PartitionId partition) {
    return SEGMENTS
        .TOPIC_ID
        .eq(partition.topicId())
        .and(SEGMENTS.PARTITION.eq(partition.partition()));
  }

  private static final List<SelectField<?>> COLUMNS =
      List.of(
          SEGMENTS.BASE_OFFSET,
          SEGMENTS.END_OFFSET,
          SEGMENTS.OBJECT_ID,
          OBJECTS.OBJECT_KEY,
          SEGMENTS.POSITION,
          SEGMENTS.LENGTH,
          SEGMENTS.RECORDS,
          SEGMENTS.MAX_TIMESTAMP);

  private static Segment segment(PartitionId partition, Record row) {
    return new Segment(
        partition,
        row.get(SEGMENTS.BASE_OFFSET),
        row.get(SEGMENTS.END_OFFSET),
        row.get(SEGMENTS.OBJECT_ID),
        row.get(OBJECTS.OBJECT_KEY),
        row.get(SEGMENTS.POSITION),
        row.get(SEGMENTS.LENGTH),
        row.get(SEGMENTS.RECORDS),
        row.get(SEGMENTS.MAX_TIMESTAMP));
  }

  /// Segments of a partition, to be narrowed and ordered.
  private static SelectConditionStep<Record> select(DSLContext tx, PartitionId partition) {
    return tx.select(COLUMNS)
        .from(SEGMENTS)
        .join(OBJECTS)
        .on(OBJECTS.OBJECT_ID.eq(SEGMENTS.OBJECT_ID))
        .where(of(partition));
  }

  @Override
  public List<Segment> segments(PartitionId partition, long fromOffset, int limit) {
    return transactions.read(
        "segments",
        tx ->
            select(tx, partition)
                .and(SEGMENTS.END_OFFSET.gt(fromOffset))
                .orderBy(SEGMENTS.END_OFFSET)
                .limit(limit)
                .fetch(row -> segment(partition, row)));
  }

  @Override
  public List<Segment> segmentsBefore(PartitionId partition, long endOffset, int limit) {
    return transactions.read(
        "segmentsBefore",
        tx ->
            select(tx, partition)
                .and(SEGMENTS.END_OFFSET.le(endOffset))
                .orderBy(SEGMENTS.END_OFFSET.desc())
                .limit(limit)
                .fetch(row -> segment(partition, row)));
  }

  @Override
  public Optional<Segment> segmentAtTimestamp(
      PartitionId partition, long timestamp, long fromOffset) {
    return transactions.read(
        "segmentAtTimestamp",
        tx ->
            select(tx, partition)
                .and(SEGMENTS.END_OFFSET.gt(fromOffset))
                .and(SEGMENTS.MAX_TIMESTAMP.ge(timestamp))
                .orderBy(SEGMENTS.END_OFFSET)
                .limit(1)
                .fetchOptional(row -> segment(partition, row)));
  }

  @Override
  public Optional<Segment> segmentWithMaxTimestamp(PartitionId partition, long fromOffset) {
    return transactions.read(
        "segmentWithMaxTimestamp",
        tx ->
            select(tx, partition)
                .and(SEGMENTS.END_OFFSET.gt(fromOffset))
                .orderBy(SEGMENTS.MAX_TIMESTAMP.desc(), SEGMENTS.END_OFFSET)
                .limit(1)
                .fetchOptional(row -> segment(partition, row)));
  }

  @Override
  public long storedBytes(PartitionId partition, long fromOffset) {
    return transactions.read(
        "storedBytes",
        tx ->
            tx.select(BYTES)
                .from(SEGMENTS)
                .where(of(partition))
                .and(SEGMENTS.END_OFFSET.gt(fromOffset))
                .fetchSingle(BYTES));
  }

  @Override
  public Map<PartitionId, Long> storedBytes(UUID incarnation, @Nullable Collection<UUID> topics) {
    // What many topics would be in the statement, the database can as well add up for nothing.
    var named =
        topics == null || topics.size() > MOST_TOPICS_NAMED
            ? noCondition()
            : SEGMENTS.TOPIC_ID.in(topics);
    return transactions.read(
        "storedBytes",
        tx ->
            tx
                .select(SEGMENTS.TOPIC_ID, SEGMENTS.PARTITION, BYTES)
                .from(SEGMENTS)
                .join(PARTITIONS)
                .on(PARTITIONS.TOPIC_ID.eq(SEGMENTS.TOPIC_ID))
                .and(PARTITIONS.PARTITION.eq(SEGMENTS.PARTITION))
                .where(PARTITIONS.INCARNATION.eq(incarnation))
                .and(named)
                .groupBy(SEGMENTS.TOPIC_ID, SEGMENTS.PARTITION)
                .fetch()
                .stream()
                .filter(row -> topics == null || topics.contains(row.value1()))
                .collect(
                    toMap(row -> new PartitionId(row.value1(), row.value2()), Record3::value3)));
  }

  @Override
  public List<EpochStart> epochs(PartitionId partition) {
    return transactions.read("epochs", tx -> epochs(tx, partition));
  }

  private static List<EpochStart> epochs(DSLContext tx, PartitionId partition) {
    return tx.select(PARTITION_EPOCHS.EPOCH, PARTITION_EPOCHS.START_OFFSET)
        .from(PARTITION_EPOCHS)
        .where(PARTITION_EPOCHS.TOPIC_ID.eq(partition.topicId()))
        .and(PARTITION_EPOCHS.PARTITION.eq(partition.partition()))
        .orderBy(PARTITION_EPOCHS.EPOCH)
        .fetch(row -> new EpochStart(row.value1(), row.value2()));
  }

  @Override
  public boolean raiseLogStart(Lease<PartitionId> lease, long logStart) {
    return transactions.write(
        "raiseLogStart",
        tx -> {
          var held =
              PARTITIONS
                  .TOPIC_ID
                  .eq(lease.key().topicId())
                  .and(PARTITIONS.PARTITION.eq(lease.key().partition()))
                  .and(PARTITIONS.INCARNATION.eq(lease.incarnation()))
                  .and(PARTITIONS.LEASE_EPOCH.eq(lease.epoch()));
          var raised =
              tx.update(PARTITIONS)
                  .set(PARTITIONS.LOG_START, logStart)
                  .where(held)
                  .and(PARTITIONS.LOG_START.lt(logStart))
                  .and(PARTITIONS.COMMITTED_END.ge(logStart))
                  .execute();
          if (raised == 1) {
            deleteSegments(tx, of(lease.key()).and(SEGMENTS.END_OFFSET.le(logStart)));
            deleteEpochs(tx, lease.key(), logStart);
            return true;
          }
          var end =
              tx.select(PARTITIONS.COMMITTED_END)
                  .from(PARTITIONS)
                  .where(held)
                  .fetchOne(PARTITIONS.COMMITTED_END);
          if (end != null && end < logStart) {
            throw new IllegalArgumentException(
                "log start " + logStart + " above committed end " + end);
          }
          return end != null;
        });
  }

  /// Deletes segments and takes them off their objects' counts.
  static void deleteSegments(DSLContext tx, Condition which) {
    var n = count();
    var counts =
        tx.select(SEGMENTS.OBJECT_ID, n)
            .from(SEGMENTS)
            .where(which)
            .groupBy(SEGMENTS.OBJECT_ID)
            .orderBy(SEGMENTS.OBJECT_ID)
            .fetch();
    if (counts.isEmpty()) {
      return;
    }
    tx.deleteFrom(SEGMENTS).where(which).execute();
    var fewer = param("n", SQLDataType.INTEGER);
    var object = param("object", SQLDataType.UUID);
    var batch =
        tx.batch(
            tx.update(OBJECTS)
                .set(
                    OBJECTS.STATE,
                    when(OBJECTS.SEGMENTS.le(fewer), "abandoned").otherwise(OBJECTS.STATE))
                .set(OBJECTS.SEGMENTS, OBJECTS.SEGMENTS.minus(fewer))
                .where(OBJECTS.OBJECT_ID.eq(object)));
    for (var row : counts) {
      batch = batch.bind(Map.of("n", row.value2(), "object", row.value1()));
    }
    batch.execute();
  }

  /// An epoch has ended below the start when a later one begins at or below it.
  private static void deleteEpochs(DSLContext tx, PartitionId partition, long logStart) {
    var starts = epochs(tx, partition);
    var last = -1;
    for (var i = 1; i < starts.size() && starts.get(i).startOffset() <= logStart; i++) {
      last = starts.get(i - 1).epoch();
    }
    if (last >= 0) {
      tx.deleteFrom(PARTITION_EPOCHS)
          .where(PARTITION_EPOCHS.TOPIC_ID.eq(partition.topicId()))
          .and(PARTITION_EPOCHS.PARTITION.eq(partition.partition()))
          .and(PARTITION_EPOCHS.EPOCH.le(last))
          .execute();
    }
  }

  @Override
  public List<DueObject> dueForDeletion(long after, int limit) {
    return transactions.write(
        "dueForDeletion",
        tx -> {
          tx.update(OBJECTS)
              .set(OBJECTS.STATE, "abandoned")
              .where(PENDING)
              .and(
                  notExists(
                      selectOne()
                          .from(AGENTS)
                          .where(AGENTS.INCARNATION.eq(OBJECTS.INCARNATION))
                          .and(DatabaseLeases.LIVE)))
              .execute();
          return tx.select(OBJECTS.SEQUENCE, OBJECTS.OBJECT_ID, OBJECTS.OBJECT_KEY)
              .from(OBJECTS)
              .where(ABANDONED)
              .and(OBJECTS.SEQUENCE.gt(after))
              .orderBy(OBJECTS.SEQUENCE)
              .limit(limit)
              .fetch(row -> new DueObject(row.value1(), row.value2(), row.value3()));
        });
  }

  @Override
  public void forgetObjects(Collection<UUID> objectIds) {
    var ids = List.copyOf(objectIds);
    transactions.run(
        "forgetObjects",
        tx -> {
          // In pieces that fit into one statement's bind values.
          for (int from = 0; from < ids.size(); from += 500) {
            var some = ids.subList(from, Math.min(from + 500, ids.size()));
            tx.deleteFrom(OBJECTS).where(OBJECTS.OBJECT_ID.in(some)).and(ABANDONED).execute();
          }
        });
  }
}

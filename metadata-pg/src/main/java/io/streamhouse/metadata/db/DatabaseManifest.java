package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.AGENTS;
import static io.streamhouse.metadata.db.schema.Tables.LOG_START_PRODUCERS;
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
import java.io.Serial;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
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
      insertRows(tx, objectId, accepted);
      insertEpochs(tx, accepted);
    }
    settle(tx, objectId, accepted.size());
    return results;
  }

  /// Ends a commit: the object has so many segments; without any it is abandoned.
  private static void settle(DSLContext tx, UUID objectId, int segments) {
    tx.update(OBJECTS)
        .set(OBJECTS.SEGMENTS, segments)
        .set(OBJECTS.STATE, segments == 0 ? "abandoned" : "committed")
        .where(OBJECTS.OBJECT_ID.eq(objectId))
        .execute();
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

  private static void insertRows(DSLContext tx, UUID objectId, List<NewSegment> segments) {
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
    for (var s : segments) {
      rows =
          rows.bind(
              s.lease().key().topicId(),
              s.lease().key().partition(),
              s.endOffset(),
              s.baseOffset(),
              s.leaderEpoch(),
              objectId,
              s.position(),
              s.length(),
              s.records(),
              s.maxTimestamp());
    }
    rows.execute();
  }

  private static void insertEpochs(DSLContext tx, List<NewSegment> segments) {
    var epochs =
        tx.batch(
            tx.insertInto(
                    PARTITION_EPOCHS,
                    PARTITION_EPOCHS.TOPIC_ID,
                    PARTITION_EPOCHS.PARTITION,
                    PARTITION_EPOCHS.EPOCH,
                    PARTITION_EPOCHS.START_OFFSET)
                .values(new UUID(0, 0), 0, 0, 0L)
                .onConflict(
                    PARTITION_EPOCHS.TOPIC_ID, PARTITION_EPOCHS.PARTITION, PARTITION_EPOCHS.EPOCH)
                .doNothing());
    for (var s : segments) {
      var partition = s.lease().key();
      epochs =
          epochs.bind(partition.topicId(), partition.partition(), s.leaderEpoch(), s.baseOffset());
    }
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

  @Override
  public List<ReplaceResult> replace(UUID objectId, List<Replacement> replacements) {
    // What turns out to have changed is left out of a second try. That is rare, and lets rows be
    // deleted in one batch, without reading them again while commits wait for their partitions.
    var changed = new HashSet<Replacement>();
    while (true) {
      try {
        return transactions.write("replace", tx -> replace(tx, objectId, replacements, changed));
      } catch (RowsChanged found) {
        changed.addAll(found.replacements);
      }
    }
  }

  /// Rolls a transaction back because of rows that are not as they were.
  private static final class RowsChanged extends RuntimeException {
    @Serial private static final long serialVersionUID = 1;

    private final transient List<Replacement> replacements;

    RowsChanged(List<Replacement> replacements) {
      super(null, null, false, false);
      this.replacements = replacements;
    }
  }

  private static List<ReplaceResult> replace(
      DSLContext tx, UUID objectId, List<Replacement> replacements, Set<Replacement> changed) {
    var first =
        tx.update(OBJECTS)
            .set(OBJECTS.STATE, "committed")
            .where(OBJECTS.OBJECT_ID.eq(objectId).and(PENDING))
            .execute();
    if (first == 0) {
      return replacements.stream().map(one -> replaceOutcome(tx, objectId, one.by())).toList();
    }
    var ordered =
        replacements.stream()
            .filter(one -> !changed.contains(one))
            .sorted(
                Comparator.comparing((Replacement one) -> one.by().lease().key())
                    .thenComparingLong(one -> one.by().baseOffset()))
            .toList();
    var held = hold(tx, ordered);
    var accepted = new ArrayList<Replacement>();
    for (var n = 0; n < held.length; n++) {
      if (held[n] == 1) {
        accepted.add(ordered.get(n));
      }
    }
    if (!accepted.isEmpty()) {
      deleteRows(tx, accepted);
      insertRows(tx, objectId, accepted.stream().map(Replacement::by).toList());
    }
    settle(tx, objectId, accepted.size());
    var done = new HashSet<>(accepted);
    return replacements.stream()
        .<ReplaceResult>map(one ->
            done.contains(one)
                ? new ReplaceResult.Replaced()
                : changed.contains(one) ? new ReplaceResult.Changed() : new ReplaceResult.Fenced())
        .toList();
  }

  /// The fence: keeps the partitions whose leases still stand as they are until the transaction
  /// ends, so that no log start passes the rows meanwhile.
  private static int[] hold(DSLContext tx, List<Replacement> replacements) {
    if (replacements.isEmpty()) {
      return new int[0];
    }
    var batch =
        tx.batch(
            tx.update(PARTITIONS)
                .set(PARTITIONS.COMMITTED_END, PARTITIONS.COMMITTED_END)
                .where(PARTITIONS.TOPIC_ID.eq(TOPIC))
                .and(PARTITIONS.PARTITION.eq(PARTITION))
                .and(PARTITIONS.INCARNATION.eq(INCARNATION))
                .and(PARTITIONS.LEASE_EPOCH.eq(EPOCH)));
    for (var one : replacements) {
      var lease = one.by().lease();
      batch =
          batch.bind(
              Map.of(
                  "topic", lease.key().topicId(),
                  "partition", lease.key().partition(),
                  "incarnation", lease.incarnation(),
                  "epoch", lease.epoch()));
    }
    return batch.execute();
  }

  private static void deleteRows(DSLContext tx, List<Replacement> replacements) {
    var object = param("object", SQLDataType.UUID);
    var batch =
        tx.batch(
            tx.deleteFrom(SEGMENTS)
                .where(SEGMENTS.TOPIC_ID.eq(TOPIC))
                .and(SEGMENTS.PARTITION.eq(PARTITION))
                .and(SEGMENTS.END_OFFSET.eq(END))
                .and(SEGMENTS.BASE_OFFSET.eq(BASE))
                .and(SEGMENTS.OBJECT_ID.eq(object)));
    var owners = new ArrayList<Replacement>();
    var fewer = new TreeMap<UUID, Integer>();
    for (var one : replacements) {
      for (var row : one.rows()) {
        batch =
            batch.bind(
                Map.of(
                    "topic", row.partition().topicId(),
                    "partition", row.partition().partition(),
                    "end", row.endOffset(),
                    "base", row.baseOffset(),
                    "object", row.objectId()));
        owners.add(one);
        fewer.merge(row.objectId(), 1, Integer::sum);
      }
    }
    var counts = batch.execute();
    var missing = new ArrayList<Replacement>();
    for (var n = 0; n < counts.length; n++) {
      if (counts[n] != 1) {
        missing.add(owners.get(n));
      }
    }
    if (!missing.isEmpty()) {
      throw new RowsChanged(missing);
    }
    unreference(tx, fewer);
  }

  /// What a replacement with this object did.
  private static ReplaceResult replaceOutcome(DSLContext tx, UUID objectId, NewSegment by) {
    var lease = by.lease();
    var replaced =
        tx.fetchExists(
            SEGMENTS,
            of(lease.key())
                .and(SEGMENTS.END_OFFSET.eq(by.endOffset()))
                .and(SEGMENTS.BASE_OFFSET.eq(by.baseOffset()))
                .and(SEGMENTS.OBJECT_ID.eq(objectId)));
    if (replaced) {
      return new ReplaceResult.Replaced();
    }
    var held =
        tx.fetchExists(
            PARTITIONS,
            PARTITIONS
                .TOPIC_ID
                .eq(lease.key().topicId())
                .and(PARTITIONS.PARTITION.eq(lease.key().partition()))
                .and(PARTITIONS.INCARNATION.eq(lease.incarnation()))
                .and(PARTITIONS.LEASE_EPOCH.eq(lease.epoch())));
    return held ? new ReplaceResult.Changed() : new ReplaceResult.Fenced();
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
  public boolean raiseLogStart(
      Lease<PartitionId> lease, long logStart, @Nullable ByteBuffer producers) {
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
            setLogStartProducers(tx, lease.key(), logStart, producers);
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

  private static void setLogStartProducers(
      DSLContext tx, PartitionId partition, long logStart, @Nullable ByteBuffer producers) {
    if (producers == null) {
      tx.deleteFrom(LOG_START_PRODUCERS).where(producersOf(partition)).execute();
      return;
    }
    var bytes = new byte[producers.remaining()];
    producers.duplicate().get(bytes);
    tx.insertInto(LOG_START_PRODUCERS)
        .set(LOG_START_PRODUCERS.TOPIC_ID, partition.topicId())
        .set(LOG_START_PRODUCERS.PARTITION, partition.partition())
        .set(LOG_START_PRODUCERS.LOG_START, logStart)
        .set(LOG_START_PRODUCERS.PRODUCERS, bytes)
        .onConflict(LOG_START_PRODUCERS.TOPIC_ID, LOG_START_PRODUCERS.PARTITION)
        .doUpdate()
        .set(LOG_START_PRODUCERS.LOG_START, logStart)
        .set(LOG_START_PRODUCERS.PRODUCERS, bytes)
        .execute();
  }

  private static Condition producersOf(PartitionId partition) {
    return LOG_START_PRODUCERS
        .TOPIC_ID
        .eq(partition.topicId())
        .and(LOG_START_PRODUCERS.PARTITION.eq(partition.partition()));
  }

  @Override
  public Optional<ByteBuffer> logStartProducers(PartitionId partition) {
    return transactions.read(
        "logStartProducers",
        tx ->
            tx.select(LOG_START_PRODUCERS.PRODUCERS)
                .from(LOG_START_PRODUCERS)
                .join(PARTITIONS)
                .on(PARTITIONS.TOPIC_ID.eq(LOG_START_PRODUCERS.TOPIC_ID))
                .and(PARTITIONS.PARTITION.eq(LOG_START_PRODUCERS.PARTITION))
                .and(PARTITIONS.LOG_START.eq(LOG_START_PRODUCERS.LOG_START))
                .where(producersOf(partition))
                .fetchOptional(LOG_START_PRODUCERS.PRODUCERS)
                .map(ByteBuffer::wrap));
  }

  /// Deletes segments and takes them off their objects' counts.
  static void deleteSegments(DSLContext tx, Condition which) {
    var n = count();
    var counts =
        tx.select(SEGMENTS.OBJECT_ID, n)
            .from(SEGMENTS)
            .where(which)
            .groupBy(SEGMENTS.OBJECT_ID)
            .fetch();
    if (counts.isEmpty()) {
      return;
    }
    tx.deleteFrom(SEGMENTS).where(which).execute();
    var each = new TreeMap<UUID, Integer>();
    counts.forEach(row -> each.put(row.value1(), row.value2()));
    unreference(tx, each);
  }

  /// Takes segments off their objects' counts; at none an object is abandoned.
  ///
  /// @param each how many of each object, in the order all transactions lock them in
  private static void unreference(DSLContext tx, SortedMap<UUID, Integer> each) {
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
    for (var one : each.entrySet()) {
      batch = batch.bind(Map.of("n", one.getValue(), "object", one.getKey()));
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

package io.streamhouse.metadata.db;

import static io.streamhouse.metadata.db.schema.Tables.AGENTS;
import static io.streamhouse.metadata.db.schema.Tables.AGENT_CONFIGS;
import static io.streamhouse.metadata.db.schema.Tables.AGENT_LISTENERS;
import static io.streamhouse.metadata.db.schema.Tables.CONSUMER_OFFSETS;
import static io.streamhouse.metadata.db.schema.Tables.COUNTERS;
import static io.streamhouse.metadata.db.schema.Tables.DELETED_TOPICS;
import static io.streamhouse.metadata.db.schema.Tables.DRAINED_NODES;
import static io.streamhouse.metadata.db.schema.Tables.GROUPS;
import static io.streamhouse.metadata.db.schema.Tables.GROUP_CONFIGS;
import static io.streamhouse.metadata.db.schema.Tables.LOG_START_PRODUCERS;
import static io.streamhouse.metadata.db.schema.Tables.NAME_EPOCHS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITIONS;
import static io.streamhouse.metadata.db.schema.Tables.PARTITION_EPOCHS;
import static io.streamhouse.metadata.db.schema.Tables.SEGMENTS;
import static io.streamhouse.metadata.db.schema.Tables.SHARD_LEASES;
import static io.streamhouse.metadata.db.schema.Tables.TOPICS;
import static io.streamhouse.metadata.db.schema.Tables.TOPIC_CONFIGS;
import static org.jooq.impl.DSL.excluded;
import static org.jooq.impl.DSL.notExists;
import static org.jooq.impl.DSL.selectOne;
import static org.jooq.impl.DSL.when;

import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.CatalogImage.Owner;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.RandomIds;
import io.streamhouse.metadata.Topic;
import io.streamhouse.metadata.TopicCatalog;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.jooq.Condition;
import org.jooq.DSLContext;
import org.jspecify.annotations.Nullable;

final class DatabaseCatalog implements TopicCatalog {

  private static final int EVERY_NODE = -1;

  /// A lease epoch before the first take.
  private static final int NO_EPOCH = -1;

  private final Transactions transactions;
  private final RandomGenerator random;

  DatabaseCatalog(Transactions transactions, RandomGenerator random) {
    this.transactions = transactions;
    this.random = random;
  }

  /// Makes every image old; the last statement of the transactions that do, because all of them
  /// wait for this one row.
  static void raiseChanges(DSLContext tx) {
    tx.update(COUNTERS)
        .set(COUNTERS.COUNTER, COUNTERS.COUNTER.plus(1L))
        .where(COUNTERS.NAME.eq("changes"))
        .execute();
    Dialect.of(tx).notifyOfChange(tx);
  }

  @Override
  public long changes() {
    return transactions.read("changes", DatabaseCatalog::changes);
  }

  private static long changes(DSLContext tx) {
    return tx.select(COUNTERS.COUNTER)
        .from(COUNTERS)
        .where(COUNTERS.NAME.eq("changes"))
        .fetchSingle(COUNTERS.COUNTER);
  }

  @Override
  public CatalogImage image() {
    return transactions.read(
        "image",
        tx -> {
          var partitions = partitions(tx);
          return new CatalogImage(
              changes(tx),
              topics(tx),
              partitions.owners,
              partitions.orphanTails,
              shards(tx),
              agents(tx),
              agentConfigs(tx),
              groupConfigs(tx));
        });
  }

  private static List<Topic> topics(DSLContext tx) {
    var configs = new HashMap<UUID, Map<String, String>>();
    tx.select(TOPIC_CONFIGS.TOPIC_ID, TOPIC_CONFIGS.NAME, TOPIC_CONFIGS.SETTING)
        .from(TOPIC_CONFIGS)
        .forEach(row ->
            configs
                .computeIfAbsent(row.value1(), _ -> new HashMap<>())
                .put(row.value2(), row.value3()));
    return tx.select(TOPICS.TOPIC_ID, TOPICS.NAME, TOPICS.PARTITIONS)
        .from(TOPICS)
        .orderBy(TOPICS.NAME)
        .fetch(row ->
            new Topic(
                row.value1(),
                row.value2(),
                row.value3(),
                configs.getOrDefault(row.value1(), Map.of())));
  }

  private record Partitions(Map<PartitionId, Owner> owners, Map<PartitionId, UUID> orphanTails) {}

  /// One look through the partitions for both, since there may be very many.
  private static Partitions partitions(DSLContext tx) {
    var owners = new LinkedHashMap<PartitionId, Owner>();
    var orphanTails = new LinkedHashMap<PartitionId, UUID>();
    tx.select(
            PARTITIONS.TOPIC_ID,
            PARTITIONS.PARTITION,
            AGENTS.INCARNATION,
            PARTITIONS.LEASE_EPOCH,
            when(AGENTS.INCARNATION.isNull(), PARTITIONS.TAIL_WAL))
        .from(PARTITIONS)
        .leftJoin(AGENTS)
        .on(AGENTS.INCARNATION.eq(PARTITIONS.INCARNATION).and(DatabaseLeases.LIVE))
        .where(AGENTS.INCARNATION.isNotNull().or(PARTITIONS.TAIL_WAL.isNotNull()))
        .orderBy(PARTITIONS.TOPIC_ID, PARTITIONS.PARTITION)
        .forEach(row -> {
          var partition = new PartitionId(row.value1(), row.value2());
          @Nullable UUID holder = row.value3();
          if (holder != null) {
            owners.put(partition, new Owner(holder, row.value4()));
          } else {
            orphanTails.put(partition, row.value5());
          }
        });
    return new Partitions(owners, orphanTails);
  }

  private static Map<Integer, Owner> shards(DSLContext tx) {
    var shards = new LinkedHashMap<Integer, Owner>();
    tx.select(SHARD_LEASES.SHARD, AGENTS.INCARNATION, SHARD_LEASES.LEASE_EPOCH)
        .from(SHARD_LEASES)
        .join(AGENTS)
        .on(AGENTS.INCARNATION.eq(SHARD_LEASES.INCARNATION).and(DatabaseLeases.LIVE))
        .orderBy(SHARD_LEASES.SHARD)
        .forEach(row -> shards.put(row.value1(), new Owner(row.value2(), row.value3())));
    return shards;
  }

  private static List<LiveAgent> agents(DSLContext tx) {
    var listeners = new HashMap<UUID, Map<String, String>>();
    tx.select(AGENT_LISTENERS.INCARNATION, AGENT_LISTENERS.NAME, AGENT_LISTENERS.ADDRESS)
        .from(AGENT_LISTENERS)
        .join(AGENTS)
        .on(AGENTS.INCARNATION.eq(AGENT_LISTENERS.INCARNATION).and(DatabaseLeases.LIVE))
        .forEach(row ->
            listeners
                .computeIfAbsent(row.value1(), _ -> new TreeMap<>())
                .put(row.value2(), row.value3()));
    return tx.select(
            AGENTS.INCARNATION,
            AGENTS.NODE_ID,
            AGENTS.WAL_ID,
            AGENTS.RACK,
            AGENTS.AGENT_GROUP,
            AGENTS.DRAINING,
            DRAINED_NODES.NODE_ID)
        .from(AGENTS)
        .leftJoin(DRAINED_NODES)
        .on(DRAINED_NODES.NODE_ID.eq(AGENTS.NODE_ID))
        .where(DatabaseLeases.LIVE)
        .orderBy(AGENTS.NODE_ID)
        .fetch(row ->
            new LiveAgent(
                row.value1(),
                row.value2(),
                row.value3(),
                Optional.ofNullable(row.value4()),
                row.value5(),
                listeners.getOrDefault(row.value1(), Map.of()),
                row.value6(),
                row.value7() != null));
  }

  private static Map<Optional<Integer>, Map<String, String>> agentConfigs(DSLContext tx) {
    var configs = new LinkedHashMap<Optional<Integer>, Map<String, String>>();
    tx.select(AGENT_CONFIGS.NODE_ID, AGENT_CONFIGS.NAME, AGENT_CONFIGS.SETTING)
        .from(AGENT_CONFIGS)
        .orderBy(AGENT_CONFIGS.NODE_ID, AGENT_CONFIGS.NAME)
        .forEach(row -> {
          Optional<Integer> node =
              row.value1() == EVERY_NODE ? Optional.empty() : Optional.of(row.value1());
          configs.computeIfAbsent(node, _ -> new TreeMap<>()).put(row.value2(), row.value3());
        });
    return configs;
  }

  /// A topic as this transaction sees it.
  private @Nullable Topic topic(DSLContext tx, Condition which) {
    var row =
        transactions
            .dialect()
            .locked(
                tx.select(TOPICS.TOPIC_ID, TOPICS.NAME, TOPICS.PARTITIONS)
                    .from(TOPICS)
                    .where(which),
                TOPICS)
            .fetchOne();
    if (row == null) {
      return null;
    }
    var configs =
        tx.select(TOPIC_CONFIGS.NAME, TOPIC_CONFIGS.SETTING)
            .from(TOPIC_CONFIGS)
            .where(TOPIC_CONFIGS.TOPIC_ID.eq(row.get(TOPICS.TOPIC_ID)))
            .fetchMap(TOPIC_CONFIGS.NAME, TOPIC_CONFIGS.SETTING);
    return new Topic(
        row.get(TOPICS.TOPIC_ID), row.get(TOPICS.NAME), row.get(TOPICS.PARTITIONS), configs);
  }

  @Override
  public CreateTopic create(String name, int partitions, Map<String, String> configs) {
    return transactions.write(
        "create",
        tx -> {
          var present = topic(tx, TOPICS.NAME.eq(name));
          if (present != null) {
            return new CreateTopic.Exists(present);
          }
          var topic = new Topic(RandomIds.next(random), name, partitions, configs);
          while (tx.insertInto(TOPICS, TOPICS.TOPIC_ID, TOPICS.NAME, TOPICS.PARTITIONS)
                  .values(topic.id(), name, partitions)
                  .onConflict(TOPICS.NAME)
                  .doNothing()
                  .execute()
              == 0) {
            // Another transaction was first, after we looked; it may be gone again.
            present = topic(tx, TOPICS.NAME.eq(name));
            if (present != null) {
              return new CreateTopic.Exists(present);
            }
          }
          insertPartitions(tx, topic, 0);
          setConfigs(tx, topic.id(), configs);
          raiseChanges(tx);
          return new CreateTopic.Created(topic);
        });
  }

  private static void insertPartitions(DSLContext tx, Topic topic, int first) {
    var earlier =
        tx.select(NAME_EPOCHS.LEASE_EPOCH)
            .from(NAME_EPOCHS)
            .where(NAME_EPOCHS.NAME.eq(topic.name()))
            .fetchOne(NAME_EPOCHS.LEASE_EPOCH);
    int epoch = earlier == null ? NO_EPOCH : earlier;
    var batch =
        tx.batch(
            tx.insertInto(
                    PARTITIONS,
                    PARTITIONS.TOPIC_ID,
                    PARTITIONS.PARTITION,
                    PARTITIONS.LEASE_EPOCH,
                    PARTITIONS.LOG_START,
                    PARTITIONS.COMMITTED_END)
                .values(topic.id(), 0, epoch, 0L, 0L));
    for (var partition = first; partition < topic.partitions(); partition++) {
      batch = batch.bind(topic.id(), partition, epoch, 0L, 0L);
    }
    batch.execute();
  }

  private static void setConfigs(DSLContext tx, UUID topicId, Map<String, String> configs) {
    configs.forEach((key, value) ->
        tx.insertInto(
                TOPIC_CONFIGS, TOPIC_CONFIGS.TOPIC_ID, TOPIC_CONFIGS.NAME, TOPIC_CONFIGS.SETTING)
            .values(topicId, key, value)
            .onConflict(TOPIC_CONFIGS.TOPIC_ID, TOPIC_CONFIGS.NAME)
            .doUpdate()
            .set(TOPIC_CONFIGS.SETTING, excluded(TOPIC_CONFIGS.SETTING))
            .execute());
  }

  @Override
  public Optional<Topic> delete(UUID topicId) {
    return transactions.write(
        "delete",
        tx -> {
          var topic = topic(tx, TOPICS.TOPIC_ID.eq(topicId));
          if (topic == null) {
            return Optional.<Topic>empty();
          }
          rememberEpoch(tx, topic);
          tx.deleteFrom(PARTITIONS).where(PARTITIONS.TOPIC_ID.eq(topicId)).execute();
          DatabaseManifest.deleteSegments(tx, SEGMENTS.TOPIC_ID.eq(topicId));
          tx.deleteFrom(PARTITION_EPOCHS).where(PARTITION_EPOCHS.TOPIC_ID.eq(topicId)).execute();
          tx.deleteFrom(LOG_START_PRODUCERS)
              .where(LOG_START_PRODUCERS.TOPIC_ID.eq(topicId))
              .execute();
          deleteOffsets(tx, topicId);
          tx.deleteFrom(TOPIC_CONFIGS).where(TOPIC_CONFIGS.TOPIC_ID.eq(topicId)).execute();
          tx.deleteFrom(TOPICS).where(TOPICS.TOPIC_ID.eq(topicId)).execute();
          tx.insertInto(DELETED_TOPICS, DELETED_TOPICS.TOPIC_ID, DELETED_TOPICS.NAME)
              .values(topicId, topic.name())
              .execute();
          raiseChanges(tx);
          return Optional.of(topic);
        });
  }

  /// Partitions begin at the remembered epoch and only rise, so the highest now is the highest
  /// ever; locked, because a lease that is being taken raises it.
  private void rememberEpoch(DSLContext tx, Topic topic) {
    int epoch = NO_EPOCH;
    for (int one :
        transactions
            .dialect()
            .locked(
                tx.select(PARTITIONS.LEASE_EPOCH)
                    .from(PARTITIONS)
                    .where(PARTITIONS.TOPIC_ID.eq(topic.id()))
                    .orderBy(PARTITIONS.PARTITION),
                PARTITIONS)
            .fetch(PARTITIONS.LEASE_EPOCH)) {
      epoch = Math.max(epoch, one);
    }
    tx.insertInto(NAME_EPOCHS, NAME_EPOCHS.NAME, NAME_EPOCHS.LEASE_EPOCH)
        .values(topic.name(), epoch)
        .onConflict(NAME_EPOCHS.NAME)
        .doUpdate()
        .set(NAME_EPOCHS.LEASE_EPOCH, excluded(NAME_EPOCHS.LEASE_EPOCH))
        .execute();
  }

  private static void deleteOffsets(DSLContext tx, UUID topicId) {
    var gone =
        tx.deleteFrom(CONSUMER_OFFSETS).where(CONSUMER_OFFSETS.TOPIC_ID.eq(topicId)).execute();
    if (gone > 0) {
      tx.deleteFrom(GROUPS)
          .where(GROUPS.GROUP_STATE.isNull())
          .and(
              notExists(
                  selectOne()
                      .from(CONSUMER_OFFSETS)
                      .where(CONSUMER_OFFSETS.GROUP_NAME.eq(GROUPS.GROUP_NAME))))
          .execute();
    }
  }

  @Override
  public AddPartitions addPartitions(UUID topicId, int total) {
    return transactions.write(
        "addPartitions",
        tx -> {
          var before = topic(tx, TOPICS.TOPIC_ID.eq(topicId));
          if (before == null) {
            return new AddPartitions.NoSuchTopic();
          }
          if (total <= before.partitions()) {
            return new AddPartitions.NotMore(before.partitions());
          }
          var after = new Topic(topicId, before.name(), total, before.configs());
          tx.update(TOPICS)
              .set(TOPICS.PARTITIONS, total)
              .where(TOPICS.TOPIC_ID.eq(topicId))
              .execute();
          insertPartitions(tx, after, before.partitions());
          raiseChanges(tx);
          return new AddPartitions.Added(after);
        });
  }

  @Override
  public Optional<Topic> alterConfigs(UUID topicId, Map<String, String> set, List<String> remove) {
    return transactions.write(
        "alterConfigs",
        tx -> {
          if (topic(tx, TOPICS.TOPIC_ID.eq(topicId)) == null) {
            return Optional.<Topic>empty();
          }
          tx.deleteFrom(TOPIC_CONFIGS)
              .where(TOPIC_CONFIGS.TOPIC_ID.eq(topicId).and(TOPIC_CONFIGS.NAME.in(remove)))
              .execute();
          setConfigs(tx, topicId, set);
          raiseChanges(tx);
          return Optional.ofNullable(topic(tx, TOPICS.TOPIC_ID.eq(topicId)));
        });
  }

  @Override
  public void alterAgentConfigs(
      Optional<Integer> nodeId, Map<String, String> set, List<String> remove) {
    int node = nodeId.orElse(EVERY_NODE);
    transactions.run(
        "alterAgentConfigs",
        tx -> {
          tx.deleteFrom(AGENT_CONFIGS)
              .where(AGENT_CONFIGS.NODE_ID.eq(node).and(AGENT_CONFIGS.NAME.in(remove)))
              .execute();
          set.forEach((key, value) ->
              tx.insertInto(
                      AGENT_CONFIGS,
                      AGENT_CONFIGS.NODE_ID,
                      AGENT_CONFIGS.NAME,
                      AGENT_CONFIGS.SETTING)
                  .values(node, key, value)
                  .onConflict(AGENT_CONFIGS.NODE_ID, AGENT_CONFIGS.NAME)
                  .doUpdate()
                  .set(AGENT_CONFIGS.SETTING, excluded(AGENT_CONFIGS.SETTING))
                  .execute());
          raiseChanges(tx);
        });
  }

  private static Map<String, Map<String, String>> groupConfigs(DSLContext tx) {
    var configs = new LinkedHashMap<String, Map<String, String>>();
    var dialect = Dialect.of(tx);
    tx.select(GROUP_CONFIGS.GROUP_NAME, GROUP_CONFIGS.NAME, GROUP_CONFIGS.SETTING)
        .from(GROUP_CONFIGS)
        .orderBy(GROUP_CONFIGS.GROUP_NAME, GROUP_CONFIGS.NAME)
        .forEach(row ->
            configs
                .computeIfAbsent(dialect.loaded(row.value1()), _ -> new TreeMap<>())
                .put(row.value2(), dialect.loaded(row.value3())));
    return configs;
  }

  @Override
  public void alterGroupConfigs(String group, Map<String, String> set, List<String> remove) {
    transactions.run(
        "alterGroupConfigs",
        tx -> {
          var dialect = Dialect.of(tx);
          var name = dialect.stored(group);
          tx.deleteFrom(GROUP_CONFIGS)
              .where(GROUP_CONFIGS.GROUP_NAME.eq(name).and(GROUP_CONFIGS.NAME.in(remove)))
              .execute();
          set.forEach((key, value) ->
              tx.insertInto(
                      GROUP_CONFIGS,
                      GROUP_CONFIGS.GROUP_NAME,
                      GROUP_CONFIGS.NAME,
                      GROUP_CONFIGS.SETTING)
                  .values(name, key, dialect.stored(value))
                  .onConflict(GROUP_CONFIGS.GROUP_NAME, GROUP_CONFIGS.NAME)
                  .doUpdate()
                  .set(GROUP_CONFIGS.SETTING, excluded(GROUP_CONFIGS.SETTING))
                  .execute());
          raiseChanges(tx);
        });
  }

  @Override
  public List<UUID> deletedAmong(List<UUID> topicIds) {
    return transactions.read(
        "deletedAmong",
        tx -> {
          var deleted = new ArrayList<UUID>();
          for (var from = 0; from < topicIds.size(); from += CHUNK) {
            var chunk = topicIds.subList(from, Math.min(from + CHUNK, topicIds.size()));
            deleted.addAll(
                tx.select(DELETED_TOPICS.TOPIC_ID)
                    .from(DELETED_TOPICS)
                    .where(DELETED_TOPICS.TOPIC_ID.in(chunk))
                    .fetch(DELETED_TOPICS.TOPIC_ID));
          }
          return deleted;
        });
  }

  /// Bind values in one list; databases have limits.
  private static final int CHUNK = 1000;
}

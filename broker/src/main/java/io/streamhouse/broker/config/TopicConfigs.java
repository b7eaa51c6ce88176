package io.streamhouse.broker.config;

import static io.streamhouse.broker.config.Importance.HIGH;
import static io.streamhouse.broker.config.Importance.LOW;

import io.streamhouse.broker.config.Compression.Codec;
import io.streamhouse.broker.config.Setting.AgentKey;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Definitions of every topic setting: all of Apache Kafka 4.3's, and ours.
///
/// Those without effect are known, checked and described all the same, so that tools which set them
/// work.
public final class TopicConfigs {

  private static final long ANY = Long.MAX_VALUE;
  private static final String NO_REPLICAS =
      "the object store replicates, so there are no followers.";
  private static final String NO_TIERS = "every log is in the object store already.";
  private static final String SEGMENTS_BY_FLUSH =
      "a segment ends where a flush ends, `streamhouse.flush.interval.ms` after its first record"
          + " came, if not before.";
  private static final String NO_COMPACTION = "keys are not compacted yet.";

  static final Setting<List<String>> CLEANUP_POLICY =
      Setting.list(
              "cleanup.policy",
              "delete",
              List.of("compact", "delete"),
              "What becomes of old records: `delete` drops them by age and size, `compact` keeps"
                  + " the newest record of each key; both may be given, and neither keeps"
                  + " everything.")
          .agentKey("log.cleanup.policy");

  static final Setting<Codec> COMPRESSION_TYPE =
      Setting.oneOf(
              "compression.type",
              "producer",
              codecs(),
              "How batches are stored: `producer` leaves them as they came, any other value"
                  + " recompresses batches that came otherwise.")
          .why("Batches stay as the producer sent them: nothing is decompressed on the way.")
          .agentKey("compression.type");

  static final Setting<Integer> GZIP_LEVEL =
      Setting.of(
              "compression.gzip.level",
              ConfigType.INT,
              "-1",
              "Level used when `compression.type=gzip`.",
              "1 to 9, or -1",
              text -> {
                int level = Setting.int32("", "0", -1, 9, "").parse(text);
                if (level == 0) {
                  throw new BadValue("must be from 1 to 9, or -1");
                }
                return level;
              })
          .agentKey("compression.gzip.level");

  static final Setting<Integer> LZ4_LEVEL =
      Setting.int32("compression.lz4.level", "9", 1, 17, "Level used when `compression.type=lz4`.")
          .agentKey("compression.lz4.level");

  static final Setting<Integer> ZSTD_LEVEL =
      Setting.int32(
              "compression.zstd.level",
              "3",
              -131072,
              22,
              "Level used when `compression.type=zstd`.")
          .agentKey("compression.zstd.level");

  static final Setting<Long> DELETE_RETENTION_MS =
      Setting.int64(
              "delete.retention.ms",
              "86400000",
              0,
              ANY,
              "How long a compacted topic keeps a key's deletion marker.")
          .agentKey("log.cleaner.delete.retention.ms")
          .noEffect(NO_COMPACTION);

  static final Setting<Long> MAX_COMPACTION_LAG_MS =
      Setting.int64(
              "max.compaction.lag.ms",
              "9223372036854775807",
              1,
              ANY,
              "How old a record may get before it has been through compaction.")
          .agentKey("log.cleaner.max.compaction.lag.ms")
          .noEffect(NO_COMPACTION);

  static final Setting<Long> MIN_COMPACTION_LAG_MS =
      Setting.int64(
              "min.compaction.lag.ms",
              "0",
              0,
              ANY,
              "How old a record must be before it may be compacted away.")
          .agentKey("log.cleaner.min.compaction.lag.ms")
          .noEffect(NO_COMPACTION);

  static final Setting<Integer> MAX_MESSAGE_BYTES =
      Setting.int32(
              "max.message.bytes",
              "1048588",
              0,
              ANY,
              "Largest record batch accepted, as it comes, compressed or not.")
          .agentKey("message.max.bytes")
          .importance(HIGH);

  static final Setting<Long> TIMESTAMP_AFTER_MAX_MS =
      Setting.int64(
              "message.timestamp.after.max.ms",
              "3600000",
              0,
              ANY,
              "How far a record's timestamp may be ahead of the agent's clock.")
          .agentKey("log.message.timestamp.after.max.ms");

  static final Setting<Long> TIMESTAMP_BEFORE_MAX_MS =
      Setting.int64(
              "message.timestamp.before.max.ms",
              "9223372036854775807",
              0,
              ANY,
              "How far a record's timestamp may be behind the agent's clock.")
          .agentKey("log.message.timestamp.before.max.ms");

  static final Setting<TimestampType> TIMESTAMP_TYPE =
      Setting.oneOf(
              "message.timestamp.type",
              "CreateTime",
              Map.of(
                  TimestampType.CREATE_TIME.text(),
                  TimestampType.CREATE_TIME,
                  TimestampType.LOG_APPEND_TIME.text(),
                  TimestampType.LOG_APPEND_TIME),
              "Whether a record keeps its producer's timestamp or gets the agent's at the append.")
          .agentKey("log.message.timestamp.type");

  static final Setting<Integer> MIN_INSYNC_REPLICAS =
      Setting.int32(
              "min.insync.replicas",
              "1",
              1,
              ANY,
              "How many replicas must have a record before it is acknowledged.")
          .agentKey("min.insync.replicas")
          .noEffect("`streamhouse.durability` says what an acknowledgement means.");

  static final Setting<Long> RETENTION_BYTES =
      Setting.int64(
              "retention.bytes",
              "-1",
              Long.MIN_VALUE,
              ANY,
              "How many bytes a partition keeps with `cleanup.policy=delete`; -1 means no limit."
                  + " Whole segments go, oldest first, as long as at least so many bytes stay, as"
                  + " they are stored.")
          .agentKey("log.retention.bytes")
          .importance(HIGH);

  static final Setting<Long> RETENTION_MS =
      Setting.int64(
              "retention.ms",
              "604800000",
              -1,
              ANY,
              "How long a record is kept with `cleanup.policy=delete`; -1 means for ever. A segment"
                  + " goes when its newest record is older.")
          .agentKeys(
              new AgentKey("log.retention.ms", 1, null),
              new AgentKey("log.retention.minutes", 60_000, null),
              new AgentKey("log.retention.hours", 3_600_000, "168"))
          .importance(HIGH);

  static final Setting<Integer> SEGMENT_BYTES =
      Setting.int32(
              "segment.bytes",
              "1073741824",
              1 << 20,
              ANY,
              "Bytes of record batches a segment holds at most, and so about the most that"
                  + " retention drops at once. A segment also ends where a flush ends"
                  + " (`streamhouse.flush.bytes`, `streamhouse.flush.interval.ms`), usually"
                  + " earlier.")
          .agentKey("log.segment.bytes");

  static final Setting<Long> SEGMENT_MS =
      Setting.int64(
              "segment.ms",
              "604800000",
              1,
              ANY,
              "How long a segment may go on before it is closed.")
          .agentKeys(
              new AgentKey("log.roll.ms", 1, null),
              new AgentKey("log.roll.hours", 3_600_000, "168"))
          .noEffect(SEGMENTS_BY_FLUSH);

  static final Setting<Boolean> UNCLEAN_LEADER_ELECTION =
      Setting.bool(
              "unclean.leader.election.enable",
              "false",
              "Whether a partition whose newest records are on an agent that is gone may go on"
                  + " without them. Only what the level `local` acknowledged can be lost so, where"
                  + " no other agent can read the write-ahead log of the one that is gone.")
          .agentKey("unclean.leader.election.enable")
          .importance(HIGH);

  static final Setting<Durability> DURABILITY =
      Setting.<Durability>of(
              "streamhouse.durability",
              ConfigType.STRING,
              null,
              "What an acknowledgement with acks=all means. `local`: the record is in the agent's"
                  + " write-ahead log; it survives a crash of the process and, with"
                  + " `streamhouse.wal.fsync=always`, of the machine, but not the loss of its disk."
                  + " `object`: it is in the object store and committed; it survives the loss of"
                  + " every agent and disk. With acks=0 and 1 no more is promised than the agent's"
                  + " life. A change takes effect for what is acknowledged from then on.",
              "local, object",
              text ->
                  switch (text) {
                    case "local" -> Durability.LOCAL;
                    case "object" -> Durability.OBJECT;
                    case "replicated" ->
                        throw new BadValue("replicated is not supported yet; use local or object");
                    default -> throw new BadValue("must be local or object");
                  })
          .agentKey("streamhouse.durability")
          .why(
              "`local` with SQLite, where one agent has everything on one disk anyway; `object`"
                  + " with PostgreSQL, so that another agent can take over at once.")
          .importance(HIGH);

  static final Setting<String> LEADER_GROUP =
      Setting.of(
          "streamhouse.leader.group",
          ConfigType.STRING,
          "",
          "Which agents lead the topic's partitions: those whose `streamhouse.agent.group` is this,"
              + " or while none of them takes leases, those in no group, or else all.",
          "at most 255 characters",
          TopicConfigs::group);

  private static final List<Setting<?>> ALL =
      List.of(
          CLEANUP_POLICY,
          GZIP_LEVEL,
          LZ4_LEVEL,
          COMPRESSION_TYPE,
          ZSTD_LEVEL,
          DELETE_RETENTION_MS,
          Setting.int64(
                  "file.delete.delay.ms",
                  "60000",
                  0,
                  ANY,
                  "How long a dropped segment's file stays.")
              .agentKey("log.segment.delete.delay.ms")
              .noEffect("`streamhouse.sweep.grace.ms` says how long an object stays.")
              .importance(LOW),
          Setting.int64(
                  "flush.messages",
                  "9223372036854775807",
                  1,
                  ANY,
                  "After how many records the log is synced.")
              .agentKey("log.flush.interval.messages")
              .noEffect("`streamhouse.wal.fsync` says when the log is synced."),
          Setting.int64("flush.ms", "9223372036854775807", 0, ANY, "How often the log is synced.")
              .agentKeys(
                  new AgentKey("log.flush.interval.ms", 1, null),
                  new AgentKey("log.flush.scheduler.interval.ms", 1, "9223372036854775807"))
              .noEffect("`streamhouse.wal.fsync` says when the log is synced."),
          Setting.list(
                  "follower.replication.throttled.replicas",
                  "",
                  List.of(),
                  "Replicas whose followers are throttled.")
              .noEffect(NO_REPLICAS),
          Setting.int32(
                  "index.interval.bytes",
                  "4096",
                  0,
                  ANY,
                  "How many bytes lie between two entries of a segment's index.")
              .agentKey("log.index.interval.bytes")
              .noEffect("the segment format has one entry for each block."),
          Setting.list(
                  "leader.replication.throttled.replicas",
                  "",
                  List.of(),
                  "Replicas whose leaders are throttled.")
              .noEffect(NO_REPLICAS),
          Setting.int64(
                  "local.retention.bytes",
                  "-2",
                  -2,
                  ANY,
                  "How many bytes stay on local disk with tiered storage.")
              .agentKey("log.local.retention.bytes")
              .noEffect(NO_TIERS),
          Setting.int64(
                  "local.retention.ms",
                  "-2",
                  -2,
                  ANY,
                  "How long records stay on local disk with tiered storage.")
              .agentKey("log.local.retention.ms")
              .noEffect(NO_TIERS),
          MAX_COMPACTION_LAG_MS,
          MAX_MESSAGE_BYTES,
          TIMESTAMP_AFTER_MAX_MS,
          TIMESTAMP_BEFORE_MAX_MS,
          TIMESTAMP_TYPE,
          Setting.fraction(
                  "min.cleanable.dirty.ratio",
                  "0.5",
                  "Share of a log that must be uncompacted before it is compacted again.")
              .agentKey("log.cleaner.min.cleanable.ratio")
              .noEffect(NO_COMPACTION),
          MIN_COMPACTION_LAG_MS,
          MIN_INSYNC_REPLICAS,
          Setting.bool("preallocate", "false", "Whether segment files are allocated in advance.")
              .agentKey("log.preallocate")
              .noEffect("objects are written once, whole; the write-ahead log always is."),
          Setting.bool(
                  "remote.log.copy.disable",
                  "false",
                  "Whether segments are no longer copied to tiered storage.")
              .noEffect(NO_TIERS),
          Setting.bool(
                  "remote.log.delete.on.disable",
                  "false",
                  "Whether tiered data goes when tiered storage is switched off.")
              .noEffect(NO_TIERS),
          Setting.bool("remote.storage.enable", "false", "Whether the topic uses tiered storage.")
              .noEffect(NO_TIERS),
          RETENTION_BYTES,
          RETENTION_MS,
          SEGMENT_BYTES,
          Setting.int32("segment.index.bytes", "10485760", 4, ANY, "Largest index of one segment.")
              .agentKey("log.index.size.max.bytes")
              .noEffect("an index is as large as its segment needs."),
          Setting.int64(
                  "segment.jitter.ms",
                  "0",
                  0,
                  ANY,
                  "Random time taken off segment.ms, so that segments do not all close at once.")
              .agentKeys(
                  new AgentKey("log.roll.jitter.ms", 1, null),
                  new AgentKey("log.roll.jitter.hours", 3_600_000, "0"))
              .noEffect(SEGMENTS_BY_FLUSH),
          SEGMENT_MS,
          DURABILITY,
          LEADER_GROUP,
          UNCLEAN_LEADER_ELECTION);

  private static final Map<String, Setting<?>> BY_NAME = byName();

  private TopicConfigs() {}

  /// The name of a group of agents; empty for none.
  static String group(String text) throws BadValue {
    if (text.length() > 255 || text.chars().anyMatch(Character::isISOControl)) {
      throw new BadValue("must be at most 255 characters, none of them a control character");
    }
    return text;
  }

  private static Map<String, Codec> codecs() {
    var codecs = new LinkedHashMap<String, Codec>();
    for (var codec : Codec.values()) {
      codecs.put(codec.text(), codec);
    }
    return codecs;
  }

  private static Map<String, Setting<?>> byName() {
    var settings = new TreeMap<String, Setting<?>>();
    for (var setting : ALL) {
      settings.put(setting.name(), setting);
    }
    return settings;
  }

  /// Every topic setting, by name.
  public static List<Setting<?>> all() {
    return List.copyOf(BY_NAME.values());
  }

  public static @Nullable Setting<?> find(String name) {
    return BY_NAME.get(name);
  }

  /// What is wrong with these settings of one topic, each with its name; empty when nothing is.
  public static List<String> validate(Map<String, String> configs) {
    var errors = new ArrayList<String>();
    for (var entry : new TreeMap<>(configs).entrySet()) {
      var setting = BY_NAME.get(entry.getKey());
      if (setting == null) {
        errors.add("unknown topic config name: " + entry.getKey());
        continue;
      }
      try {
        var _ = setting.parse(entry.getValue());
      } catch (BadValue e) {
        errors.add(setting.problem(entry.getValue(), e));
      }
    }
    String min = configs.get(MIN_COMPACTION_LAG_MS.name());
    String max = configs.get(MAX_COMPACTION_LAG_MS.name());
    if (errors.isEmpty()
        && min != null
        && max != null
        && MIN_COMPACTION_LAG_MS.valueOf(min) > MAX_COMPACTION_LAG_MS.valueOf(max)) {
      errors.add(
          "min.compaction.lag.ms (%s) is above max.compaction.lag.ms (%s)".formatted(min, max));
    }
    return errors;
  }

  /// Every topic setting with the value in force for one topic.
  ///
  /// @param own what was set for the topic
  public static List<DescribedConfig> describe(Map<String, String> own, TopicDefaults defaults) {
    var described = new ArrayList<DescribedConfig>();
    for (var setting : BY_NAME.values()) {
      var synonyms = new ArrayList<DescribedConfig.Synonym>();
      String value = own.get(setting.name());
      if (value != null) {
        synonyms.add(new DescribedConfig.Synonym(setting.name(), value, ConfigSource.TOPIC));
      }
      synonyms.addAll(defaults.synonyms(setting));
      described.add(
          new DescribedConfig(
              setting.name(),
              value != null ? value : defaults.value(setting),
              synonyms.isEmpty() ? ConfigSource.DEFAULT : synonyms.getFirst().source(),
              setting.type(),
              false,
              false,
              synonyms,
              setting.documentation()));
    }
    return described;
  }
}

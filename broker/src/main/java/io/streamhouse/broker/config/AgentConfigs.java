package io.streamhouse.broker.config;

import static io.streamhouse.broker.config.Importance.HIGH;

import io.streamhouse.broker.config.AgentConfig.Fsync;
import io.streamhouse.broker.config.AgentConfig.SegmentCompression;
import io.streamhouse.broker.config.DescribedConfig.Synonym;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Definitions of every agent setting that does something here, Kafka's names first, and of those
/// that are the defaults of topic settings.
public final class AgentConfigs {

  private static final long ANY = Long.MAX_VALUE;

  /// S3 takes keys of 1,024 bytes; what objects are called below the prefix needs up to 900.
  private static final int MAX_BUCKET_URL = 120;

  private static final Pattern BUCKET_URL =
      Pattern.compile("s3://[A-Za-z0-9][A-Za-z0-9._-]{1,62}(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*/?");

  // Identity

  static final Setting<Integer> NODE_ID =
      Setting.int32(
              "node.id",
              "0",
              0,
              ANY,
              "This agent's number in the cluster. Where it is not given, the data directory has"
                  + " the one this agent was given or assigned before; with PostgreSQL a new agent"
                  + " is assigned the lowest that no other ever had, otherwise it is 0.")
          .why("Some clients expect the first one to be 0.")
          .importance(HIGH);

  static final Setting<Integer> BROKER_ID =
      Setting.int32("broker.id", "-1", -1, ANY, "Older name of `node.id`; -1 means unset.");

  static final Setting<Optional<String>> RACK =
      Setting.of(
          "broker.rack",
          ConfigType.STRING,
          null,
          "Where this agent is, such as a zone; told to clients.",
          "",
          text -> text.isEmpty() ? Optional.empty() : Optional.of(text));

  static final Setting<String> AGENT_GROUP =
      Setting.of(
          "streamhouse.agent.group",
          ConfigType.STRING,
          "",
          "The group of agents this one belongs to. It leads the topics whose"
              + " `streamhouse.leader.group` is the same, and others only while nobody else"
              + " does. Groups of consumers are coordinated by agents in no group.",
          "at most 255 characters",
          TopicConfigs::group);

  // Network

  static final Setting<List<Listener>> LISTENERS =
      Setting.of(
              "listeners",
              ConfigType.LIST,
              "PLAINTEXT://127.0.0.1:9092",
              "Where to listen: a list of NAME://host:port. An empty host means all interfaces,"
                  + " port 0 any free one.",
              "list of NAME://host:port",
              AgentConfigs::listeners)
          .why("Nobody is authenticated yet, so only this machine gets in unless you say so.")
          .importance(HIGH);

  static final Setting<List<Listener>> ADVERTISED_LISTENERS =
      Setting.of(
              "advertised.listeners",
              ConfigType.LIST,
              null,
              "What clients are told to connect to, where that differs from `listeners`.",
              "list of NAME://host:port",
              AgentConfigs::listeners)
          .why("The same as `listeners`, with this machine's name for all interfaces.")
          .importance(HIGH);

  static final Setting<Map<String, String>> SECURITY_PROTOCOLS =
      Setting.of(
          "listener.security.protocol.map",
          ConfigType.STRING,
          "",
          "Security protocol of each listener name. Only PLAINTEXT is supported yet.",
          "list of NAME:PROTOCOL",
          text -> {
            var protocols = new TreeMap<String, String>();
            for (String pair : Setting.split(text)) {
              int colon = pair.indexOf(':');
              if (colon < 1) {
                throw new BadValue("'" + pair + "' is not NAME:PROTOCOL");
              }
              protocols.put(
                  pair.substring(0, colon).trim().toUpperCase(java.util.Locale.ROOT),
                  pair.substring(colon + 1).trim().toUpperCase(java.util.Locale.ROOT));
            }
            return protocols;
          });

  static final Setting<List<String>> CONTROLLER_LISTENERS =
      Setting.list(
          "controller.listener.names",
          "",
          List.of(),
          "Listeners meant for Kafka's controllers. There are none here, so these listeners are"
              + " left out.");

  static final Setting<Optional<Listener>> HTTP_LISTENER =
      Setting.<Optional<Listener>>of(
              "streamhouse.http.listener",
              ConfigType.STRING,
              "127.0.0.1:9644",
              "Where `/health`, `/ready` and `/metrics` are served over HTTP. Port 0 picks a free"
                  + " one, and so does a start without this setting when 9644 is taken; empty turns"
                  + " it off.",
              "host:port, or empty",
              text ->
                  text.isEmpty()
                      ? Optional.empty()
                      : Optional.of(Listener.parse(text.contains("://") ? text : "HTTP://" + text)))
          .why("Nobody is authenticated, so only this machine may ask unless you say so.");

  static final Setting<Long> CONNECTIONS_MAX_IDLE_MS =
      Setting.int64(
          "connections.max.idle.ms",
          "600000",
          Long.MIN_VALUE,
          ANY,
          "A connection without a request for so long is closed; negative: never.");

  static final Setting<Integer> MAX_CONNECTIONS =
      Setting.int32(
          "max.connections",
          "2147483647",
          0,
          ANY,
          "Connections at once; further ones are closed at once.");

  static final Setting<Integer> NETWORK_THREADS =
      Setting.int32("num.network.threads", "3", 1, 1024, "Event loops that serve connections.")
          .why("One or two keep two cores busy; more help only on larger machines.");

  static final Setting<Integer> REQUEST_MAX_BYTES =
      Setting.int32(
              "socket.request.max.bytes",
              "104857600",
              1,
              ANY,
              "Largest request; a larger one closes its connection before anything is allocated.")
          .importance(HIGH);

  static final Setting<Long> QUEUED_REQUEST_BYTES =
      Setting.int64(
              "queued.max.request.bytes",
              "-1",
              -1,
              ANY,
              "Requests in memory, of all connections; above it sockets are not read. -1: as"
                  + " `socket.request.max.bytes`.")
          .why("The least that still lets the largest request in; there is no unbounded queue.");

  // Fetch

  static final Setting<Integer> FETCH_MAX_BYTES =
      Setting.int32(
          "fetch.max.bytes", "57671680", 1024, ANY, "Largest fetch response, whatever is asked.");

  static final Setting<Integer> FETCH_SESSIONS =
      Setting.int32(
          "max.incremental.fetch.session.cache.slots",
          "1000",
          0,
          ANY,
          "Incremental fetch sessions kept; clients without one send whole requests.");

  static final Setting<Long> RESPONSE_BYTES =
      Setting.int64(
              "streamhouse.response.max.bytes",
              "134217728",
              1,
              ANY,
              "Responses that wait for their sockets, of all connections; above it fetches wait,"
                  + " at most as long as they would for records, before they begin to read.")
          .why("Two of the largest; slow consumers then cost patience, not memory.");

  // Topics

  static final Setting<Boolean> AUTO_CREATE_TOPICS =
      Setting.bool(
              "auto.create.topics.enable",
              "true",
              "Whether a topic asked for by a client that allows it is created.")
          .importance(HIGH);

  static final Setting<Boolean> DELETE_TOPICS =
      Setting.bool("delete.topic.enable", "true", "Whether topics can be deleted.")
          .importance(HIGH);

  static final Setting<Integer> NUM_PARTITIONS =
      Setting.int32(
          "num.partitions", "1", 1, 100_000, "Partitions of a topic created without a number.");

  static final Setting<Integer> REPLICATION_FACTOR =
      Setting.int32(
              "default.replication.factor",
              "1",
              1,
              Short.MAX_VALUE,
              "Replication factor of a topic created without one.")
          .noEffect("any factor is accepted, since storage is replicated by the object store.");

  // Producers

  static final Setting<Integer> PRODUCER_ID_EXPIRATION_MS =
      Setting.int32(
          "producer.id.expiration.ms",
          "86400000",
          1,
          ANY,
          "How long a partition remembers the sequence of a producer that writes no more.");

  // Groups

  static final Setting<Integer> INITIAL_REBALANCE_DELAY_MS =
      Setting.int32(
          "group.initial.rebalance.delay.ms",
          "3000",
          0,
          ANY,
          "How long an empty group waits for more members before its first assignment.");

  static final Setting<Integer> GROUP_MIN_SESSION_TIMEOUT_MS =
      Setting.int32(
          "group.min.session.timeout.ms", "6000", 0, ANY, "Shortest session a member may ask for.");

  static final Setting<Integer> GROUP_MAX_SESSION_TIMEOUT_MS =
      Setting.int32(
          "group.max.session.timeout.ms",
          "1800000",
          0,
          ANY,
          "Longest session a member may ask for.");

  static final Setting<Integer> GROUP_MAX_SIZE =
      Setting.int32("group.max.size", "2147483647", 1, ANY, "Members a group may have.");

  static final Setting<Integer> CONSUMER_SESSION_TIMEOUT_MS =
      Setting.int32(
          "group.consumer.session.timeout.ms",
          "45000",
          1,
          ANY,
          "A member of a consumer group that is silent for so long is out.");

  static final Setting<Integer> CONSUMER_MIN_SESSION_TIMEOUT_MS =
      Setting.int32(
          "group.consumer.min.session.timeout.ms",
          "45000",
          1,
          ANY,
          "Least that `group.consumer.session.timeout.ms` may be.");

  static final Setting<Integer> CONSUMER_MAX_SESSION_TIMEOUT_MS =
      Setting.int32(
          "group.consumer.max.session.timeout.ms",
          "60000",
          1,
          ANY,
          "Most that `group.consumer.session.timeout.ms` may be.");

  static final Setting<Integer> CONSUMER_HEARTBEAT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.heartbeat.interval.ms",
          "5000",
          1,
          ANY,
          "How often members of consumer groups are to send heartbeats.");

  static final Setting<Integer> CONSUMER_MIN_HEARTBEAT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.min.heartbeat.interval.ms",
          "5000",
          1,
          ANY,
          "Least that `group.consumer.heartbeat.interval.ms` may be.");

  static final Setting<Integer> CONSUMER_MAX_HEARTBEAT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.max.heartbeat.interval.ms",
          "15000",
          1,
          ANY,
          "Most that `group.consumer.heartbeat.interval.ms` may be.");

  static final Setting<Integer> CONSUMER_ASSIGNMENT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.assignment.interval.ms",
          "1000",
          0,
          ANY,
          "Least time between two distributions of a consumer group's partitions, so that many"
              + " members that come or go at once cost one. A new coordinator does not know when"
              + " the last one was (Kafka's does) and does not wait.");

  static final Setting<Integer> CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.min.assignment.interval.ms",
          "0",
          0,
          ANY,
          "Least that `group.consumer.assignment.interval.ms` may be.");

  static final Setting<Integer> CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS =
      Setting.int32(
          "group.consumer.max.assignment.interval.ms",
          "15000",
          0,
          ANY,
          "Most that `group.consumer.assignment.interval.ms` may be.");

  static final Setting<Integer> CONSUMER_MAX_SIZE =
      Setting.int32(
          "group.consumer.max.size", "2147483647", 1, ANY, "Members a consumer group may have.");

  static final Setting<List<String>> CONSUMER_ASSIGNORS =
      Setting.list(
          "group.consumer.assignors",
          "uniform,range",
          List.of("uniform", "range"),
          "How partitions may be distributed in consumer groups; the first is the default.");

  static final Setting<MigrationPolicy> CONSUMER_MIGRATION_POLICY =
      Setting.of(
          "group.consumer.migration.policy",
          ConfigType.STRING,
          "bidirectional",
          "Whether a group with members goes from one protocol to the other: `upgrade` to the"
              + " consumer protocol when its first member joins, `downgrade` to the classic one"
              + " when the last leaves, `bidirectional` both, `disabled` neither.",
          "bidirectional, disabled, downgrade, upgrade",
          text -> {
            for (var policy : MigrationPolicy.values()) {
              if (policy.name().equalsIgnoreCase(text)) {
                return policy;
              }
            }
            throw new BadValue("must be bidirectional, disabled, downgrade or upgrade");
          });

  static final Setting<Integer> OFFSET_METADATA_MAX_BYTES =
      Setting.int32(
          "offset.metadata.max.bytes", "4096", 0, ANY, "Longest metadata of a committed offset.");

  static final Setting<Integer> OFFSETS_RETENTION_MINUTES =
      Setting.int32(
          "offsets.retention.minutes",
          "10080",
          1,
          ANY,
          "How long the offsets of a group without members, or of topics it no longer reads, are"
              + " kept.");

  static final Setting<Long> OFFSETS_RETENTION_CHECK_INTERVAL_MS =
      Setting.int64(
          "offsets.retention.check.interval.ms",
          "600000",
          1,
          ANY,
          "How often it is looked whether committed offsets were kept long enough.");

  // Storage

  static final Setting<String> DATA_DIR =
      Setting.<String>of(
              "streamhouse.data.dir",
              ConfigType.STRING,
              "./data",
              "Directory of everything this agent keeps on disk; one agent at a time.",
              "",
              text -> {
                if (text.isEmpty()) {
                  throw new BadValue("must not be empty");
                }
                return text;
              })
          .importance(HIGH);

  static final Setting<String> OBJECT_STORE =
      Setting.<String>of(
              "streamhouse.object.store",
              ConfigType.STRING,
              null,
              "Where objects go: a bucket, or a directory as a path or a file: URL.",
              "s3://BUCKET/PREFIX, directory",
              text -> text.startsWith("s3:") ? bucket(text) : directory(text))
          .why("`objects` in the data directory.")
          .importance(HIGH);

  static final Setting<Optional<URI>> S3_ENDPOINT =
      Setting.of(
          "streamhouse.s3.endpoint",
          ConfigType.STRING,
          "",
          "URL of a store that speaks S3 and is not AWS. Empty: AWS, in the region.",
          "http://HOST:PORT, https://HOST:PORT",
          AgentConfigs::endpoint);

  static final Setting<Optional<String>> S3_REGION =
      Setting.of(
          "streamhouse.s3.region",
          ConfigType.STRING,
          "",
          "Region of the bucket. Empty: as the AWS SDK finds it (`AWS_REGION`, profile, machine),"
              + " or us-east-1 where an endpoint is given.",
          "",
          text -> text.isBlank() ? Optional.empty() : Optional.of(text.strip()));

  static final Setting<Boolean> S3_PATH_STYLE =
      Setting.of(
              "streamhouse.s3.path.style",
              ConfigType.BOOLEAN,
              null,
              "Whether the bucket is named in the path of a request and not in its host.",
              "true, false",
              AgentConfigs::yes)
          .why("`true` where an endpoint is given: most such stores have no host per bucket.");

  static final Setting<String> METADATA_URL =
      Setting.<String>of(
              "streamhouse.metadata.url",
              ConfigType.STRING,
              null,
              "Database of the metadata, as a JDBC URL: SQLite for one agent, PostgreSQL for a"
                  + " cluster. Further properties of PostgreSQL's driver may follow a `?`, such as"
                  + " `sslmode`, `sslrootcert` or `currentSchema`; time-outs have settings of their"
                  + " own, and a password does not belong here.",
              "jdbc:sqlite:FILE, jdbc:postgresql://HOST[:PORT][,HOST…]/DATABASE",
              text -> {
                if (!database(text, "jdbc:sqlite:") && !database(text, "jdbc:postgresql:")) {
                  throw new BadValue(
                      "must be jdbc:sqlite:FILE or jdbc:postgresql://HOST:PORT/DATABASE");
                }
                return text;
              })
          .why("`metadata.db` in the data directory, with SQLite.")
          .importance(HIGH);

  private static boolean database(String url, String prefix) {
    return url.startsWith(prefix) && url.length() > prefix.length();
  }

  static final Setting<String> METADATA_USER =
      Setting.string(
              "streamhouse.metadata.user",
              "",
              "Who the agent is for PostgreSQL. Empty: as the URL says, else the system's user.")
          .importance(HIGH);

  static final Setting<String> METADATA_PASSWORD =
      Setting.of(
              "streamhouse.metadata.password",
              ConfigType.PASSWORD,
              "",
              "The password for PostgreSQL; never logged or described. Empty: from the file named"
                  + " by the environment variable PGPASSFILE, else `~/.pgpass`, else none.",
              "",
              text -> text)
          .importance(HIGH);

  static final Setting<Integer> METADATA_CONNECTIONS =
      Setting.int32(
              "streamhouse.metadata.connections",
              "16",
              2,
              1000,
              "Connections to PostgreSQL this agent makes at most; one more listens for changes.")
          .why("What runs transactions at one time is bounded by 8 workers and a few loops.");

  static final Setting<Integer> METADATA_CONNECT_TIMEOUT_MS =
      Setting.int32(
              "streamhouse.metadata.connect.timeout.ms",
              "3000",
              250,
              60_000,
              "How long connecting to PostgreSQL may take, and waiting for a free connection.")
          .why("The session is renewed every 3 seconds; an attempt must not outlast that.");

  static final Setting<Integer> METADATA_STATEMENT_TIMEOUT_MS =
      Setting.int32(
              "streamhouse.metadata.statement.timeout.ms",
              "10000",
              250,
              600_000,
              "How long PostgreSQL may work at one statement, waiting for locks included, and how"
                  + " long an agent that stopped in mid-transaction may keep its locks. A second"
                  + " later the agent gives the connection up.")
          .why("Nothing takes a second; longer than it takes to be sure that something is wrong.");

  static final Setting<Long> CACHE_BYTES =
      Setting.int64(
              "streamhouse.cache.memory.bytes",
              "67108864",
              0,
              ANY,
              "Blocks of segments kept in memory for readers, outside the heap; they, what"
                  + " answers under way need, and copies of records that were flushed lately get at"
                  + " most half of what the JVM may have there (`-XX:MaxDirectMemorySize`).")
          .why("Two objects' worth; it grows with use, so an idle agent pays nothing.");

  static final Setting<Long> DISK_CACHE_BYTES =
      Setting.int64(
              "streamhouse.cache.disk.bytes",
              null,
              0,
              ANY,
              "Blocks of segments kept on disk for readers, in `cache` in the data directory; 0:"
                  + " none.")
          .why(
              "4294967296 with a bucket, 0 with a directory, whose objects are on a disk already.");

  static final Setting<Long> DISK_RESERVE_BYTES =
      Setting.int64(
              "streamhouse.disk.reserve.bytes",
              "268435456",
              0,
              ANY,
              "When the disk has less free than this, produce is refused while flushing and"
                  + " metadata go on.")
          .why("Room for the whole unflushed tail as objects, twice.");

  // Write-ahead log

  static final Setting<Fsync> WAL_FSYNC =
      Setting.oneOf(
              "streamhouse.wal.fsync",
              "always",
              Map.of("always", Fsync.ALWAYS, "interval", Fsync.INTERVAL, "never", Fsync.NEVER),
              "When the write-ahead log is synced. `always`: before each acknowledgement, so that"
                  + " nothing acknowledged is lost with the power. `interval`: a power cut may take"
                  + " the last `streamhouse.wal.fsync.interval.ms`. `never`: it may take whatever"
                  + " the operating system had not written. A crash of the process alone takes"
                  + " nothing under any of them.")
          .why("An acknowledgement must mean something; syncing in groups keeps it cheap.")
          .importance(HIGH);

  static final Setting<Long> WAL_FSYNC_INTERVAL_MS =
      Setting.int64(
              "streamhouse.wal.fsync.interval.ms",
              "100",
              1,
              3_600_000,
              "How often the log is synced with `streamhouse.wal.fsync=interval`.")
          .why("Measured to cost nothing at this rate.");

  static final Setting<Long> WAL_FILE_BYTES =
      Setting.int64(
              "streamhouse.wal.file.bytes",
              "67108864",
              1 << 20,
              1 << 30,
              "Size of each file of the write-ahead log, allocated in advance and used again; the"
                  + " first after a start has at most 4 MiB.")
          .why("Two flushes' worth, so that files are let go about as often as objects are made.");

  static final Setting<Long> WAL_MAX_BYTES =
      Setting.int64(
              "streamhouse.wal.max.bytes",
              "4294967296",
              1 << 20,
              ANY,
              "How large the write-ahead log may grow while nothing can be flushed; then produce is"
                  + " refused.")
          .why("Some minutes of an object-store outage at full load, hours at common ones.");

  static final Setting<String> WAL_SHARED_DIR =
      Setting.string(
              "streamhouse.wal.shared.dir",
              "",
              "A directory on a volume that all agents mount. Each has its write-ahead log there,"
                  + " in a directory of its own, instead of in its data directory; when an agent is"
                  + " gone, others read the tails of `local` topics from it and take over at once.")
          .why("Unset: `local` topics of an agent that is gone wait until it is back.");

  // Flush

  static final Setting<Long> FLUSH_BYTES =
      Setting.int64(
              "streamhouse.flush.bytes",
              "33554432",
              1 << 16,
              1 << 30,
              "Unflushed bytes that make an object.")
          .why("Large enough for one request to be worth it, small enough to be in memory thrice.");

  static final Setting<Long> FLUSH_INTERVAL_MS =
      Setting.int64(
              "streamhouse.flush.interval.ms",
              "10000",
              1,
              86_400_000,
              "How long a record of a `local` topic waits at most before it goes into an object.")
          .why(
              "It is what the loss of the machine can take of a `local` topic; shorter makes more,"
                  + " smaller segments.");

  static final Setting<SegmentCompression> SEGMENT_COMPRESSION =
      Setting.oneOf(
              "streamhouse.segment.compression",
              "lz4",
              Map.of("lz4", SegmentCompression.LZ4, "none", SegmentCompression.NONE),
              "How blocks of batches that came uncompressed are stored.")
          .why("Text shrinks to a third for about a second of CPU per gigabyte.");

  static final Setting<Long> TAIL_MAX_BYTES =
      Setting.int64(
              "streamhouse.tail.max.bytes",
              "134217728",
              1 << 20,
              ANY,
              "Unflushed records in memory. Above three quarters of it those that the write-ahead"
                  + " log has leave memory and are read back from there; what finds no room is"
                  + " refused. A quarter on top of it is for records of `object` topics that were"
                  + " flushed in the last half minute.")
          .why("Four flushes: one filling, one being written, and slack for a slow store.");

  // Topic life

  static final Setting<Long> RETENTION_CHECK_MS =
      Setting.int64(
          "log.retention.check.interval.ms",
          "300000",
          1,
          ANY,
          "How often logs are looked through for segments that retention drops.");

  static final Setting<Long> SWEEP_GRACE_MS =
      Setting.int64(
              "streamhouse.sweep.grace.ms",
              "300000",
              0,
              ANY,
              "How long an object stays once nothing refers to it.")
          .why("Readers that looked it up before have long finished, slow ones too.");

  // Merging

  static final Setting<Boolean> MERGE_ENABLE =
      Setting.bool(
          "streamhouse.merge.enable", "true", "Whether small segments are merged into large ones.");

  static final Setting<Long> MERGE_BYTES_PER_SECOND =
      Setting.int64(
              "streamhouse.merge.bytes.per.second",
              "67108864",
              1 << 16,
              ANY,
              "How much is merged: stored bytes of the segments that go into larger ones.")
          .why(
              "Twice what an agent takes in at 30 MB/s, a byte being merged about twice; about a"
                  + " tenth of a core.");

  static final Setting<Long> MERGE_AGE_MS =
      Setting.int64(
              "streamhouse.merge.age.ms",
              "600000",
              0,
              86_400_000,
              "How long segments that were flushed together with those of other partitions stay in"
                  + " their object, however few they are.")
          .why(
              "An object stays until the last of its segments has gone; a partition with little"
                  + " traffic should not hold on to what busy ones flushed with it.");

  static final Setting<Long> MERGE_SEGMENT_BYTES =
      Setting.int64(
              "streamhouse.merge.segment.bytes",
              "67108864",
              1 << 16,
              1L << 36,
              "A segment of so many bytes is not merged any more.")
          .why("A terabyte of one partition is some 10,000 rows of metadata then.");

  static final Setting<Long> MERGE_SEGMENT_MAX_BYTES =
      Setting.int64(
              "streamhouse.merge.segment.max.bytes",
              "268435456",
              1 << 17,
              1L << 37,
              "No segment becomes larger by merging; nor larger than the topic's `segment.bytes`.")
          .why("It takes as much of the data directory while it is put together.");

  static final Setting<Integer> OBJECT_LINGER_MS =
      Setting.int32(
              "streamhouse.object.linger.ms",
              null,
              0,
              60_000,
              "How long records of `object` topics gather at most while other objects are on their"
                  + " way; with none on its way an object is begun at once, a tenth of this after"
                  + " the one before at the earliest.")
          .why("250 on S3, where every object costs a request; 0 in a directory, where none does.");

  static final Setting<Integer> FLUSH_UPLOADS =
      Setting.int32(
              "streamhouse.flush.uploads",
              "4",
              1,
              64,
              "Objects on their way into the object store at once. They are committed in order.")
          .why("Enough to hide the latency of a remote store; a local disk is busy with one.");

  static final Setting<Long> FLUSH_UPLOAD_BYTES =
      Setting.int64(
              "streamhouse.flush.upload.bytes",
              "67108864",
              1,
              ANY,
              "Records in the objects that are on their way; above it no further one is begun.")
          .why("Two full objects: what they hold stays in memory until they are committed.");

  // Session

  static final Setting<Long> SESSION_TIMEOUT_MS =
      Setting.int64(
              "streamhouse.session.timeout.ms",
              "10000",
              1000,
              3_600_000,
              "How long this agent owns its partitions without renewing its session.")
          .why("Time for three renewals; a failover takes about as long.");

  static final Setting<Long> SESSION_RENEW_MS =
      Setting.int64(
              "streamhouse.session.renew.ms",
              "3000",
              100,
              3_600_000,
              "How often the session is renewed.")
          .why("Two renewals may be lost before the session is.");

  private static final List<Setting<?>> OWN =
      List.of(
          NODE_ID,
          BROKER_ID,
          RACK,
          AGENT_GROUP,
          LISTENERS,
          ADVERTISED_LISTENERS,
          SECURITY_PROTOCOLS,
          CONTROLLER_LISTENERS,
          HTTP_LISTENER,
          CONNECTIONS_MAX_IDLE_MS,
          MAX_CONNECTIONS,
          NETWORK_THREADS,
          REQUEST_MAX_BYTES,
          QUEUED_REQUEST_BYTES,
          FETCH_MAX_BYTES,
          FETCH_SESSIONS,
          RESPONSE_BYTES,
          AUTO_CREATE_TOPICS,
          DELETE_TOPICS,
          NUM_PARTITIONS,
          REPLICATION_FACTOR,
          PRODUCER_ID_EXPIRATION_MS,
          INITIAL_REBALANCE_DELAY_MS,
          GROUP_MIN_SESSION_TIMEOUT_MS,
          GROUP_MAX_SESSION_TIMEOUT_MS,
          GROUP_MAX_SIZE,
          CONSUMER_SESSION_TIMEOUT_MS,
          CONSUMER_MIN_SESSION_TIMEOUT_MS,
          CONSUMER_MAX_SESSION_TIMEOUT_MS,
          CONSUMER_HEARTBEAT_INTERVAL_MS,
          CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
          CONSUMER_MAX_HEARTBEAT_INTERVAL_MS,
          CONSUMER_ASSIGNMENT_INTERVAL_MS,
          CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
          CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS,
          CONSUMER_MAX_SIZE,
          CONSUMER_ASSIGNORS,
          CONSUMER_MIGRATION_POLICY,
          OFFSET_METADATA_MAX_BYTES,
          OFFSETS_RETENTION_MINUTES,
          OFFSETS_RETENTION_CHECK_INTERVAL_MS,
          DATA_DIR,
          OBJECT_STORE,
          S3_ENDPOINT,
          S3_REGION,
          S3_PATH_STYLE,
          METADATA_URL,
          METADATA_USER,
          METADATA_PASSWORD,
          METADATA_CONNECTIONS,
          METADATA_CONNECT_TIMEOUT_MS,
          METADATA_STATEMENT_TIMEOUT_MS,
          CACHE_BYTES,
          DISK_CACHE_BYTES,
          DISK_RESERVE_BYTES,
          WAL_FSYNC,
          WAL_FSYNC_INTERVAL_MS,
          WAL_FILE_BYTES,
          WAL_MAX_BYTES,
          WAL_SHARED_DIR,
          FLUSH_BYTES,
          FLUSH_INTERVAL_MS,
          OBJECT_LINGER_MS,
          FLUSH_UPLOADS,
          FLUSH_UPLOAD_BYTES,
          SEGMENT_COMPRESSION,
          TAIL_MAX_BYTES,
          RETENTION_CHECK_MS,
          SWEEP_GRACE_MS,
          MERGE_ENABLE,
          MERGE_BYTES_PER_SECOND,
          MERGE_AGE_MS,
          MERGE_SEGMENT_BYTES,
          MERGE_SEGMENT_MAX_BYTES,
          SESSION_TIMEOUT_MS,
          SESSION_RENEW_MS);

  private static final Map<String, Setting<?>> TOPIC_DEFAULTS = topicDefaults();
  private static final Map<String, Setting<?>> BY_NAME = byName();

  private AgentConfigs() {}

  private static List<Listener> listeners(String text) throws BadValue {
    var listeners = new ArrayList<Listener>();
    for (String one : Setting.split(text)) {
      var listener = Listener.parse(one);
      for (var other : listeners) {
        if (other.name().equals(listener.name())) {
          throw new BadValue("two listeners named " + listener.name());
        }
      }
      listeners.add(listener);
    }
    if (listeners.isEmpty()) {
      throw new BadValue("must name at least one listener");
    }
    return List.copyOf(listeners);
  }

  /// A bucket's rules are the store's own; what no store takes is refused here.
  private static String bucket(String text) throws BadValue {
    if (!BUCKET_URL.matcher(text).matches()) {
      throw new BadValue(
          "must be s3://BUCKET or s3://BUCKET/PREFIX, of letters, digits and ._=- joined by /");
    }
    if (text.length() > MAX_BUCKET_URL) {
      throw new BadValue("must not be longer than %d characters".formatted(MAX_BUCKET_URL));
    }
    return text;
  }

  private static Optional<URI> endpoint(String text) throws BadValue {
    if (text.isBlank()) {
      return Optional.empty();
    }
    try {
      var endpoint = new URI(text.strip());
      boolean http = "http".equals(endpoint.getScheme()) || "https".equals(endpoint.getScheme());
      if (http && endpoint.getHost() != null && endpoint.getUserInfo() == null) {
        return Optional.of(endpoint);
      }
    } catch (URISyntaxException malformed) {
      // Said below.
    }
    throw new BadValue("must be http://HOST:PORT or https://HOST:PORT");
  }

  private static boolean yes(String text) throws BadValue {
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw new BadValue("must be true or false");
    };
  }

  private static String directory(String text) throws BadValue {
    String path = text;
    if (text.startsWith("file:")) {
      path = text.substring("file:".length());
      if (path.startsWith("//")) {
        path = path.substring(2);
      }
    } else if (text.contains("://")) {
      throw new BadValue("must be s3://BUCKET/PREFIX or a directory, as a path or a file: URL");
    }
    if (path.isEmpty()) {
      throw new BadValue("must not be empty");
    }
    return path;
  }

  private static Map<String, Setting<?>> topicDefaults() {
    var settings = new TreeMap<String, Setting<?>>();
    for (var topic : TopicConfigs.all()) {
      for (var key : topic.agentKeys()) {
        settings.put(key.name(), topicDefault(topic, key));
      }
    }
    return settings;
  }

  private static <T> Setting<?> topicDefault(Setting<T> topic, Setting.AgentKey key) {
    String documentation = "Default of the topic setting `" + topic.name() + "`.";
    Setting<?> setting;
    if (key.unit() == 1) {
      setting =
          Setting.of(
                  key.name(),
                  topic.type(),
                  key.defaultValue(),
                  documentation,
                  topic.valid(),
                  topic::parse)
              .why(topic.why());
    } else {
      setting =
          Setting.int32(
              key.name(),
              "0",
              topic == TopicConfigs.RETENTION_MS ? -1 : topic == TopicConfigs.SEGMENT_MS ? 1 : 0,
              ANY,
              documentation + " In " + (key.unit() == 60_000 ? "minutes." : "hours."));
      setting = setting.withDefault(key.defaultValue());
    }
    String noEffect = topic.noEffect();
    setting = setting.importance(topic.importance());
    return noEffect == null ? setting : setting.noEffect(noEffect);
  }

  private static Map<String, Setting<?>> byName() {
    var settings = new TreeMap<String, Setting<?>>(TOPIC_DEFAULTS);
    for (var setting : OWN) {
      settings.put(setting.name(), setting);
    }
    return settings;
  }

  /// Every agent setting known here, by name.
  public static List<Setting<?>> all() {
    return List.copyOf(BY_NAME.values());
  }

  public static @Nullable Setting<?> find(String name) {
    return BY_NAME.get(name);
  }

  /// The settings that are defaults of topic settings, by name.
  static Map<String, Setting<?>> topicDefaultSettings() {
    return TOPIC_DEFAULTS;
  }

  /// Whether a setting can be altered while the agent runs: those that are a topic setting's
  /// default, under the name that has the topic's unit.
  public static boolean dynamic(String name) {
    for (var topic : TopicConfigs.all()) {
      if (!topic.agentKeys().isEmpty() && topic.agentKeys().getFirst().name().equals(name)) {
        return true;
      }
    }
    return false;
  }

  /// What is wrong with these settings as an alteration at run time; empty when nothing is.
  public static List<String> validateDynamic(Map<String, String> configs) {
    var errors = new ArrayList<String>();
    for (var entry : new TreeMap<>(configs).entrySet()) {
      var setting = BY_NAME.get(entry.getKey());
      if (setting == null || !dynamic(entry.getKey())) {
        errors.add(entry.getKey() + " cannot be altered while the agent runs");
        continue;
      }
      try {
        var _ = setting.parse(entry.getValue());
      } catch (BadValue e) {
        errors.add(setting.problem(entry.getValue(), e));
      }
    }
    return errors;
  }

  /// Every agent setting with the value in force, and whatever else the agent was started with.
  ///
  /// @param cluster altered at run time for all agents
  /// @param node altered at run time for this one
  public static List<DescribedConfig> describe(
      AgentConfig config, Map<String, String> cluster, Map<String, String> node) {
    var names = new TreeMap<String, @Nullable Setting<?>>(BY_NAME);
    for (String name : config.given().keySet()) {
      names.putIfAbsent(name, null);
    }
    var described = new ArrayList<DescribedConfig>();
    for (var entry : names.entrySet()) {
      described.add(describe(entry.getKey(), entry.getValue(), config, cluster, node));
    }
    return described;
  }

  private static DescribedConfig describe(
      String name,
      @Nullable Setting<?> setting,
      AgentConfig config,
      Map<String, String> cluster,
      Map<String, String> node) {
    boolean secret = KafkaNames.secret(name);
    var synonyms = new ArrayList<Synonym>();
    add(synonyms, name, node.get(name), ConfigSource.DYNAMIC_AGENT, secret);
    add(synonyms, name, cluster.get(name), ConfigSource.DYNAMIC_DEFAULT, secret);
    add(synonyms, name, config.given().get(name), ConfigSource.STATIC, secret);
    add(synonyms, name, config.derived().get(name), ConfigSource.DEFAULT, secret);
    if (setting != null && !config.derived().containsKey(name)) {
      add(synonyms, name, setting.defaultValue(), ConfigSource.DEFAULT, secret);
    }
    return new DescribedConfig(
        name,
        synonyms.isEmpty() ? null : synonyms.getFirst().value(),
        synonyms.isEmpty() ? ConfigSource.DEFAULT : synonyms.getFirst().source(),
        setting != null ? setting.type() : secret ? ConfigType.PASSWORD : ConfigType.STRING,
        !dynamic(name),
        secret,
        synonyms,
        setting != null ? setting.documentation() : "A setting of Apache Kafka. No effect here.");
  }

  private static void add(
      List<Synonym> synonyms,
      String name,
      @Nullable String value,
      ConfigSource source,
      boolean secret) {
    if (value != null) {
      synonyms.add(new Synonym(name, secret ? null : value, source));
    }
  }
}

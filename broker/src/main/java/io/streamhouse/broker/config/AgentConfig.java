package io.streamhouse.broker.config;

import com.google.errorprone.annotations.FormatMethod;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Everything an agent is told at its start, checked; one record per concern.
///
/// @param nodeId this agent's number in the cluster; where it was not given, until it is known
///   otherwise ([#withNodeId]), 0
/// @param nodeIdGiven whether it was
/// @param rack told to clients
/// @param group of agents; empty for none
/// @param topicDefaults what topics get that set nothing themselves, before run-time alterations
/// @param given every property as it was given
/// @param derived defaults that follow from other settings, by name
/// @param withoutEffect names given that mean something to Kafka and nothing here, sorted
public record AgentConfig(
    int nodeId,
    boolean nodeIdGiven,
    Optional<String> rack,
    String group,
    Network network,
    Http http,
    Fetching fetching,
    Topics topics,
    Groups groups,
    Storage storage,
    Metadata metadata,
    Wal wal,
    Flush flush,
    TopicLife topicLife,
    Merge merge,
    Session session,
    Duration producerIdExpiration,
    TopicDefaults topicDefaults,
    Map<String, String> given,
    Map<String, String> derived,
    List<String> withoutEffect) {

  public AgentConfig {
    given = Map.copyOf(given);
    derived = Map.copyOf(derived);
    withoutEffect = List.copyOf(withoutEffect);
  }

  /// The same, of an agent that was assigned this number.
  public AgentConfig withNodeId(int assigned) {
    return with(assigned, network, http);
  }

  /// The same, on ports that are in use by it already, where free ones were asked for.
  ///
  /// @param ports of the listeners, in their order
  /// @param httpPort empty if nothing is served over HTTP
  public AgentConfig withPorts(List<Integer> ports, OptionalInt httpPort) {
    var bound = new ArrayList<Listener>();
    for (int i = 0; i < network.listeners().size(); i++) {
      bound.add(network.listeners().get(i).withPort(ports.get(i)));
    }
    return with(
        nodeId,
        new Network(
            bound,
            network.advertised(),
            network.idleTimeout(),
            network.maxConnections(),
            network.eventLoops(),
            network.requestMaxBytes(),
            network.queuedRequestBytes()),
        httpPort.isEmpty()
            ? http
            : new Http(
                http.listener().map(listener -> listener.withPort(httpPort.getAsInt())),
                http.insisted()));
  }

  private AgentConfig with(int node, Network listening, Http serving) {
    return new AgentConfig(
        node,
        nodeIdGiven,
        rack,
        group,
        listening,
        serving,
        fetching,
        topics,
        groups,
        storage,
        metadata,
        wal,
        flush,
        topicLife,
        merge,
        session,
        producerIdExpiration,
        topicDefaults,
        given,
        derived,
        withoutEffect);
  }

  /// What the budgets of bytes outside the heap allow together: requests, responses, the unflushed
  /// tail, and blocks of segments.
  public BigInteger directBytes() {
    return Stream.of(
            network.queuedRequestBytes(),
            fetching.unsentBytes(),
            flush.tailMaxBytes(),
            flush.recentMaxBytes(),
            storage.cacheBytes())
        .map(BigInteger::valueOf)
        .reduce(BigInteger.ZERO, BigInteger::add);
  }

  /// @param listeners where to listen; at least one
  /// @param advertised as configured; empty where it is the same as `listeners`
  /// @param idleTimeout empty: connections are never idle too long
  /// @param requestMaxBytes largest single request
  /// @param queuedRequestBytes requests in memory, all connections; at least `requestMaxBytes`
  public record Network(
      List<Listener> listeners,
      List<Listener> advertised,
      Optional<Duration> idleTimeout,
      int maxConnections,
      int eventLoops,
      int requestMaxBytes,
      long queuedRequestBytes) {

    public Network {
      listeners = List.copyOf(listeners);
      advertised = List.copyOf(advertised);
      if (listeners.isEmpty() || queuedRequestBytes < requestMaxBytes) {
        throw new IllegalArgumentException(listeners + ", " + queuedRequestBytes);
      }
    }

    /// What clients are told for a listener: as advertised, else its own host, else this machine's
    /// name. May look the name up, which takes time.
    ///
    /// @param bound the port it listens on
    public Listener advertise(Listener listener, int bound) {
      for (var one : advertised) {
        if (one.name().equals(listener.name())) {
          return one.port() == 0 ? one.withPort(bound) : one;
        }
      }
      if (!listener.anyHost()) {
        return listener.withPort(bound);
      }
      String host;
      try {
        host = InetAddress.getLocalHost().getCanonicalHostName();
      } catch (UnknownHostException e) {
        host = "localhost";
      }
      return new Listener(listener.name(), host, bound);
    }
  }

  /// @param listener empty: nothing is served over HTTP
  /// @param insisted whether that address was asked for, so that no other will do
  public record Http(Optional<Listener> listener, boolean insisted) {}

  /// @param maxBytes of one response, whatever is asked
  /// @param sessions incremental fetch sessions kept
  /// @param unsentBytes of answers that wait for their sockets, of all connections; above it
  ///   fetches wait
  public record Fetching(int maxBytes, int sessions, long unsentBytes) {}

  /// @param partitions of a topic created without a number
  /// @param replicationFactor told to clients; storage is replicated by the object store
  public record Topics(
      boolean autoCreate, boolean deletable, int partitions, short replicationFactor) {}

  /// @param offsetsRetention how long the offsets of a group without members are kept
  /// @param offsetsRetentionCheck how often that is looked at
  /// @param consumers of groups of the consumer protocol
  public record Groups(
      Duration initialRebalanceDelay,
      Duration minSessionTimeout,
      Duration maxSessionTimeout,
      int maxSize,
      int offsetMetadataMaxBytes,
      Duration offsetsRetention,
      Duration offsetsRetentionCheck,
      Consumers consumers) {}

  /// @param sessionTimeout a member that is silent for so long is out
  /// @param sessionRange what a group of its own settings may have instead, in milliseconds
  /// @param heartbeatInterval shorter than the session
  /// @param heartbeatRange likewise
  /// @param assignmentInterval least time between two distributions of partitions
  /// @param assignmentRange likewise
  /// @param assignors to choose from, the default first; not empty
  public record Consumers(
      Duration sessionTimeout,
      GroupConfigs.Range sessionRange,
      Duration heartbeatInterval,
      GroupConfigs.Range heartbeatRange,
      Duration assignmentInterval,
      GroupConfigs.Range assignmentRange,
      int maxSize,
      List<String> assignors,
      MigrationPolicy migration) {

    public Consumers {
      assignors = List.copyOf(assignors);
    }

    /// What holds for a group that has settings of its own, which were checked.
    public Consumers with(Map<String, String> own) {
      return GroupConfigs.inForce(this, own);
    }
  }

  /// @param dataDir absolute
  /// @param objects where objects go
  /// @param cacheBytes blocks of segments kept in memory
  /// @param diskCacheBytes blocks of segments kept on disk
  /// @param diskReserveBytes what the disk must keep free for produce to be taken
  public record Storage(
      Path dataDir,
      ObjectPlace objects,
      long cacheBytes,
      long diskCacheBytes,
      long diskReserveBytes) {}

  /// Where objects are.
  public sealed interface ObjectPlace {

    /// @param path absolute
    record Directory(Path path) implements ObjectPlace {}

    /// @param prefix without slashes at its ends; perhaps empty
    /// @param endpoint of a store that is not AWS
    /// @param region empty: as the AWS SDK finds it
    record Bucket(
        String bucket,
        String prefix,
        Optional<URI> endpoint,
        Optional<String> region,
        boolean pathStyle)
        implements ObjectPlace {}
  }

  /// @param url JDBC, of SQLite or PostgreSQL, without password
  /// @param connectTimeout for a connection to be made, and for a free one to be had
  /// @param statementTimeout for one statement, and for a lock
  public record Metadata(
      String url,
      Optional<String> user,
      Optional<String> password,
      int connections,
      Duration connectTimeout,
      Duration statementTimeout) {

    /// One that other agents may share.
    public boolean shared() {
      return url.startsWith("jdbc:postgresql:");
    }

    /// Without the password, wherever this is printed.
    @Override
    public String toString() {
      return url;
    }
  }

  /// @param fsyncInterval with [Fsync#INTERVAL]
  /// @param shared where all agents have their logs, if on one volume; absolute
  public record Wal(
      Fsync fsync, Duration fsyncInterval, long fileBytes, long maxBytes, Optional<Path> shared) {}

  /// When the write-ahead log is synced.
  public enum Fsync {
    ALWAYS,
    INTERVAL,
    NEVER
  }

  /// @param bytes unflushed that make an object
  /// @param interval the longest an unflushed record waits
  /// @param tailMaxBytes unflushed in memory, at most
  /// @param linger how long records that wait for their commit gather, while objects are on their
  ///   way
  /// @param uploads objects on their way at once
  /// @param uploadBytes of records in them together
  public record Flush(
      long bytes,
      Duration interval,
      SegmentCompression compression,
      long tailMaxBytes,
      Duration linger,
      int uploads,
      long uploadBytes) {

    /// What records in memory may take that are flushed already, in bytes: on top of the others,
    /// which they take no room from.
    public long recentMaxBytes() {
      return tailMaxBytes / 4;
    }
  }

  /// @param retentionCheck how often logs are looked through for what retention drops
  /// @param sweepGrace how long an object stays once nothing refers to it
  public record TopicLife(Duration retentionCheck, Duration sweepGrace) {}

  /// @param enabled whether segments are merged at all
  /// @param bytesPerSecond of segments that are merged
  /// @param age how long what was flushed with other partitions stays in its object
  /// @param segmentBytes a segment of so many is left alone
  /// @param segmentMaxBytes none becomes larger; at least twice `segmentBytes`
  public record Merge(
      boolean enabled,
      long bytesPerSecond,
      Duration age,
      long segmentBytes,
      long segmentMaxBytes) {}

  /// How blocks of batches that came uncompressed are stored.
  public enum SegmentCompression {
    LZ4,
    NONE
  }

  /// @param timeout how long partitions are owned without renewal
  /// @param renewal how often it is renewed
  public record Session(Duration timeout, Duration renewal) {

    /// By how much an agent stops trusting its session before others may end it.
    public static final Duration MARGIN = Duration.ofSeconds(1);
  }

  /// What a bucket's blocks may take of this machine's disk when nobody says: a few minutes of one
  /// fast reader, small on any server's disk.
  private static final long DISK_CACHE_BYTES = 4L << 30;

  /// What became of properties.
  public sealed interface Reading {

    record Valid(AgentConfig config) implements Reading {}

    /// @param errors everything that is wrong, each naming its setting; not empty
    record Invalid(List<String> errors) implements Reading {
      public Invalid {
        errors = List.copyOf(errors);
      }
    }
  }

  /// Reads and checks properties, all of them.
  ///
  /// @param properties already merged: whoever overrides another's value has replaced it
  public static Reading read(Map<String, String> properties) {
    return new Reader(properties).read();
  }

  /// What to tell about properties without effect, one line each; empty when there is nothing.
  public List<String> warnings() {
    if (withoutEffect.isEmpty()) {
      return List.of();
    }
    var warnings = new ArrayList<String>();
    warnings.add(
        "these settings of Apache Kafka have no effect here: " + String.join(", ", withoutEffect));
    var guards = withoutEffect.stream().filter(KafkaNames::guardsAccess).toList();
    if (!guards.isEmpty()) {
      warnings.add(
          "access is not limited: authentication, authorization and encryption are not supported"
              + " yet, though these settings ask for it: "
              + String.join(", ", guards));
    }
    return warnings;
  }

  /// Collects every error on the way; where a value is bad it goes on with the default.
  private static final class Reader {

    private final Map<String, String> given;
    private final List<String> errors = new ArrayList<>();
    private final Map<String, String> derived = new HashMap<>();

    Reader(Map<String, String> properties) {
      this.given = new TreeMap<>(properties);
    }

    Reading read() {
      var withoutEffect = checkNames();
      var network = network(withoutEffect);
      var session =
          new Session(
              millis(get(AgentConfigs.SESSION_TIMEOUT_MS)),
              millis(get(AgentConfigs.SESSION_RENEW_MS)));
      // Not multipliedBy(2): the JDK counts with BigDecimal there, whose tables take 15 ms.
      if (session.renewal().plus(session.renewal()).compareTo(session.timeout()) > 0) {
        contradiction(
            "streamhouse.session.renew.ms (%d) must be at most half of"
                + " streamhouse.session.timeout.ms (%d)",
            session.renewal().toMillis(), session.timeout().toMillis());
      } else if (session.renewal().compareTo(session.timeout().minus(Session.MARGIN)) >= 0) {
        contradiction(
            "streamhouse.session.renew.ms (%d) must be below streamhouse.session.timeout.ms (%d)"
                + " less a margin of %d ms, by which an agent stops before others may take over",
            session.renewal().toMillis(), session.timeout().toMillis(), Session.MARGIN.toMillis());
      }
      var groups =
          new Groups(
              millis(get(AgentConfigs.INITIAL_REBALANCE_DELAY_MS)),
              millis(get(AgentConfigs.GROUP_MIN_SESSION_TIMEOUT_MS)),
              millis(get(AgentConfigs.GROUP_MAX_SESSION_TIMEOUT_MS)),
              get(AgentConfigs.GROUP_MAX_SIZE),
              get(AgentConfigs.OFFSET_METADATA_MAX_BYTES),
              Duration.ofMinutes(get(AgentConfigs.OFFSETS_RETENTION_MINUTES)),
              millis(get(AgentConfigs.OFFSETS_RETENTION_CHECK_INTERVAL_MS)),
              consumers());
      if (groups.minSessionTimeout().compareTo(groups.maxSessionTimeout()) > 0) {
        contradiction(
            "group.min.session.timeout.ms (%d) is above group.max.session.timeout.ms (%d)",
            groups.minSessionTimeout().toMillis(), groups.maxSessionTimeout().toMillis());
      }
      var wal =
          new Wal(
              get(AgentConfigs.WAL_FSYNC),
              millis(get(AgentConfigs.WAL_FSYNC_INTERVAL_MS)),
              get(AgentConfigs.WAL_FILE_BYTES),
              get(AgentConfigs.WAL_MAX_BYTES),
              Optional.of(get(AgentConfigs.WAL_SHARED_DIR))
                  .filter(path -> !path.isEmpty())
                  .map(path -> Path.of(path).toAbsolutePath().normalize()));
      if (wal.shared().isPresent() && wal.fsync() != Fsync.ALWAYS) {
        contradiction(
            "streamhouse.wal.shared.dir wants streamhouse.wal.fsync=always: what is not synced may"
                + " not be there for other machines");
      }
      if (wal.maxBytes() < 2 * wal.fileBytes()) {
        contradiction(
            "streamhouse.wal.max.bytes (%d) must hold two files of streamhouse.wal.file.bytes (%d)",
            wal.maxBytes(), wal.fileBytes());
      }
      var flush =
          new Flush(
              get(AgentConfigs.FLUSH_BYTES),
              millis(get(AgentConfigs.FLUSH_INTERVAL_MS)),
              get(AgentConfigs.SEGMENT_COMPRESSION),
              get(AgentConfigs.TAIL_MAX_BYTES),
              linger(),
              get(AgentConfigs.FLUSH_UPLOADS),
              get(AgentConfigs.FLUSH_UPLOAD_BYTES));
      if (flush.tailMaxBytes() < 2 * flush.bytes()) {
        contradiction(
            "streamhouse.tail.max.bytes (%d) must be at least twice streamhouse.flush.bytes (%d),"
                + " one filling and one being written",
            flush.tailMaxBytes(), flush.bytes());
      }
      var merge =
          new Merge(
              get(AgentConfigs.MERGE_ENABLE),
              get(AgentConfigs.MERGE_BYTES_PER_SECOND),
              millis(get(AgentConfigs.MERGE_AGE_MS)),
              get(AgentConfigs.MERGE_SEGMENT_BYTES),
              get(AgentConfigs.MERGE_SEGMENT_MAX_BYTES));
      if (merge.segmentMaxBytes() < 2 * merge.segmentBytes()) {
        contradiction(
            "streamhouse.merge.segment.max.bytes (%d) must be at least twice"
                + " streamhouse.merge.segment.bytes (%d)",
            merge.segmentMaxBytes(), merge.segmentBytes());
      }
      var storage = storage();
      var metadata = metadata(storage.dataDir());
      int nodeId = nodeId();
      var topics =
          new Topics(
              get(AgentConfigs.AUTO_CREATE_TOPICS),
              get(AgentConfigs.DELETE_TOPICS),
              get(AgentConfigs.NUM_PARTITIONS),
              get(AgentConfigs.REPLICATION_FACTOR).shortValue());
      var topicDefaults = topicDefaults();
      var fetching =
          new Fetching(
              get(AgentConfigs.FETCH_MAX_BYTES),
              get(AgentConfigs.FETCH_SESSIONS),
              get(AgentConfigs.RESPONSE_BYTES));
      var rack = Optional.<String>empty();
      if (given.containsKey(AgentConfigs.RACK.name())) {
        rack = get(AgentConfigs.RACK);
      }
      String group = get(AgentConfigs.AGENT_GROUP);
      var expiration = millis(get(AgentConfigs.PRODUCER_ID_EXPIRATION_MS));
      if (!errors.isEmpty()) {
        errors.sort(Comparator.naturalOrder());
        return new Reading.Invalid(errors);
      }
      return new Reading.Valid(
          new AgentConfig(
              nodeId,
              given.containsKey(AgentConfigs.NODE_ID.name()) || get(AgentConfigs.BROKER_ID) >= 0,
              rack,
              group,
              network,
              new Http(
                  get(AgentConfigs.HTTP_LISTENER),
                  given.containsKey(AgentConfigs.HTTP_LISTENER.name())),
              fetching,
              topics,
              groups,
              storage,
              metadata,
              wal,
              flush,
              new TopicLife(
                  millis(get(AgentConfigs.RETENTION_CHECK_MS)),
                  millis(get(AgentConfigs.SWEEP_GRACE_MS))),
              merge,
              session,
              expiration,
              topicDefaults,
              given,
              derived,
              withoutEffect.stream().distinct().sorted().toList()));
    }

    /// Names that neither Kafka nor we know are errors.
    ///
    /// @return those that have no effect
    private List<String> checkNames() {
      var withoutEffect = new ArrayList<String>();
      KafkaNames kafka = null;
      for (String name : given.keySet()) {
        var setting = AgentConfigs.find(name);
        var topic = TopicConfigs.find(name);
        if (setting != null) {
          if (setting.noEffect() != null) {
            withoutEffect.add(name);
          }
          continue;
        }
        if (kafka == null) {
          kafka = KafkaNames.load();
        }
        if (kafka.has(name)) {
          withoutEffect.add(name);
        } else if (topic != null) {
          errors.add(
              topic.agentKeys().isEmpty()
                  ? "%s is a topic setting; set it for a topic".formatted(name)
                  : "%s is a topic setting; its default for all topics is %s"
                      .formatted(name, topic.agentKeys().getFirst().name()));
        } else {
          errors.add("unknown setting " + name);
        }
      }
      return withoutEffect;
    }

    private Network network(List<String> withoutEffect) {
      var protocols = get(AgentConfigs.SECURITY_PROTOCOLS);
      var controllers = get(AgentConfigs.CONTROLLER_LISTENERS);
      if (!controllers.isEmpty()) {
        withoutEffect.add(AgentConfigs.CONTROLLER_LISTENERS.name());
      }
      var all = get(AgentConfigs.LISTENERS);
      var listeners = withoutControllers(all, controllers);
      if (listeners.isEmpty()) {
        contradiction("controller.listener.names leaves none of the listeners for clients");
        listeners = all;
      }
      for (var listener : listeners) {
        String protocol = protocols.getOrDefault(listener.name(), listener.name());
        switch (protocol) {
          case "PLAINTEXT" -> {}
          case "SSL", "SASL_PLAINTEXT", "SASL_SSL" ->
              errors.add(
                  "invalid value '%s' for listeners: security protocol %s is not supported yet"
                      .formatted(listener, protocol));
          default ->
              errors.add(
                  "invalid value '%s' for listeners: listener.security.protocol.map says no"
                          .formatted(listener)
                      + " protocol for "
                      + listener.name());
        }
        for (var other : listeners) {
          if (listener.port() != 0 && clash(listener, other)) {
            contradiction("listeners %s and %s are on the same port", listener, other);
          }
        }
      }
      List<Listener> advertised = List.of();
      if (given.containsKey(AgentConfigs.ADVERTISED_LISTENERS.name())
          && !given.get(AgentConfigs.ADVERTISED_LISTENERS.name()).isBlank()) {
        advertised = withoutControllers(get(AgentConfigs.ADVERTISED_LISTENERS), controllers);
      }
      for (var listener : advertised) {
        if (listener.anyHost()) {
          errors.add(
              "invalid value '%s' for advertised.listeners: no client can connect to all"
                      .formatted(listener)
                  + " interfaces; name this machine");
        }
        if (listeners.stream().noneMatch(one -> one.name().equals(listener.name()))) {
          contradiction("advertised.listeners has %s, which is not in listeners", listener.name());
        }
      }
      long queued = get(AgentConfigs.QUEUED_REQUEST_BYTES);
      int largest = get(AgentConfigs.REQUEST_MAX_BYTES);
      if (queued == -1) {
        queued = largest;
      } else if (queued < largest) {
        contradiction(
            "queued.max.request.bytes (%d) is below socket.request.max.bytes (%d)",
            queued, largest);
        queued = largest;
      }
      long idle = get(AgentConfigs.CONNECTIONS_MAX_IDLE_MS);
      return new Network(
          listeners,
          advertised,
          idle < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(idle)),
          get(AgentConfigs.MAX_CONNECTIONS),
          get(AgentConfigs.NETWORK_THREADS),
          largest,
          queued);
    }

    private static List<Listener> withoutControllers(
        List<Listener> listeners, List<String> controllers) {
      return listeners.stream()
          .filter(one -> controllers.stream().noneMatch(one.name()::equalsIgnoreCase))
          .toList();
    }

    /// Whether two listeners want the same port; an IPv4 and an IPv6 address may share one.
    private static boolean clash(Listener one, Listener other) {
      return one.port() == other.port()
          && one.name().compareTo(other.name()) < 0
          && (one.anyHost() || other.anyHost() || one.host().equals(other.host()));
    }

    private Storage storage() {
      var dataDir = path(AgentConfigs.DATA_DIR, get(AgentConfigs.DATA_DIR));
      var objects = objects(dataDir);
      return new Storage(
          dataDir,
          objects,
          get(AgentConfigs.CACHE_BYTES),
          derived(
              AgentConfigs.DISK_CACHE_BYTES,
              objects instanceof ObjectPlace.Bucket ? DISK_CACHE_BYTES : 0L),
          get(AgentConfigs.DISK_RESERVE_BYTES));
    }

    private ObjectPlace objects(Path dataDir) {
      var setting = AgentConfigs.OBJECT_STORE;
      var endpoint = get(AgentConfigs.S3_ENDPOINT);
      var region = get(AgentConfigs.S3_REGION);
      boolean pathStyle = derived(AgentConfigs.S3_PATH_STYLE, endpoint.isPresent());
      if (given.containsKey(setting.name())) {
        String place = getOr(setting, "objects");
        if (!place.startsWith("s3:")) {
          return new ObjectPlace.Directory(path(setting, place));
        }
        var path = place.substring("s3://".length());
        int slash = path.indexOf('/');
        var bucket = slash < 0 ? path : path.substring(0, slash);
        var prefix = slash < 0 ? "" : path.substring(slash + 1);
        return new ObjectPlace.Bucket(
            bucket,
            prefix.endsWith("/") ? prefix.substring(0, prefix.length() - 1) : prefix,
            endpoint,
            region,
            pathStyle);
      }
      var directory = dataDir.resolve("objects");
      derived.put(setting.name(), directory.toString());
      return new ObjectPlace.Directory(directory);
    }

    /// The value of a setting whose default follows from others.
    private <T> T derived(Setting<T> setting, T fallback) {
      if (!given.containsKey(setting.name())) {
        derived.put(setting.name(), fallback.toString());
      }
      return getOr(setting, fallback.toString());
    }

    private Metadata metadata(Path dataDir) {
      String name = AgentConfigs.METADATA_URL.name();
      String url = "jdbc:sqlite:" + dataDir.resolve("metadata.db");
      if (given.containsKey(name)) {
        if (PASSWORD_IN_URL.matcher(given.get(name)).find()) {
          // Without the value: what is wrong with it is that it should not be shown.
          contradiction(
              "%s holds a password, which would be shown; give it as %s",
              name, AgentConfigs.METADATA_PASSWORD.name());
        } else {
          url = getOr(AgentConfigs.METADATA_URL, url);
        }
      } else {
        derived.put(name, url);
      }
      return new Metadata(
          url,
          Optional.of(get(AgentConfigs.METADATA_USER)).filter(user -> !user.isEmpty()),
          Optional.of(get(AgentConfigs.METADATA_PASSWORD)).filter(text -> !text.isEmpty()),
          get(AgentConfigs.METADATA_CONNECTIONS),
          millis(get(AgentConfigs.METADATA_CONNECT_TIMEOUT_MS)),
          millis(get(AgentConfigs.METADATA_STATEMENT_TIMEOUT_MS)));
    }

    private static final Pattern PASSWORD_IN_URL =
        Pattern.compile("[?&](ssl)?password=", Pattern.CASE_INSENSITIVE);

    private Path path(Setting<String> setting, String text) {
      try {
        return Path.of(text).toAbsolutePath().normalize();
      } catch (java.nio.file.InvalidPathException e) {
        errors.add(setting.problem(text, new BadValue("not a path")));
        return Path.of("").toAbsolutePath();
      }
    }

    private int nodeId() {
      int nodeId = get(AgentConfigs.NODE_ID);
      int brokerId = get(AgentConfigs.BROKER_ID);
      if (brokerId == -1) {
        return nodeId;
      }
      if (given.containsKey(AgentConfigs.NODE_ID.name()) && nodeId != brokerId) {
        contradiction("node.id (%d) and broker.id (%d) differ", nodeId, brokerId);
      }
      return brokerId;
    }

    private Duration linger() {
      String name = AgentConfigs.OBJECT_LINGER_MS.name();
      boolean remote = given.getOrDefault(AgentConfigs.OBJECT_STORE.name(), "").startsWith("s3:");
      String otherwise = remote ? "250" : "0";
      if (!given.containsKey(name)) {
        derived.put(name, otherwise);
      }
      return Duration.ofMillis(getOr(AgentConfigs.OBJECT_LINGER_MS, otherwise));
    }

    private TopicDefaults topicDefaults() {
      var fixed = new HashMap<String, String>();
      for (var entry : AgentConfigs.topicDefaultSettings().entrySet()) {
        String value = given.get(entry.getKey());
        if (value != null && check(entry.getValue(), value)) {
          fixed.put(entry.getKey(), value);
        }
      }
      String durability = TopicConfigs.DURABILITY.name();
      boolean shared =
          given.getOrDefault(AgentConfigs.METADATA_URL.name(), "").startsWith("jdbc:postgresql:");
      String level = (shared ? Durability.OBJECT : Durability.LOCAL).text();
      derived.put(durability, level);
      var defaults = TopicDefaults.of(Map.of(durability, level), Map.copyOf(fixed));
      var min = defaults.value(TopicConfigs.MIN_COMPACTION_LAG_MS);
      var max = defaults.value(TopicConfigs.MAX_COMPACTION_LAG_MS);
      if (TopicConfigs.MIN_COMPACTION_LAG_MS.valueOf(min)
          > TopicConfigs.MAX_COMPACTION_LAG_MS.valueOf(max)) {
        contradiction(
            "log.cleaner.min.compaction.lag.ms (%s) is above log.cleaner.max.compaction.lag.ms"
                + " (%s)",
            min, max);
      }
      return defaults;
    }

    private boolean check(Setting<?> setting, String value) {
      try {
        var _ = setting.parse(value);
        return true;
      } catch (BadValue e) {
        errors.add(setting.problem(value, e));
        return false;
      }
    }

    private <T> T get(Setting<T> setting) {
      String fallback = setting.defaultValue();
      return getOr(setting, fallback == null ? "" : fallback);
    }

    private <T> T getOr(Setting<T> setting, String fallback) {
      String value = given.get(setting.name());
      if (value != null) {
        try {
          return setting.parse(value);
        } catch (BadValue e) {
          errors.add(setting.problem(value, e));
        }
      }
      return setting.valueOf(fallback);
    }

    @FormatMethod
    private void contradiction(String format, @Nullable Object... arguments) {
      errors.add(format.formatted(arguments));
    }

    private Consumers consumers() {
      var sessions =
          within(
              AgentConfigs.CONSUMER_SESSION_TIMEOUT_MS,
              AgentConfigs.CONSUMER_MIN_SESSION_TIMEOUT_MS,
              AgentConfigs.CONSUMER_MAX_SESSION_TIMEOUT_MS);
      var heartbeats =
          within(
              AgentConfigs.CONSUMER_HEARTBEAT_INTERVAL_MS,
              AgentConfigs.CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
              AgentConfigs.CONSUMER_MAX_HEARTBEAT_INTERVAL_MS);
      var assignments =
          within(
              AgentConfigs.CONSUMER_ASSIGNMENT_INTERVAL_MS,
              AgentConfigs.CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
              AgentConfigs.CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS);
      int session = get(AgentConfigs.CONSUMER_SESSION_TIMEOUT_MS);
      int heartbeat = get(AgentConfigs.CONSUMER_HEARTBEAT_INTERVAL_MS);
      if (heartbeat >= session) {
        contradiction(
            "group.consumer.heartbeat.interval.ms (%d) must be below"
                + " group.consumer.session.timeout.ms (%d)",
            heartbeat, session);
      }
      var assignors = get(AgentConfigs.CONSUMER_ASSIGNORS);
      if (assignors.isEmpty()) {
        contradiction("group.consumer.assignors must name at least one");
      }
      return new Consumers(
          millis(session),
          sessions,
          millis(heartbeat),
          heartbeats,
          millis(get(AgentConfigs.CONSUMER_ASSIGNMENT_INTERVAL_MS)),
          assignments,
          get(AgentConfigs.CONSUMER_MAX_SIZE),
          assignors,
          get(AgentConfigs.CONSUMER_MIGRATION_POLICY));
    }

    private GroupConfigs.Range within(
        Setting<Integer> setting, Setting<Integer> least, Setting<Integer> most) {
      if (get(setting) < get(least) || get(setting) > get(most)) {
        contradiction(
            "%s (%d) must be from %s (%d) to %s (%d)",
            setting.name(), get(setting), least.name(), get(least), most.name(), get(most));
      }
      return new GroupConfigs.Range(get(least), Math.max(get(least), get(most)));
    }

    private static Duration millis(long value) {
      return Duration.ofMillis(value);
    }
  }
}

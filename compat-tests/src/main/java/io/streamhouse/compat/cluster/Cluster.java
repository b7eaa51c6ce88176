package io.streamhouse.compat.cluster;

import io.streamhouse.compat.ChildProcess;
import io.streamhouse.compat.Kits;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// Agents as processes, each with its own data directory, ports and networks, on one PostgreSQL and
/// one S3. Used by one thread, but for the agents, which a [Nemesis] may strike one at a time each.
final class Cluster implements AutoCloseable {

  /// What an acknowledgement means, and where write-ahead logs are.
  enum Durability {
    OBJECT("object"),
    LOCAL("local"),
    /// `local`, with all write-ahead logs on a volume that every agent sees.
    SHARED("local");

    private final String setting;

    Durability(String setting) {
      this.setting = setting;
    }

    /// The value of the topic setting `streamhouse.durability`.
    String setting() {
      return setting;
    }
  }

  /// How an agent is set up.
  ///
  /// @param session how long it owns what it leads without renewing its session
  /// @param settings further settings, which win
  record Setup(int agents, Durability durability, Duration session, Map<String, String> settings) {

    Setup {
      settings = Map.copyOf(settings);
    }
  }

  /// So that much happens in little time: outages are felt soon, groups come together quickly, and
  /// readers go to the object store.
  private static final Map<String, String> QUICK =
      Map.ofEntries(
          Map.entry("streamhouse.flush.interval.ms", "1000"),
          Map.entry("streamhouse.cache.memory.bytes", "4194304"),
          Map.entry("streamhouse.cache.disk.bytes", "0"),
          Map.entry("streamhouse.metadata.connections", "8"),
          Map.entry("streamhouse.metadata.statement.timeout.ms", "3000"),
          Map.entry("group.initial.rebalance.delay.ms", "500"),
          Map.entry("group.consumer.min.heartbeat.interval.ms", "1000"),
          Map.entry("group.consumer.heartbeat.interval.ms", "1000"),
          Map.entry("group.consumer.min.session.timeout.ms", "10000"),
          Map.entry("group.consumer.session.timeout.ms", "10000"),
          Map.entry("auto.create.topics.enable", "false"));

  private static final Duration BUILD_LIMIT = Duration.ofMinutes(10);

  private final Kits kits;
  private final Setup setup;
  private final Stores stores;
  private final List<ClusterAgent> agents = new ArrayList<>();

  private Cluster(Kits kits, Setup setup, Stores stores) {
    this.kits = kits;
    this.setup = setup;
    this.stores = stores;
  }

  /// Starts the stores, and the agents one after the other. Skips the test where there is no
  /// PostgreSQL.
  ///
  /// @param directory where the agents' data directories will be
  static Cluster start(Kits kits, Path directory, Setup setup) throws Exception {
    // Where sources are newer than what is built, the first program to run builds them, which an
    // agent's start does not wait for.
    build(kits);
    var cluster = new Cluster(kits, setup, Stores.start());
    try {
      for (int node = 0; node < setup.agents(); node++) {
        cluster.add(directory, node);
      }
      cluster.agents.forEach(ClusterAgent::start);
      return cluster;
    } catch (Throwable failed) {
      cluster.close();
      throw failed;
    }
  }

  private static void build(Kits kits) {
    var command = List.of(kits.root().resolve("bin/streamctl").toString(), "--version");
    var log = kits.log("streamctl-of-a-cluster");
    int exit = Kits.run(new ChildProcess.Spec("streamctl", command, log), BUILD_LIMIT).exit();
    if (exit != 0) {
      throw new IllegalStateException("streamctl --version: exit code " + exit + ", see " + log);
    }
  }

  private void add(Path directory, int node) throws IOException {
    var settings = new LinkedHashMap<>(QUICK);
    settings.put("streamhouse.session.timeout.ms", Long.toString(setup.session().toMillis()));
    settings.put("streamhouse.session.renew.ms", Long.toString(setup.session().toMillis() / 5));
    settings.put("streamhouse.durability", setup.durability().setting());
    if (setup.durability() == Durability.SHARED) {
      settings.putAll(sharedVolume(directory.resolve("volume")));
    }
    settings.putAll(setup.settings());
    agents.add(new ClusterAgent(kits, node, directory.resolve("agent-" + node), stores, settings));
  }

  /// What tells an agent of a volume for write-ahead logs that the others see, too. The one place
  /// that knows.
  private static Map<String, String> sharedVolume(Path volume) {
    return Map.of("streamhouse.wal.shared.dir", volume.toString());
  }

  /// Whether agents can be drained: there is another one to go to.
  boolean drains() {
    return agents.size() > 1;
  }

  Setup setup() {
    return setup;
  }

  List<ClusterAgent> agents() {
    return List.copyOf(agents);
  }

  ClusterAgent agent(int nodeId) {
    return agents.get(nodeId);
  }

  /// The addresses of all agents, for `bootstrap.servers`.
  String bootstrap() {
    return agents.stream().map(ClusterAgent::address).collect(Collectors.joining(","));
  }

  /// Stops all agents in an orderly way.
  ///
  /// @return which did not, and why
  List<String> stop() {
    var problems = new ArrayList<String>();
    for (var agent : agents) {
      try {
        agent.stop();
      } catch (IllegalStateException failed) {
        problems.add(agent.name() + ": " + failed.getMessage());
      }
    }
    return problems;
  }

  /// Starts all agents again.
  void restart() {
    agents.forEach(ClusterAgent::start);
  }

  /// Checks what is stored while no agent runs, once for each agent's write-ahead log.
  ///
  /// @return what is wrong, nothing if all is well
  List<String> fsck(Duration limit) {
    // Nothing of `object` topics is in a write-ahead log.
    var which = setup.durability() == Durability.OBJECT ? agents.subList(0, 1) : agents;
    return which.stream()
        .map(agent -> agent.fsck(limit))
        .filter(found -> !found.isEmpty())
        .toList();
  }

  /// The ends of all agents' logs, for failure messages.
  String tail() {
    return agents.stream().map(ClusterAgent::tail).collect(Collectors.joining("\n"));
  }

  @Override
  public void close() {
    agents.forEach(ClusterAgent::close);
    stores.close();
  }
}

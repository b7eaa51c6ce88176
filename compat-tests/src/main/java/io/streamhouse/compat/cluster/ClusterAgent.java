package io.streamhouse.compat.cluster;

import io.streamhouse.compat.Kits;
import io.streamhouse.compat.StreamHouseProcess;
import io.streamhouse.metadata.testing.TcpProxy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/// One agent of a cluster, with networks of its own that fail when told to: to the database, to the
/// object store, and between it and all who are told its address, clients and other agents alike.
final class ClusterAgent implements Nemesis.Target, AutoCloseable {

  private static final int START_ATTEMPTS = 4;
  private static final Duration READY_LIMIT = Duration.ofSeconds(60);
  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(60);
  private static final int DRAIN_TRIES = 3;
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);

  private final int nodeId;
  private final URI readyPage;
  private final TcpProxy toDatabase;
  private final TcpProxy toObjects;
  private final TcpProxy toAgent;
  private final StreamHouseProcess process;
  private final HttpClient http = HttpClient.newHttpClient();
  private volatile boolean meantToRun;

  ClusterAgent(Kits kits, int nodeId, Path data, Stores stores, Map<String, String> settings)
      throws IOException {
    this.nodeId = nodeId;
    this.toDatabase = new TcpProxy(stores.databasePort());
    this.toObjects = new TcpProxy(stores.objectsPort());
    this.toAgent = new TcpProxy();
    int httpPort = freePort();
    this.readyPage = URI.create("http://127.0.0.1:" + httpPort + "/ready");
    var all = new LinkedHashMap<>(settings);
    all.putAll(stores.settings(toDatabase.port(), toObjects.port()));
    all.put("node.id", Integer.toString(nodeId));
    all.put("advertised.listeners", "PLAINTEXT://127.0.0.1:" + toAgent.port());
    all.put("streamhouse.http.listener", "127.0.0.1:" + httpPort);
    this.process = new StreamHouseProcess(kits, data, all).with(stores.environment());
  }

  private static int freePort() throws IOException {
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  int nodeId() {
    return nodeId;
  }

  @Override
  public String name() {
    return "agent " + nodeId;
  }

  /// The address clients are given.
  String address() {
    return "127.0.0.1:" + toAgent.port();
  }

  /// Starts it, and returns when it serves clients. One that ends because a store does not answer
  /// in time is started again, as whatever supervises it would do.
  void start() {
    boot();
    awaitReady();
  }

  /// Starts it, and waits no longer than until it listens.
  void boot() {
    for (int attempt = 1; !startOnce(attempt); attempt++) {
      System.out.println(name() + " did not start, attempt " + attempt + " of " + START_ATTEMPTS);
    }
    meantToRun = true;
    toAgent.target(process.port());
  }

  private boolean startOnce(int attempt) {
    try {
      process.start();
      return true;
    } catch (IllegalStateException ended) {
      if (attempt == START_ATTEMPTS || process.isAlive()) {
        throw ended;
      }
      return false;
    }
  }

  /// SIGTERM, and waits for the end; throws where that is not an orderly one.
  void stop() {
    meantToRun = false;
    int code = process.stop();
    if (code != 0) {
      throw new IllegalStateException("SIGTERM: exit code " + code + "\n" + process.tail());
    }
  }

  void kill() {
    meantToRun = false;
    process.kill();
  }

  /// Takes everything from it that it leads, and gives it nothing until that is undone. The one
  /// place that knows how an operator says so.
  void drain(boolean undo) {
    var node = Integer.toString(nodeId);
    var command =
        undo
            ? new String[] {"agent", "drain", node, "--undo"}
            : new String[] {"agent", "drain", node};
    var done = process.streamctl(DRAIN_LIMIT, command);
    // It gives up on a database that is silent for seconds, which happens where processors are few.
    for (int tries = 1; done.exit() != 0 && tries < DRAIN_TRIES; tries++) {
      done = process.streamctl(DRAIN_LIMIT, command);
    }
    if (done.exit() != 0) {
      throw new IllegalStateException("streamctl agent drain: " + done.exit() + "\n" + done.tail());
    }
  }

  /// What fsck finds while it does not run; empty if all is well.
  String fsck(Duration limit) {
    var checked = process.streamctl(limit, "fsck");
    return checked.exit() == 0 ? "" : name() + ": " + checked.tail();
  }

  /// Waits until it says that it serves clients.
  void awaitReady() {
    long deadline = System.nanoTime() + READY_LIMIT.toNanos();
    String answer;
    do {
      answer = ready();
      if (answer.equals("ready")) {
        return;
      }
      Workload.pass(LOOK_AGAIN);
    } while (System.nanoTime() < deadline);
    throw new IllegalStateException(
        name() + " is not ready within " + READY_LIMIT + ": " + answer + "\n" + process.tail());
  }

  private String ready() {
    var request = HttpRequest.newBuilder(readyPage).timeout(Duration.ofSeconds(5)).build();
    try {
      var answer = http.send(request, BodyHandlers.ofString());
      return answer.statusCode() == 200 ? "ready" : answer.body();
    } catch (IOException refused) {
      return refused.toString();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  @Override
  public boolean alive() {
    return !meantToRun || process.isAlive();
  }

  @Override
  public void strike(Nemesis.Kind kind) {
    switch (kind) {
      case KILL -> kill();
      case RESTART -> stop();
      case PAUSE_SHORT, PAUSE_PAST_SESSION -> process.pause();
      case DRAIN -> {
        // What was done to it before may have ended its session: then it begins another.
        awaitReady();
        drain(false);
      }
      case CUT_DATABASE -> toDatabase.cut();
      case REFUSE_DATABASE -> toDatabase.refuse(true);
      case SILENCE_DATABASE -> toDatabase.silence(true);
      case CUT_OBJECTS -> toObjects.cut();
      case REFUSE_OBJECTS -> toObjects.refuse(true);
      case SILENCE_OBJECTS -> toObjects.silence(true);
      case CUT_CLIENTS -> toAgent.cut();
      case REFUSE_CLIENTS -> toAgent.refuse(true);
      case SILENCE_CLIENTS -> toAgent.silence(true);
    }
  }

  @Override
  public void heal(Nemesis.Kind kind) {
    switch (kind) {
      case KILL, RESTART -> {
        if (!process.isAlive()) {
          start();
        }
      }
      case PAUSE_SHORT, PAUSE_PAST_SESSION -> process.resume();
      case DRAIN -> {
        awaitReady();
        drain(true);
      }
      case CUT_DATABASE, CUT_OBJECTS, CUT_CLIENTS -> {
        // New connections were made at once.
      }
      case REFUSE_DATABASE -> toDatabase.refuse(false);
      case SILENCE_DATABASE -> toDatabase.silence(false);
      case REFUSE_OBJECTS -> toObjects.refuse(false);
      case SILENCE_OBJECTS -> toObjects.silence(false);
      case REFUSE_CLIENTS -> toAgent.refuse(false);
      case SILENCE_CLIENTS -> toAgent.silence(false);
    }
    if (process.isAlive()) {
      awaitReady();
    }
  }

  @Override
  public void revive() {
    start();
  }

  String tail() {
    return process.tail();
  }

  @Override
  public void close() {
    process.close();
    http.close();
    toAgent.close();
    toObjects.close();
    toDatabase.close();
  }
}

package io.streamhouse.broker.cli;

import io.streamhouse.broker.StartFailure;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.util.List;
import java.util.Optional;

/// What the command line needs of an agent.
interface RunningAgent extends AutoCloseable {

  /// Where it listens, `host:port`, with the port in use.
  List<String> listenAddresses();

  /// Where it answers HTTP, `host:port`, with the port in use; empty if it does not.
  Optional<String> httpAddress();

  /// Waits until the agent has stopped, by [#close] or because it cannot go on.
  void awaitStopped() throws InterruptedException;

  /// Whether it stopped because others ended its session, so that another one may begin.
  boolean sessionOver();

  /// Drains, flushes what it can in bounded time, and releases everything.
  @Override
  void close();

  /// Starts an agent.
  interface Starter {
    RunningAgent start(AgentConfig config, TimeSource time) throws StartFailure;
  }
}

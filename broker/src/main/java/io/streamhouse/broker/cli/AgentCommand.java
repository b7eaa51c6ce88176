package io.streamhouse.broker.cli;

import io.streamhouse.broker.Deployment;
import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.metadata.CatalogImage;
import io.streamhouse.metadata.CatalogImage.LiveAgent;
import io.streamhouse.metadata.CatalogImage.Owner;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `streamctl agent`: the agents of a cluster, as its database knows them.
@Command(name = "agent", description = "Looks at the agents of a cluster, and drains them.")
final class AgentCommand {

  private final PrintWriter out;

  AgentCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(
      name = "list",
      description =
          "Names the agents whose sessions are live, how much each of them leads, and those that"
              + " are drained and not running.")
  int list(@Mixin DeploymentOptions options) throws Misuse, IOException {
    try (var metadata = Deployment.metadata(options.read())) {
      var image = metadata.topics().image();
      var table =
          new Table("agent", "address", "rack", "group", "partitions", "group shards", "state");
      for (var agent : image.agents()) {
        table.row(
            Integer.toString(agent.nodeId()),
            new TreeMap<>(agent.listeners())
                .entrySet().stream()
                    .map(listener -> listener.getKey() + "://" + listener.getValue())
                    .collect(Collectors.joining(" ")),
            agent.rack().orElse("-"),
            agent.group().isEmpty() ? "-" : agent.group(),
            count(image.owners().values(), agent),
            count(image.shards().values(), agent),
            state(agent));
      }
      table.print(out, "");
      notRunning(metadata.leases().drainedNodes(), image);
      waiting(image);
    }
    return ExitCode.OK;
  }

  /// Somebody must lead: where all are drained, it counts for none of them.
  private void nobodyLeft(List<LiveAgent> agents, int drained) {
    for (var group : agents.stream().filter(one -> one.nodeId() == drained).toList()) {
      if (agents.stream()
          .filter(one -> one.group().equals(group.group()))
          .allMatch(one -> one.drained())) {
        out.println(
            "every live agent%s is drained: they lead on as if none was"
                .formatted(group.group().isEmpty() ? "" : " of group " + group.group()));
      }
    }
  }

  private static String state(LiveAgent agent) {
    if (agent.drained()) {
      return "drained";
    }
    return agent.draining() ? "starting or stopping" : "live";
  }

  private static String count(Collection<Owner> owners, LiveAgent agent) {
    return Long.toString(
        owners.stream().filter(one -> one.incarnation().equals(agent.incarnation())).count());
  }

  private void notRunning(List<Integer> drained, CatalogImage image) {
    var running = image.agents().stream().map(LiveAgent::nodeId).collect(Collectors.toSet());
    for (int nodeId : drained) {
      if (!running.contains(nodeId)) {
        out.println("agent " + nodeId + " is drained, and not running");
      }
    }
  }

  private void waiting(CatalogImage image) {
    var byLog = new TreeMap<String, Integer>();
    image.orphanTails().values().forEach(log -> byLog.merge(log.toString(), 1, Integer::sum));
    byLog.forEach((log, count) ->
        out.println(count + " partition(s) are led by nobody; their tails are in the log " + log));
  }

  @Command(
      name = "drain",
      description = {
        "Has an agent give everything it leads to the others, and take nothing more.",
        "It goes on running and answering. That holds when it is started again, too, until --undo."
      })
  int drain(
      @Mixin DeploymentOptions options,
      @Parameters(paramLabel = "AGENT", description = "Its node.id.") int nodeId,
      @Option(names = "--undo", description = "Let it take its share again.") boolean undo)
      throws Misuse, IOException {
    try (var metadata = Deployment.metadata(options.read())) {
      if (!metadata.leases().drain(nodeId, !undo)) {
        throw new IOException("no agent ever had the node.id " + nodeId);
      }
      out.println(undo ? "agent " + nodeId + " takes leases again" : "draining agent " + nodeId);
      if (!undo) {
        nobodyLeft(metadata.topics().image().agents(), nodeId);
      }
    }
    return ExitCode.OK;
  }
}

package io.streamhouse.broker.cli;

import io.streamhouse.broker.Deployment;
import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.metadata.PartitionId;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `streamctl lease`: who leads what, as the database knows it.
@Command(name = "lease", description = "Looks at leases of partitions.")
final class LeaseCommand {

  private final PrintWriter out;

  LeaseCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(
      name = "list",
      description = "Names the agent that leads each partition, and since which leader epoch.")
  int list(
      @Mixin DeploymentOptions options,
      @Option(names = "--topic", paramLabel = "TOPIC", description = "Only of this topic.")
          @Nullable String topic)
      throws Misuse, IOException {
    try (var metadata = Deployment.metadata(options.read())) {
      var image = metadata.topics().image();
      var nodes = new HashMap<UUID, Integer>();
      image.agents().forEach(agent -> nodes.put(agent.incarnation(), agent.nodeId()));
      var table = new Table("topic", "partition", "agent", "leader epoch", "waits for log");
      boolean found = topic == null;
      for (var one : image.topics()) {
        if (topic != null && !topic.equals(one.name())) {
          continue;
        }
        found = true;
        for (int i = 0; i < one.partitions(); i++) {
          var id = new PartitionId(one.id(), i);
          var owner = image.owners().get(id);
          var tail = image.orphanTails().get(id);
          table.row(
              one.name(),
              Integer.toString(i),
              owner == null ? "-" : String.valueOf(nodes.get(owner.incarnation())),
              owner == null ? "-" : Integer.toString(owner.leaseEpoch()),
              tail == null ? "-" : tail.toString());
        }
      }
      if (!found) {
        throw new IOException("there is no topic " + topic);
      }
      table.print(out, "");
    }
    return ExitCode.OK;
  }
}

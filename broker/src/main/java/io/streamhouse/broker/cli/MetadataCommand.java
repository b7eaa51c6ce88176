package io.streamhouse.broker.cli;

import io.streamhouse.broker.Deployment;
import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.broker.sweep.SweepGuard;
import java.io.IOException;
import java.io.PrintWriter;
import java.security.SecureRandom;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;

/// `streamctl metadata`: mends the database as a whole.
@Command(name = "metadata", description = "Looks after the metadata database.")
final class MetadataCommand {

  private final PrintWriter out;

  MetadataCommand(PrintWriter out) {
    this.out = out;
  }

  @Command(
      name = "adopt",
      description = {
        "Goes on with this database although it is older than its object store, as after a"
            + " restore.",
        "Objects are deleted again from then on, and every lease epoch is raised above any given"
            + " before. Stop every agent first. What was written since the backup is not in this"
            + " database and may be deleted with its objects."
      })
  int adopt(@Mixin DeploymentOptions options) throws Misuse, IOException {
    var config = options.read();
    try (var deployment = Deployment.openRestored(config)) {
      if (Deployment.runs(config, deployment)) {
        throw new IOException("an agent is running in " + config.storage().dataDir() + ": stop it");
      }
      var guard =
          new SweepGuard(deployment.metadata().sweeps(), deployment.objects(), new SecureRandom());
      out.println(
          "adopted: deletion goes on from pass %d, every lease epoch is raised"
              .formatted(guard.adopt()));
    }
    return ExitCode.OK;
  }
}

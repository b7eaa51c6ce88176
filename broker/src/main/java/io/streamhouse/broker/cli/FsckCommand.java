package io.streamhouse.broker.cli;

import io.streamhouse.broker.Deployment;
import io.streamhouse.broker.cli.StartOptions.Misuse;
import io.streamhouse.broker.fsck.FsckOptions;
import io.streamhouse.metadata.MetadataUnavailable;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `streamctl fsck`: proves that what is stored fits together, or names what does not.
@Command(
    name = "fsck",
    description = {
      "Checks metadata, objects and write-ahead log against each other; one line for each finding.",
      "Exit code 0: clean, or all of it repaired; 1: findings; 2: it could not be checked."
    })
final class FsckCommand implements Callable<Integer> {

  private static final int CLEAN = 0;
  private static final int FINDINGS = 1;
  private static final int UNABLE = 2;

  private final PrintWriter out;

  @Mixin private DeploymentOptions deployment = new DeploymentOptions();

  @Option(names = "--shallow", description = "Read only the ends of segments, not their blocks.")
  private boolean shallow;

  @Option(
      names = "--repair",
      description =
          "Correct reference counts, and leave objects that nobody knows to the sweeper. Nothing"
              + " that anything refers to is touched. Every agent must be stopped.")
  private boolean repair;

  @Spec private CommandSpec spec = CommandSpec.create();

  FsckCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    try {
      return check();
    } catch (IOException | MetadataUnavailable | Misuse | IllegalStateException unable) {
      spec.commandLine().getErr().println("streamctl: cannot check: " + unable.getMessage());
      return UNABLE;
    }
  }

  private int check() throws IOException, Misuse {
    var config = deployment.read();
    try (var opened = Deployment.open(config)) {
      if (repair && opened.mayRun()) {
        throw new IOException("--repair needs every agent to be stopped");
      }
      if (opened.isOfAnotherCluster()) {
        out.println(
            config.storage().dataDir() + " is of another cluster: its log is not looked at");
      }
      var options = new FsckOptions(shallow, opened.mayRun(), repair);
      var summary = opened.fsck(options, finding -> out.println(finding)).run(opened.wal());
      out.println(
          "%d partition(s), %d segment(s) of %d bytes, %d object(s)%s checked%s: %s"
              .formatted(
                  summary.partitions(),
                  summary.segments(),
                  summary.bytes(),
                  summary.objects(),
                  opened.wal().isPresent()
                      ? ", %d entries of the write-ahead log".formatted(summary.walEntries())
                      : "",
                  shallow ? " (shallow)" : "",
                  summary.findings() == 0
                      ? "clean"
                      : "%d finding(s), %d repaired"
                          .formatted(summary.findings(), summary.repaired())));
      out.flush();
      return summary.clean() ? CLEAN : FINDINGS;
    }
  }
}

package io.streamhouse.broker.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `streamctl consume`: records to lines of standard output, until it is stopped or has enough.
@Command(
    name = "consume",
    description = "Prints records as lines, until it is interrupted or has enough.")
final class ConsumeCommand implements Callable<Integer> {

  private static final Duration POLL = Duration.ofMillis(500);
  private static final long CLOSE_SECONDS = 5;

  private final PrintStream stdout;

  @Spec private @Nullable CommandSpec spec;

  @Mixin private ClientOptions client = new ClientOptions();

  @Parameters(paramLabel = "TOPIC", description = "Where from.")
  private String topic = "";

  @Option(
      names = "--group",
      paramLabel = "GROUP",
      description =
          "As a member of this group, going on where it was; what is printed is committed.")
  private @Nullable String group;

  @Option(
      names = "--from-beginning",
      description =
          "Everything there is (default: only what comes; with a group, only at its first time).")
  private boolean fromBeginning;

  @Option(names = "--partition", paramLabel = "N", description = "Only this one.")
  private @Nullable Integer partition;

  @Option(
      names = "--offset",
      paramLabel = "N",
      description = "From this offset on; needs --partition.")
  private @Nullable Long offset;

  @Option(
      names = "--max-messages",
      paramLabel = "N",
      description = "So many, then no more (default: no end).")
  private long maxMessages = Long.MAX_VALUE;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      description =
          "Stops when nothing came for so long, once a group has assigned partitions"
              + " (default: never).")
  private @Nullable Integer timeoutSeconds;

  @Option(
      names = "--key-separator",
      paramLabel = "TEXT",
      description = "Prints KEY TEXT VALUE (default: the value only).")
  private @Nullable String keySeparator;

  @Option(names = "--headers", description = "Prints NAME:VALUE,NAME:VALUE and a tab first.")
  private boolean headers;

  @Option(
      names = "--null",
      paramLabel = "TEXT",
      defaultValue = "null",
      description = "Printed for a null key, value or header (default: ${DEFAULT-VALUE}).")
  private String nullMarker = "null";

  /// Whether there is anything to read from yet: a group's first assignment takes its time.
  private boolean assigned;

  ConsumeCommand(PrintStream stdout) {
    this.stdout = stdout;
  }

  @Override
  public Integer call() throws IOException {
    check();
    var config =
        new HashMap<String, Object>(
            Map.of(
                "enable.auto.commit",
                "false",
                "default.api.timeout.ms",
                Streamctl.PATIENCE_MILLIS,
                "request.timeout.ms",
                Streamctl.PATIENCE_MILLIS,
                "auto.offset.reset",
                fromBeginning ? "earliest" : "latest"));
    if (group != null) {
      config.put("group.id", group);
    }
    var closed = new CountDownLatch(1);
    var consumer =
        new KafkaConsumer<>(
            client.config(config), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    var interrupt = new Thread(() -> stop(consumer, closed), "streamctl-stop");
    Runtime.getRuntime().addShutdownHook(interrupt);
    try (consumer) {
      return consume(consumer);
    } catch (WakeupException e) {
      return ExitCode.OK;
    } finally {
      closed.countDown();
      try {
        Runtime.getRuntime().removeShutdownHook(interrupt);
      } catch (IllegalStateException e) {
        // It is running: this is the end it waits for.
      }
    }
  }

  private void check() {
    String problem = null;
    if (offset != null && partition == null) {
      problem = "--offset needs --partition";
    } else if (group != null && partition != null) {
      problem = "--partition and --group exclude each other: a group assigns partitions";
    } else if (offset != null && fromBeginning) {
      problem = "--offset and --from-beginning exclude each other";
    }
    if (problem != null && spec != null) {
      throw new ParameterException(spec.commandLine(), problem);
    }
  }

  /// Runs when the process is told to stop: lets the consumer leave its group and commit.
  private static void stop(Consumer<byte[], byte[]> consumer, CountDownLatch closed) {
    consumer.wakeup();
    try {
      var _ = closed.await(CLOSE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private int consume(Consumer<byte[], byte[]> consumer) throws IOException {
    begin(consumer);
    var lines = new Lines(keySeparator, headers, nullMarker);
    var out = new BufferedOutputStream(stdout, 1 << 16);
    long printed = 0;
    long quietNanos = 0;
    boolean joining = !assigned;
    while (printed < maxMessages) {
      long before = System.nanoTime();
      var records = consumer.poll(POLL);
      if (records.isEmpty()) {
        // A group takes seconds to assign partitions; until then nothing could have come.
        quietNanos = joining && assigned ? 0 : quietNanos + System.nanoTime() - before;
        joining = !assigned;
        if (timeoutSeconds != null && quietNanos >= quietLimitNanos(timeoutSeconds)) {
          return maxMessages == Long.MAX_VALUE ? ExitCode.OK : ExitCode.SOFTWARE;
        }
        continue;
      }
      quietNanos = 0;
      var progress = new HashMap<TopicPartition, OffsetAndMetadata>();
      for (var record : records) {
        if (printed == maxMessages) {
          break;
        }
        lines.write(record, out);
        printed++;
        progress.put(
            new TopicPartition(record.topic(), record.partition()),
            new OffsetAndMetadata(record.offset() + 1, record.leaderEpoch(), ""));
      }
      flush(out);
      if (group != null) {
        consumer.commitSync(progress);
      }
    }
    return ExitCode.OK;
  }

  private long quietLimitNanos(int seconds) {
    long quiet = TimeUnit.SECONDS.toNanos(seconds);
    return assigned
        ? quiet
        : Math.max(quiet, TimeUnit.MILLISECONDS.toNanos(Streamctl.PATIENCE_MILLIS));
  }

  /// A reader that went away, as `head` does, ends the command; nothing unread is committed.
  private void flush(OutputStream out) throws IOException {
    out.flush();
    if (stdout.checkError()) {
      throw new IOException("standard output is closed");
    }
  }

  private void begin(Consumer<byte[], byte[]> consumer) {
    if (group != null) {
      consumer.subscribe(List.of(topic), new Assigned());
      return;
    }
    assigned = true;
    var partitions =
        consumer.partitionsFor(topic).stream()
            .map(info -> new TopicPartition(topic, info.partition()))
            .filter(one -> partition == null || one.partition() == partition)
            .toList();
    if (partitions.isEmpty()) {
      throw new IllegalArgumentException(
          partition == null
              ? "no topic " + topic
              : "topic %s has no partition %d".formatted(topic, partition));
    }
    consumer.assign(partitions);
    if (offset != null) {
      consumer.seek(partitions.getFirst(), offset);
    } else if (fromBeginning) {
      consumer.seekToBeginning(partitions);
    } else {
      consumer.seekToEnd(partitions);
      // Looked up now, so that "what comes" begins with this command.
      partitions.forEach(consumer::position);
    }
  }

  private final class Assigned implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      assigned = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      // What was printed is committed already.
    }
  }
}

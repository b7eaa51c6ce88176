package io.streamhouse.broker.cli;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `streamctl produce`: each line of standard input becomes a record.
@Command(
    name = "produce",
    description = "Sends each line of standard input as a record, acknowledged by acks=all.")
final class ProduceCommand implements Callable<Integer> {

  private final InputStream in;
  private final PrintStream err;

  @Mixin private ClientOptions client = new ClientOptions();

  @Parameters(paramLabel = "TOPIC", description = "Where to.")
  private String topic = "";

  @Option(
      names = "--key-separator",
      paramLabel = "TEXT",
      description = "Lines are KEY TEXT VALUE (default: the whole line is the value).")
  private @Nullable String keySeparator;

  @Option(names = "--headers", description = "Lines begin with NAME:VALUE,NAME:VALUE and a tab.")
  private boolean headers;

  @Option(
      names = "--null",
      paramLabel = "TEXT",
      description = "A key, value or header that is TEXT is sent as null.")
  private @Nullable String nullMarker;

  @Option(
      names = "--partition",
      paramLabel = "N",
      description = "All into this partition (default: by key, else as the client likes).")
  private @Nullable Integer partition;

  ProduceCommand(InputStream in, PrintStream err) {
    this.in = in;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException {
    var lines = new Lines(keySeparator, headers, nullMarker);
    var failure = new AtomicReference<@Nullable Exception>();
    var config =
        client.config(
            Map.of(
                "acks",
                "all",
                "linger.ms",
                5,
                "max.block.ms",
                Streamctl.PATIENCE_MILLIS,
                "request.timeout.ms",
                Streamctl.PATIENCE_MILLIS,
                "delivery.timeout.ms",
                2 * Streamctl.PATIENCE_MILLIS));
    try (var producer =
        new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
      var input = new BufferedInputStream(in, 1 << 16);
      long number = 0;
      byte[] line;
      while (failure.get() == null && (line = Lines.read(input)) != null) {
        number++;
        ProducerRecord<byte[], byte[]> record;
        try {
          record = lines.parse(topic, partition, line);
        } catch (IllegalArgumentException e) {
          err.println("streamctl: line " + number + ": " + e.getMessage());
          producer.flush();
          return ExitCode.USAGE;
        }
        // The callback has the outcome.
        var _ =
            producer.send(
                record,
                (_, exception) -> {
                  if (exception != null) {
                    failure.compareAndSet(null, exception);
                  }
                });
      }
      producer.flush();
    }
    var first = failure.get();
    if (first != null) {
      err.println("streamctl: not everything was acknowledged: " + Streamctl.reason(first));
      return ExitCode.SOFTWARE;
    }
    return ExitCode.OK;
  }
}

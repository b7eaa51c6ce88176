package io.streamhouse.compat;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What `kafka-console-consumer --group` has read, it does not read again, whatever became of the
/// server meanwhile.
class GroupOffsetsTest {

  private static final String TOPIC = "group-offsets";
  private static final int PARTITIONS = 3;
  private static final int RECORDS = 100;
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private final Kits kits = Kits.find();

  @TempDir Path directory;

  @Test
  void consoleConsumerGoesOnWhereItsGroupWasAfterRestartAndAfterKill() throws IOException {
    try (var server = Servers.chosen().create(kits, directory.resolve("data"), Map.of())) {
      server.start();
      Topics.create(server, TOPIC, PARTITIONS, Map.of());
      var sent = produce(server);

      // A group that was forgotten would begin anew, and so read something twice.
      var read = new ArrayList<>(consume(server, "first", 30));
      assertThat(server.stop()).as(server::tail).isZero();
      server.start();
      read.addAll(consume(server, "after-restart", 30));
      server.kill();
      server.start();
      read.addAll(consume(server, "after-kill", RECORDS - 60));

      assertThat(read).containsExactlyInAnyOrderElementsOf(sent);
    }
  }

  private static List<String> produce(ServerUnderTest server) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    var sent = new ArrayList<String>();
    try (var producer =
        new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < RECORDS; i++) {
        String value = "record " + i;
        var _ = producer.send(new ProducerRecord<>(TOPIC, i % PARTITIONS, null, value));
        sent.add(value);
      }
    }
    return sent;
  }

  private List<String> consume(ServerUnderTest server, String name, int count) throws IOException {
    var consumer =
        kits.tool(
            "group-offsets-" + name,
            new ChildProcess.Input.None(),
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--bootstrap-server",
            server.bootstrap(),
            "--topic",
            TOPIC,
            "--group",
            "readers",
            "--from-beginning",
            "--max-messages",
            Integer.toString(count),
            "--timeout-ms",
            "60000");
    Path output = Kits.run(consumer, LIMIT).ok().outputFile();
    return Files.readAllLines(output, StandardCharsets.UTF_8);
  }
}

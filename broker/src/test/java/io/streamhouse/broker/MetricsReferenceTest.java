package io.streamhouse.broker;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Every metric of an agent that was used is in `docs/OPERATIONS.md`, and every one there exists.
@Timeout(120)
class MetricsReferenceTest {

  private static final Path FILE = Path.of("..", "docs", "OPERATIONS.md");
  private static final String BEGIN =
      "<!-- metrics: -Dtest=MetricsReferenceTest"
          + " -Dmetrics.reference=write writes this table anew -->\n";
  private static final String END = "<!-- end of metrics -->";
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"");

  @TempDir private Path directory;

  /// What Prometheus is told of one metric.
  private static final class Metric {
    private String help = "";
    private String type = "";
    private final TreeSet<String> labels = new TreeSet<>();
  }

  @Test
  void everyMetricIsDocumentedAndEveryDocumentedOneExists() throws Exception {
    String table = table(metrics(scrape()));
    var text = Files.readString(FILE);
    int begin = text.indexOf(BEGIN);
    int end = text.indexOf(END);
    assertThat(begin).as("the mark of the table in docs/OPERATIONS.md").isNotNegative();
    assertThat(end).isGreaterThan(begin);
    if ("write".equals(System.getProperty("metrics.reference"))) {
      Files.writeString(FILE, text.substring(0, begin) + BEGIN + table + text.substring(end));
      return;
    }
    assertThat(text.substring(begin + BEGIN.length(), end))
        .as("the table in docs/OPERATIONS.md; the line above it says how to write it anew")
        .isEqualTo(table);
  }

  private String scrape() throws Exception {
    var properties =
        Map.of(
            "streamhouse.data.dir",
            directory.toString(),
            "listeners",
            "PLAINTEXT://127.0.0.1:0",
            "streamhouse.http.listener",
            "127.0.0.1:0");
    var reading = AgentConfig.read(properties);
    assertThat(reading).isInstanceOf(AgentConfig.Reading.Valid.class);
    var config = ((AgentConfig.Reading.Valid) reading).config();
    try (var agent = Agent.start(config, TimeSource.system());
        var client = HttpClient.newHttpClient()) {
      use(agent.listenAddresses().getFirst());
      var uri = URI.create("http://" + agent.httpAddress().orElseThrow() + "/metrics");
      var request = HttpRequest.newBuilder(uri).build();
      return client.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }
  }

  /// Requests of several kinds, and one that fails: what has tags appears when it is used.
  private static void use(String address) throws Exception {
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of("bootstrap.servers", address),
            new StringSerializer(),
            new StringSerializer())) {
      producer.send(new ProducerRecord<>("t", "value")).get();
    }
    try (var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of("bootstrap.servers", address, "auto.offset.reset", "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      var partition = new TopicPartition("t", 0);
      consumer.assign(List.of(partition));
      consumer.seek(partition, 1000);
      int records = 0;
      for (int polls = 0; records == 0 && polls < 100; polls++) {
        records += consumer.poll(Duration.ofMillis(200)).count();
      }
      assertThat(records).isOne();
    }
  }

  private static NavigableMap<String, Metric> metrics(String scrape) {
    var metrics = new TreeMap<String, Metric>();
    for (String line : scrape.lines().toList()) {
      String[] words = line.split(" ", 4);
      if (line.startsWith("# HELP ")) {
        metrics.computeIfAbsent(words[2], _ -> new Metric()).help =
            words.length > 3 ? words[3] : "";
      } else if (line.startsWith("# TYPE ")) {
        metrics.computeIfAbsent(words[2], _ -> new Metric()).type = words[3];
      } else {
        var metric = metrics.floorEntry(line.split("[{ ]", 2)[0]);
        var labels = LABEL.matcher(line);
        while (metric != null && labels.find()) {
          if (!labels.group(1).equals("le")) {
            metric.getValue().labels.add("`" + labels.group(1) + "`");
          }
        }
      }
    }
    // Which of these there are depends on the JVM.
    metrics.keySet().removeIf(name -> name.matches("(jvm|process|system)_.*"));
    assertThat(metrics.keySet()).allMatch(name -> name.startsWith("streamhouse_"));
    // The largest of the last minutes, which Micrometer adds to each histogram.
    metrics
        .keySet()
        .removeIf(name ->
            name.endsWith("_max")
                && metrics.containsKey(name.substring(0, name.length() - "_max".length())));
    return metrics;
  }

  private static String table(NavigableMap<String, Metric> metrics) {
    var table = new StringBuilder("| name | type | tags | meaning |\n|---|---|---|---|\n");
    metrics.forEach((name, metric) ->
        table.append(
            "| `%s` | %s | %s | %s |\n"
                .formatted(name, metric.type, String.join(", ", metric.labels), metric.help)));
    return table.toString().replace("|  |", "| |");
  }
}

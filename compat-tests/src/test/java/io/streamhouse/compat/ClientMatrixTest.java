package io.streamhouse.compat;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.compat.driver.Samples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Three client generations, five codecs: what any of them writes, every one of them reads back
/// with bytes, headers and timestamps untouched.
///
/// Six client processes in all: each writes a topic per codec, then each reads all fifteen.
class ClientMatrixTest {

  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final Duration LIMIT = Duration.ofMinutes(2);

  @TempDir Path directory;

  @Test
  void everyClientReadsWhatEveryClientWroteWithEveryCodec() throws IOException {
    var kits = Kits.find();
    long time = System.currentTimeMillis() - Duration.ofHours(1).toMillis();
    try (var server = Servers.chosen().create(kits, directory.resolve("data"), Map.of())) {
      server.start();
      var topics = new ArrayList<String>();
      for (var client : Kits.Client.values()) {
        for (String codec : CODECS) {
          String topic = client + "." + codec;
          Topics.create(server, topic, 1, Map.of());
          topics.add(topic);
        }
      }

      for (var client : Kits.Client.values()) {
        kits.drive(
                client,
                "matrix-produce-" + client,
                LIMIT,
                "produce-samples",
                "--bootstrap",
                server.bootstrap(),
                "--prefix",
                client.name(),
                "--codecs",
                String.join(",", CODECS),
                "--time",
                Long.toString(time))
            .ok();
      }

      for (var client : Kits.Client.values()) {
        String name = "matrix-dump-" + client;
        Files.deleteIfExists(kits.log(name));
        kits.drive(
                client,
                name,
                LIMIT,
                "dump",
                "--bootstrap",
                server.bootstrap(),
                "--topics",
                String.join(",", topics))
            .ok();
        var byTopic = dumped(kits.log(name));
        assertThat(byTopic.keySet()).containsExactlyElementsOf(topics);
        byTopic.forEach((topic, lines) ->
            assertThat(lines)
                .as("%s read by %s from %s", topic, client, server.name())
                .containsExactlyElementsOf(Samples.expected(time)));
      }
    }
  }

  private static Map<String, List<String>> dumped(Path log) throws IOException {
    var byTopic = new LinkedHashMap<String, List<String>>();
    List<String> current = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      if (line.startsWith("topic ")) {
        current = new ArrayList<>();
        byTopic.put(line.substring("topic ".length()), current);
      } else if (line.contains("CreateTime") || line.contains("LogAppendTime")) {
        current.add(line);
      }
    }
    return byTopic;
  }
}

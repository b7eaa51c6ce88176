package io.streamhouse.broker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.Agent;
import io.streamhouse.broker.config.AgentConfig;
import io.streamhouse.broker.runtime.TimeSource;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// `streamctl group` and `streamctl config` against a real agent.
@Timeout(120)
class GroupCommandTest {

  private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

  @TempDir private Path directory = Path.of("unset");
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final List<Agent> agents = new ArrayList<>();

  @BeforeEach
  void start() throws Exception {
    var properties = new HashMap<String, String>();
    properties.put("streamhouse.data.dir", directory.resolve("data").toString());
    properties.put("listeners", "PLAINTEXT://127.0.0.1:0");
    properties.put("streamhouse.http.listener", "");
    properties.put("group.initial.rebalance.delay.ms", "0");
    agents.add(
        switch (AgentConfig.read(properties)) {
          case AgentConfig.Reading.Valid(var config) -> Agent.start(config, TimeSource.system());
          case AgentConfig.Reading.Invalid(var errors) -> throw new AssertionError(errors);
        });
    assertThat(run("topic create t --partitions 2")).isZero();
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of("bootstrap.servers", bootstrap()),
            new StringSerializer(),
            new StringSerializer())) {
      for (int i = 0; i < 5; i++) {
        long timestamp = FIRST_TIMESTAMP + i * 1000L;
        var _ = producer.send(new ProducerRecord<>("t", 0, timestamp, null, "v" + i)).get();
      }
      var _ = producer.send(new ProducerRecord<>("t", 1, FIRST_TIMESTAMP, null, "w")).get();
    }
  }

  @AfterEach
  void stop() throws Exception {
    for (var agent : agents) {
      agent.close();
    }
  }

  private String bootstrap() {
    return "" + agents.getFirst().listenAddresses().getFirst();
  }

  private int run(String command) {
    out.reset();
    err.reset();
    var arguments = new ArrayList<>(Arrays.asList(command.split(" ")));
    arguments.addAll(List.of("--bootstrap", bootstrap()));
    return Streamctl.run(
        InputStream.nullInputStream(),
        new PrintStream(out, true, UTF_8),
        new PrintStream(err, true, UTF_8),
        arguments.toArray(String[]::new));
  }

  /// What was printed, one space where there were several.
  private List<String> lines() {
    assertThat(err.toString(UTF_8)).isEmpty();
    return out.toString(UTF_8).lines().map(line -> line.strip().replaceAll(" +", " ")).toList();
  }

  /// A member that has read everything and committed it.
  private KafkaConsumer<String, String> member(String group, String protocol) {
    var consumer =
        new KafkaConsumer<>(
            Map.<String, Object>of(
                "bootstrap.servers",
                bootstrap(),
                "group.id",
                group,
                "group.protocol",
                protocol,
                "client.id",
                "reader",
                "auto.offset.reset",
                "earliest",
                "enable.auto.commit",
                "false"),
            new StringDeserializer(),
            new StringDeserializer());
    consumer.subscribe(List.of("t"));
    int seen = 0;
    for (int i = 0; i < 600 && seen < 6; i++) {
      seen += consumer.poll(Duration.ofMillis(100)).count();
    }
    assertThat(seen).isEqualTo(6);
    consumer.commitSync();
    return consumer;
  }

  @Test
  void groupsOfBothProtocolsAreListedAndDescribed() {
    assertThat(run("group list")).isZero();
    assertThat(lines()).containsExactly("group type state members");
    try (var classic = member("old", "classic");
        var consumer = member("new", "consumer")) {
      assertThat(run("group list")).isZero();
      assertThat(lines())
          .containsExactly(
              "group type state members", "new consumer Stable 1", "old classic Stable 1");
      assertThat(run("group list --type consumer --state stable")).isZero();
      assertThat(lines()).containsExactly("group type state members", "new consumer Stable 1");

      for (var group : List.of("old", "new")) {
        assertThat(run("group describe " + group)).isZero();
        assertThat(lines()).hasSize(4);
        assertThat(lines().get(0)).isEqualTo("group " + group);
        assertThat(lines().get(1))
            .isEqualTo("topic partition committed end lag member host client");
        assertThat(lines().get(2)).startsWith("t 0 5 5 0 ").endsWith("/127.0.0.1 reader");
        assertThat(lines().get(3)).startsWith("t 1 1 1 0 ").endsWith("/127.0.0.1 reader");
        assertThat(run("group describe --members " + group)).isZero();
        assertThat(lines().get(2)).endsWith(" reader /127.0.0.1 - t:0,1");
        assertThat(run("group describe --state " + group)).isZero();
        assertThat(lines())
            .contains("type " + (group.equals("old") ? "classic" : "consumer"), "state Stable");

        // Nobody's offsets are moved under them.
        assertThat(run("group reset --all-topics --to-earliest --execute " + group)).isOne();
        assertThat(err.toString(UTF_8)).contains(group + " is Stable with 1 member(s)");
        assertThat(run("group delete " + group)).isOne();
        assertThat(err.toString(UTF_8)).startsWith("streamctl: ");
      }
      assertThat(consumer.assignment()).hasSize(2);
      assertThat(classic.assignment()).hasSize(2);
    }
    assertThat(run("group describe none")).isOne();
    assertThat(err.toString(UTF_8)).contains("none");
  }

  @Test
  void offsetsAreResetOnlyWhenToldToAndWithinWhatThereIs() {
    member("g", "classic").close();
    assertThat(run("group reset g --topic t --to-earliest")).isZero();
    assertThat(lines())
        .containsExactly(
            "topic partition before after",
            "t 0 5 0",
            "t 1 1 0",
            "nothing was changed: add --execute to do this");
    assertThat(run("group describe g")).isZero();
    assertThat(lines()).contains("t 0 5 5 0 - - -", "t 1 1 1 0 - - -");

    resets("--topic t:0 --to-offset 2", "t 0 5 2");
    resets("--topic t:0 --shift-by -9", "t 0 2 0");
    resets("--all-topics --shift-by 3", "t 0 0 3", "t 1 1 1");
    resets("--topic t:0,1 --to-earliest", "t 0 3 0", "t 1 1 0");
    resets("--topic t --to-latest", "t 0 0 5", "t 1 0 1");
    resets("--topic t:0 --to-offset 77", "t 0 5 5");
    // 22:13:20 UTC is that of the first record.
    resets("--topic t:0 --to-datetime 2023-11-14T22:13:22", "t 0 5 2");
    resets("--topic t:0 --to-datetime 2023-11-14T23:13:21+01:00", "t 0 2 1");
    resets("--topic t:0 --by-duration PT1H", "t 0 1 5");
    assertThat(run("group describe g")).isZero();
    assertThat(lines()).contains("t 0 5 5 0 - - -", "t 1 1 1 0 - - -");

    for (var wrong :
        List.of(
            "--topic t",
            "--to-earliest",
            "--topic t --to-earliest --to-latest",
            "--topic t --all-topics --to-earliest",
            "--topic t:x --to-earliest",
            "--topic t --to-datetime yesterday",
            "--topic t --by-duration long")) {
      assertThat(run("group reset g " + wrong)).as(wrong).isEqualTo(2);
    }
    assertThat(run("group reset g --topic t:7 --to-earliest")).isOne();
    assertThat(run("group reset g --topic none --to-earliest")).isOne();
    assertThat(run("group reset new --topic t --shift-by 1")).isOne();

    assertThat(run("group delete g")).isZero();
    assertThat(lines()).containsExactly("deleted group g");
    assertThat(run("group delete g")).isOne();
    assertThat(run("group delete g --if-exists")).isZero();
  }

  private void resets(String how, String... rows) {
    assertThat(run("group reset g --execute " + how)).as("%s: %s", how, err).isZero();
    assertThat(lines().subList(1, lines().size())).as(how).containsExactly(rows);
  }

  @Test
  void settingsOfAGroupAreItsOwnAndItsDefaultsThoseOfTheAgent() {
    assertThat(run("config get --group g")).isZero();
    assertThat(lines()).hasSize(1);
    assertThat(run("config set --group g consumer.session.timeout.ms=50000")).isZero();
    assertThat(lines()).containsExactly("set consumer.session.timeout.ms=50000");
    assertThat(run("config get --group g")).isZero();
    assertThat(lines())
        .containsExactly("setting value source", "consumer.session.timeout.ms 50000 group");
    assertThat(run("config get --group other consumer.session.timeout.ms")).isZero();
    assertThat(lines()).contains("consumer.session.timeout.ms 45000 default");
    assertThat(run("config delete --group g consumer.session.timeout.ms")).isZero();
    assertThat(run("config get --group g")).isZero();
    assertThat(lines()).hasSize(1);

    assertThat(run("config set --group g consumer.session.timeout.ms=1")).isOne();
    assertThat(run("config set --group g no.such.setting=1")).isOne();
    assertThat(run("config get --group g --topic t")).isEqualTo(2);
  }

  @Test
  void whatIsSetForAllAgentsCountsForTopicsThatSayNothingElse() {
    assertThat(run("config set --all-agents log.retention.ms=5000")).isZero();
    assertThat(lines()).containsExactly("set log.retention.ms=5000");
    assertThat(run("config get --all-agents")).isZero();
    assertThat(lines()).containsExactly("setting value source", "log.retention.ms 5000 all agents");
    assertThat(run("config get --agent 0 log.retention.ms")).isZero();
    assertThat(lines()).contains("log.retention.ms 5000 all agents");
    assertThat(run("config get --topic t retention.ms")).isZero();
    assertThat(lines()).contains("retention.ms 5000 all agents");
    assertThat(run("config set --agent 0 log.retention.ms=6000")).isZero();
    assertThat(run("config get --topic t retention.ms")).isZero();
    assertThat(lines()).contains("retention.ms 6000 agent");

    assertThat(run("config delete --agent 0 log.retention.ms")).isZero();
    assertThat(run("config delete --all-agents log.retention.ms")).isZero();
    assertThat(run("config get --topic t retention.ms")).isZero();
    assertThat(lines()).contains("retention.ms 604800000 default");
    assertThat(run("config set --all-agents node.id=7")).isOne();
    assertThat(run("config get --all-agents --agent 0")).isEqualTo(2);
  }

  @Test
  void settingsAreShownWithWhereTheyComeFromAndChanged() {
    assertThat(run("config get --topic t retention.ms")).isZero();
    assertThat(lines()).containsExactly("setting value source", "retention.ms 604800000 default");
    assertThat(run("config set --topic t retention.ms=1000 max.message.bytes=2000")).isZero();
    assertThat(lines()).containsExactly("set retention.ms=1000", "set max.message.bytes=2000");
    assertThat(run("config get --topic t")).isZero();
    assertThat(lines()).contains("retention.ms 1000 topic", "max.message.bytes 2000 topic");
    assertThat(run("config get --topic t --all")).isZero();
    assertThat(lines()).contains("retention.ms 1000 topic", "cleanup.policy delete default");
    assertThat(run("config delete --topic t retention.ms")).isZero();
    assertThat(run("config get --topic t retention.ms")).isZero();
    assertThat(lines()).contains("retention.ms 604800000 default");

    assertThat(run("config get --agent 0")).isZero();
    assertThat(lines()).contains("group.initial.rebalance.delay.ms 0 start of the agent");

    assertThat(run("config set --topic t retention.ms=soon")).isOne();
    assertThat(run("config set --topic none retention.ms=1")).isOne();
    assertThat(run("config get --topic t no.such.setting")).isOne();
    for (var wrong :
        List.of("get", "get --topic t --agent 0", "set --topic t", "set --topic t =1", "delete")) {
      assertThat(run("config " + wrong)).as(wrong).isEqualTo(2);
    }
  }
}

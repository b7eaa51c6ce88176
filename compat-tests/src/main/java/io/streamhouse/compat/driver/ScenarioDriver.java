package io.streamhouse.compat.driver;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;
import org.jspecify.annotations.Nullable;

/// The driver of kafka-clients, whatever release is on the class path: reads commands from standard
/// input and answers each. `compat-tests/clients/README.md` has the language.
public final class ScenarioDriver {

  private static final String CAN =
      "acks0,gzip,snappy,lz4,zstd,headers,idempotent,group,static,cooperative,assign,seek,pause,"
          + "commit,metadata,offsets,offset-for-time,reset-none,admin,timestamp,"
          + "repeated-headers,partitioner";

  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int LONG_VALUE = 256;

  private final PrintStream out;
  private final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();
  private final Map<String, Reader> readers = new HashMap<>();
  private String bootstrap = "";

  private ScenarioDriver(PrintStream out) {
    this.out = out;
  }

  public static void main(String[] arguments) throws IOException {
    var answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    // Whatever a logger prints must not get among the answers.
    System.setOut(System.err);
    var driver = new ScenarioDriver(answers);
    try (var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        answers.println(driver.answer(Command.parse(line)));
        answers.flush();
      }
    }
    // Without closing what is open: the scenario says when.
    Runtime.getRuntime().halt(0);
  }

  /// One line of input: words, then pairs.
  private record Command(String name, String target, List<String> pairs) {

    static Command parse(String line) {
      var words = new ArrayList<>(List.of(line.split(" ", -1)));
      String name = words.removeFirst();
      boolean targeted = !words.isEmpty() && words.getFirst().indexOf('=') < 0;
      return new Command(name, targeted ? words.removeFirst() : "", words);
    }

    Optional<String> find(String key) {
      return all(key).stream().findFirst();
    }

    List<String> all(String key) {
      return pairs.stream()
          .filter(pair -> pair.startsWith(key + "="))
          .map(pair -> pair.substring(key.length() + 1))
          .toList();
    }

    String get(String key) {
      return find(key).orElseThrow(() -> new IllegalArgumentException(key + " is missing"));
    }

    String get(String key, String otherwise) {
      return find(key).orElse(otherwise);
    }

    int number(String key) {
      return Integer.parseInt(get(key));
    }

    TopicPartition partition() {
      return partition(get("partition"));
    }

    List<TopicPartition> partitions() {
      return Arrays.stream(get("partitions").split(",", -1))
          .filter(one -> !one.isEmpty())
          .map(Command::partition)
          .toList();
    }

    private static TopicPartition partition(String text) {
      int colon = text.lastIndexOf(':');
      return new TopicPartition(
          text.substring(0, colon), Integer.parseInt(text.substring(colon + 1)));
    }
  }

  /// A consumer, and what was fetched but not told.
  private static final class Reader {
    final KafkaConsumer<byte[], byte[]> consumer;
    final boolean grouped;
    final Deque<ConsumerRecord<byte[], byte[]>> fetched = new ArrayDeque<>();
    final Map<TopicPartition, OffsetAndMetadata> told = new HashMap<>();

    Reader(KafkaConsumer<byte[], byte[]> consumer, boolean grouped) {
      this.consumer = consumer;
      this.grouped = grouped;
    }

    /// Forgets what was fetched of them, and goes back to where it began.
    void unfetch(List<TopicPartition> partitions) {
      var first = new HashMap<TopicPartition, Long>();
      fetched.removeIf(record -> {
        var partition = new TopicPartition(record.topic(), record.partition());
        boolean drop = partitions.contains(partition);
        if (drop) {
          first.putIfAbsent(partition, record.offset());
        }
        return drop;
      });
      first.forEach(consumer::seek);
    }
  }

  private String answer(Command command) {
    try {
      return switch (command.name()) {
        case "hello" -> hello();
        case "bootstrap" -> {
          bootstrap = command.target();
          yield "ok";
        }
        case "producer" -> producer(command);
        case "send" -> send(command);
        case "send-many" -> sendMany(command);
        case "consumer" -> consumer(command);
        case "subscribe" -> subscribe(command);
        case "assign" -> {
          reader(command).consumer.assign(command.partitions());
          yield "ok";
        }
        case "seek" -> seek(command);
        case "poll" -> poll(command);
        case "assignment" -> "ok partitions=" + joined(reader(command).consumer);
        case "pause" -> {
          reader(command).unfetch(command.partitions());
          reader(command).consumer.pause(command.partitions());
          yield "ok";
        }
        case "resume" -> {
          reader(command).consumer.resume(command.partitions());
          yield "ok";
        }
        case "commit" -> commit(command);
        case "committed" -> committed(command);
        case "offsets" -> offsets(command);
        case "offset-for-time" -> offsetForTime(command);
        case "partitions" -> partitions(command);
        case "create-topic" -> createTopic(command);
        case "delete-topic" -> deleteTopic(command);
        case "close" -> close(command);
        default -> "error UNSUPPORTED " + command.name();
      };
    } catch (ExecutionException failure) {
      return error(failure.getCause() == null ? failure : failure.getCause());
    } catch (Exception failure) {
      return error(failure);
    }
  }

  private static String error(Throwable failure) {
    failure.printStackTrace();
    String name =
        switch (failure) {
          case OffsetOutOfRangeException _ -> "OFFSET_OUT_OF_RANGE";
          case org.apache.kafka.common.errors.TimeoutException _ -> "TIMEOUT";
          case java.util.concurrent.TimeoutException _ -> "TIMEOUT";
          default -> {
            var error = Errors.forException(failure);
            yield error == Errors.UNKNOWN_SERVER_ERROR ? "OTHER" : error.name();
          }
        };
    String text = failure.toString().replaceAll("\\s+", " ");
    return "error " + name + " " + text;
  }

  private static String hello() {
    String version = AppInfoParser.getVersion();
    // The consumer protocol is in use since 4.0.
    boolean next = Integer.parseInt(version.substring(0, version.indexOf('.'))) >= 4;
    return "ok client=kafka-clients version="
        + version
        + " can="
        + CAN
        + (next ? ",group-consumer" : "");
  }

  // Producers

  private String producer(Command command) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("acks", command.get("acks", "all"));
    properties.put("compression.type", command.get("compression", "none"));
    properties.put("enable.idempotence", command.get("idempotent", "false"));
    properties.put("max.request.size", command.get("max-request", "10000000"));
    properties.put("buffer.memory", "50000000");
    String timeout = command.get("timeout", "20000");
    properties.put("delivery.timeout.ms", timeout);
    properties.put("max.block.ms", timeout);
    properties.put("request.timeout.ms", Math.min(10_000, Integer.parseInt(timeout)) + "");
    properties.put("linger.ms", "0");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("metadata.max.age.ms", "2000");
    producers.put(
        command.target(),
        new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer()));
    return "ok";
  }

  private KafkaProducer<byte[], byte[]> producerOf(Command command) {
    var producer = producers.get(command.target());
    if (producer == null) {
      throw new IllegalArgumentException("no producer " + command.target());
    }
    return producer;
  }

  private String send(Command command) throws Exception {
    byte[] value = command.find("value").map(ScenarioDriver::bytes).orElse(null);
    var size = command.find("value-size");
    if (size.isPresent()) {
      value = new byte[Integer.parseInt(size.get())];
      Arrays.fill(value, (byte) 'x');
    }
    var record =
        new ProducerRecord<byte[], byte[]>(
            command.get("topic"),
            command.find("partition").map(Integer::valueOf).orElse(null),
            command.find("timestamp").map(Long::valueOf).orElse(null),
            command.find("key").map(ScenarioDriver::bytes).orElse(null),
            value);
    for (String header : command.all("header")) {
      int colon = header.indexOf(':');
      record
          .headers()
          .add(
              colon < 0 ? header : header.substring(0, colon),
              colon < 0 ? null : bytes(header.substring(colon + 1)));
    }
    var metadata = producerOf(command).send(record).get();
    return "ok partition="
        + metadata.partition()
        + " offset="
        + (metadata.hasOffset() ? metadata.offset() : -1);
  }

  private String sendMany(Command command) throws Exception {
    var producer = producerOf(command);
    String topic = command.get("topic");
    int partitions = command.number("partitions");
    int from = command.number("from");
    int count = command.number("count");
    int size = Integer.parseInt(command.get("size", "0"));
    var sent = new ArrayList<Future<RecordMetadata>>();
    for (int i = from; i < from + count; i++) {
      byte[] text = Integer.toString(i).getBytes(StandardCharsets.US_ASCII);
      byte[] value = text;
      if (text.length < size) {
        value = Arrays.copyOf(text, size);
        Arrays.fill(value, text.length, size, (byte) ' ');
      }
      sent.add(producer.send(new ProducerRecord<>(topic, i % partitions, null, value)));
    }
    producer.flush();
    for (var one : sent) {
      one.get();
    }
    return "ok sent=" + count;
  }

  // Consumers

  private String consumer(Command command) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    var group = command.find("group");
    group.ifPresent(name -> properties.put("group.id", name));
    command.find("instance").ifPresent(name -> properties.put("group.instance.id", name));
    properties.put("auto.offset.reset", command.get("reset", "earliest"));
    properties.put("enable.auto.commit", "false");
    properties.put("default.api.timeout.ms", "20000");
    properties.put("reconnect.backoff.max.ms", "200");
    properties.put("metadata.max.age.ms", "2000");
    properties.put("allow.auto.create.topics", "false");
    if (command.get("protocol", "classic").equals("consumer")) {
      properties.put("group.protocol", "consumer");
    } else {
      int session = Integer.parseInt(command.get("session", "10000"));
      properties.put("session.timeout.ms", Integer.toString(session));
      properties.put("heartbeat.interval.ms", Integer.toString(Math.min(session / 3, 500)));
      properties.put(
          "partition.assignment.strategy",
          command.get("assignor", "range").equals("range")
              ? "org.apache.kafka.clients.consumer.RangeAssignor"
              : "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    }
    readers.put(
        command.target(),
        new Reader(
            new KafkaConsumer<>(
                properties, new ByteArrayDeserializer(), new ByteArrayDeserializer()),
            group.isPresent()));
    return "ok";
  }

  private Reader reader(Command command) {
    var reader = readers.get(command.target());
    if (reader == null) {
      throw new IllegalArgumentException("no consumer " + command.target());
    }
    return reader;
  }

  private String subscribe(Command command) {
    var reader = reader(command);
    var topics = List.of(command.get("topics").split(",", -1));
    if (reader.grouped) {
      reader.consumer.subscribe(topics);
    } else {
      var all = new ArrayList<TopicPartition>();
      for (String topic : topics) {
        for (var info : reader.consumer.partitionsFor(topic)) {
          all.add(new TopicPartition(topic, info.partition()));
        }
      }
      reader.consumer.assign(all);
    }
    return "ok";
  }

  private String seek(Command command) {
    var reader = reader(command);
    var partition = command.partition();
    reader.unfetch(List.of(partition));
    switch (command.get("offset")) {
      case "beginning" -> reader.consumer.seekToBeginning(List.of(partition));
      case "end" -> reader.consumer.seekToEnd(List.of(partition));
      case String offset -> reader.consumer.seek(partition, Long.parseLong(offset));
    }
    return "ok";
  }

  private String poll(Command command) {
    var reader = reader(command);
    int max = command.number("max");
    long end = System.nanoTime() + Duration.ofMillis(command.number("wait")).toNanos();
    do {
      var left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
      if (reader.fetched.size() < max) {
        var pause = Duration.ofMillis(100);
        reader.consumer.poll(left.compareTo(pause) < 0 ? left : pause).forEach(reader.fetched::add);
      }
    } while (reader.fetched.size() < max && System.nanoTime() < end);
    for (int i = 0; i < max && !reader.fetched.isEmpty(); i++) {
      var record = reader.fetched.removeFirst();
      out.println(described(record));
      reader.told.put(
          new TopicPartition(record.topic(), record.partition()),
          new OffsetAndMetadata(record.offset() + 1));
    }
    return "ok";
  }

  private static String described(ConsumerRecord<byte[], byte[]> record) {
    var text = new StringBuilder("record topic=").append(record.topic());
    text.append(" partition=").append(record.partition());
    text.append(" offset=").append(record.offset());
    text.append(" timestamp=").append(record.timestamp());
    if (record.key() != null) {
      text.append(" key=").append(hex(record.key()));
    }
    if (record.value() != null && record.value().length > LONG_VALUE) {
      var crc = new CRC32();
      crc.update(record.value());
      text.append(" value-size=").append(record.value().length);
      text.append(" value-crc=").append(HexFormat.of().toHexDigits((int) crc.getValue()));
    } else if (record.value() != null) {
      text.append(" value=").append(hex(record.value()));
    }
    for (var header : record.headers()) {
      text.append(" header=").append(header.key());
      if (header.value() != null) {
        text.append(':').append(hex(header.value()));
      }
    }
    return text.toString();
  }

  private static String joined(KafkaConsumer<byte[], byte[]> consumer) {
    return consumer.assignment().stream()
        .sorted(
            Comparator.comparing(TopicPartition::topic).thenComparingInt(TopicPartition::partition))
        .map(one -> one.topic() + ":" + one.partition())
        .collect(Collectors.joining(","));
  }

  private String commit(Command command) {
    var reader = reader(command);
    if (command.find("partition").isPresent()) {
      long offset = Long.parseLong(command.get("offset"));
      reader.consumer.commitSync(
          Map.of(command.partition(), new OffsetAndMetadata(offset, command.get("metadata", ""))));
    } else {
      reader.consumer.commitSync(new HashMap<>(reader.told));
      reader.told.clear();
    }
    return "ok";
  }

  private String committed(Command command) {
    var partitions = command.partitions();
    var offsets = reader(command).consumer.committed(java.util.Set.copyOf(partitions));
    return "ok offsets="
        + partitions.stream()
            .map(one -> {
              @Nullable OffsetAndMetadata offset = offsets.get(one);
              return one.topic()
                  + ":"
                  + one.partition()
                  + ":"
                  + (offset == null ? -1 : offset.offset());
            })
            .collect(Collectors.joining(","));
  }

  private String offsets(Command command) {
    var consumer = reader(command).consumer;
    var partition = command.partition();
    return "ok beginning="
        + consumer.beginningOffsets(List.of(partition)).get(partition)
        + " end="
        + consumer.endOffsets(List.of(partition)).get(partition);
  }

  private String offsetForTime(Command command) {
    var partition = command.partition();
    var found =
        reader(command)
            .consumer
            .offsetsForTimes(Map.of(partition, Long.valueOf(command.get("timestamp"))))
            .get(partition);
    return "ok offset=" + (found == null ? -1 : found.offset());
  }

  // Topics

  private String partitions(Command command) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("allow.auto.create.topics", "false");
    // Admin's way to ask has another name in every release.
    try (var consumer =
        new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      var found = consumer.partitionsFor(command.get("topic"), LIMIT);
      return found == null || found.isEmpty()
          ? "error UNKNOWN_TOPIC_OR_PARTITION"
          : "ok count=" + found.size();
    }
  }

  private String createTopic(Command command) throws Exception {
    try (var admin = admin()) {
      var topic =
          new NewTopic(
              command.get("topic"), Optional.of(command.number("partitions")), Optional.empty());
      admin.createTopics(List.of(topic)).all().get();
      return "ok";
    }
  }

  private String deleteTopic(Command command) throws Exception {
    try (var admin = admin()) {
      admin.deleteTopics(List.of(command.get("topic"))).all().get();
      return "ok";
    }
  }

  private Admin admin() {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("default.api.timeout.ms", Long.toString(LIMIT.toMillis()));
    return Admin.create(properties);
  }

  private String close(Command command) {
    var producer = producers.remove(command.target());
    if (producer != null) {
      producer.close(LIMIT);
    }
    var reader = readers.remove(command.target());
    if (reader != null) {
      reader.consumer.close();
    }
    return producer == null && reader == null ? "error OTHER no " + command.target() : "ok";
  }

  private static byte[] bytes(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }
}

package io.streamhouse.broker.config;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// The names of Apache Kafka's broker settings: those of 4.3, and those that older ones had, since
/// a `server.properties` outlives its Kafka. Read only when a name turns up that means nothing
/// here.
final class KafkaNames {

  /// Settings whose name carries a name of somebody's choice.
  private static final List<String> PREFIXES =
      List.of(
          "listener.name.",
          "config.providers.",
          "rlmm.config.",
          "rsm.config.",
          "metrics.context.",
          "zookeeper.ssl.");

  /// Settings whose silence would be taken for protection.
  private static final List<String> SECURITY =
      List.of(
          "authorizer.",
          "ssl.",
          "sasl.",
          "super.users",
          "allow.everyone.if.no.acl.found",
          "listener.name.",
          "security.",
          "delegation.token.",
          "principal.builder.class",
          "client.quota.callback.class",
          "create.topic.policy.class.name",
          "alter.config.policy.class.name");

  private final Set<String> names;

  private KafkaNames(Set<String> names) {
    this.names = names;
  }

  static KafkaNames load() {
    var names = new HashSet<String>();
    var stream = KafkaNames.class.getResourceAsStream("kafka-broker-settings.txt");
    if (stream == null) {
      throw new IllegalStateException("kafka-broker-settings.txt is not beside its class");
    }
    try (var lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
      lines.lines().filter(line -> !line.isBlank() && line.charAt(0) != '#').forEach(names::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new KafkaNames(names);
  }

  boolean has(String name) {
    return names.contains(name) || PREFIXES.stream().anyMatch(name::startsWith);
  }

  /// Whether somebody who sets it expects access to be limited.
  static boolean guardsAccess(String name) {
    return SECURITY.stream().anyMatch(name::startsWith);
  }

  /// Whether a value of this name must never be shown.
  static boolean secret(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.contains("password")
        || lower.contains("passphrase")
        || lower.contains("secret")
        || lower.contains("jaas")
        || lower.endsWith("keystore.key")
        || lower.contains("access.key")
        || lower.contains("credential")
        || lower.contains("token.master.key");
  }
}

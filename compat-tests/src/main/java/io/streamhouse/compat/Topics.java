package io.streamhouse.compat;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/// Creates topics through the admin client.
public final class Topics {

  private Topics() {}

  /// Creates the topic and waits until it exists.
  public static void create(
      ServerUnderTest server, String topic, int partitions, Map<String, String> config) {
    var properties = new Properties();
    properties.put("bootstrap.servers", server.bootstrap());
    properties.put("default.api.timeout.ms", "30000");
    try (var admin = Admin.create(properties)) {
      var wanted = new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(config);
      admin.createTopics(List.of(wanted)).all().get();
    } catch (ExecutionException failure) {
      throw new IllegalStateException(
          "cannot create " + topic + "\n" + server.tail(), failure.getCause());
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }
}

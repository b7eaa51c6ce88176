package io.streamhouse.compat.cluster;

import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/// How the clients here are set up: as they come, but for what bounds their waiting.
final class Clients {

  private Clients() {}

  static Properties common(String bootstrap) {
    var properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    // Agents that are paused or cut off keep connections open and say nothing.
    properties.put("request.timeout.ms", "5000");
    properties.put("socket.connection.setup.timeout.ms", "2000");
    properties.put("reconnect.backoff.max.ms", "500");
    properties.put("enable.metrics.push", "false");
    return properties;
  }

  /// @param patience how long a record may wait for its acknowledgement
  static Properties producer(String bootstrap, Duration patience) {
    var properties = common(bootstrap);
    properties.put("key.serializer", StringSerializer.class.getName());
    properties.put("value.serializer", StringSerializer.class.getName());
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.put("linger.ms", "5");
    properties.put("max.block.ms", "5000");
    properties.put("delivery.timeout.ms", Long.toString(patience.toMillis()));
    return properties;
  }

  static Properties reader(String bootstrap) {
    var properties = common(bootstrap);
    properties.put("key.deserializer", StringDeserializer.class.getName());
    properties.put("value.deserializer", StringDeserializer.class.getName());
    properties.put("enable.auto.commit", "false");
    // A reset would hide a server that forgets: it must fail instead.
    properties.put("auto.offset.reset", "none");
    return properties;
  }
}

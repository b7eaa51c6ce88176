package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeClusterResponseData;
import org.apache.kafka.common.message.DescribeClusterResponseData.DescribeClusterBroker;
import org.apache.kafka.common.message.DescribeClusterResponseData.DescribeClusterBrokerCollection;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseBroker;
import org.apache.kafka.common.message.MetadataResponseData.MetadataResponseBrokerCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

/// Apache Kafka's own client against the server.
final class AdminClientTest {

  @Test
  void stockAdminClientDescribesClusterAndFeatures() throws Exception {
    var options = ServerOptions.defaults().withEventLoops(1);
    var listeners = List.of(new Listener("PLAINTEXT", "127.0.0.1", 0));
    try (var server = KafkaServer.bind(listeners, options)) {
      int port = server.port("PLAINTEXT");
      server.serve(List.of(metadata(port), cluster(port)), features());
      var config = Map.<String, Object>of("bootstrap.servers", "127.0.0.1:" + port);
      try (var admin = Admin.create(config)) {
        assertThat(admin.describeCluster().clusterId().get(20, TimeUnit.SECONDS))
            .isEqualTo("the-cluster");
        var features = admin.describeFeatures().featureMetadata().get(20, TimeUnit.SECONDS);
        assertThat(features.finalizedFeatures().toString())
            .isEqualTo(
                "{transaction.version=FinalizedVersionRange[min_version_level:1,"
                    + " max_version_level:1]}");
        assertThat(features.supportedFeatures().toString())
            .isEqualTo("{transaction.version=SupportedVersionRange[min_version:0, max_version:2]}");
      }
      assertThat(server.counters().requests(ApiKeys.API_VERSIONS)).isPositive();
    }
  }

  private static Features features() {
    return new Features(
        Map.of("transaction.version", new Features.Range((short) 0, (short) 2)),
        Map.of("transaction.version", (short) 1),
        7);
  }

  private static ApiHandler<?> metadata(int port) {
    return FakeHandler.<MetadataRequestData>answering(
        ApiKeys.METADATA,
        _ -> {
          var brokers = new MetadataResponseBrokerCollection();
          brokers.add(new MetadataResponseBroker().setHost("127.0.0.1").setPort(port));
          return new MetadataResponseData().setBrokers(brokers).setClusterId("the-cluster");
        });
  }

  private static ApiHandler<?> cluster(int port) {
    return FakeHandler.<DescribeClusterRequestData>answering(
        ApiKeys.DESCRIBE_CLUSTER,
        _ -> {
          var brokers = new DescribeClusterBrokerCollection();
          brokers.add(new DescribeClusterBroker().setHost("127.0.0.1").setPort(port));
          return new DescribeClusterResponseData().setBrokers(brokers).setClusterId("the-cluster");
        });
  }
}

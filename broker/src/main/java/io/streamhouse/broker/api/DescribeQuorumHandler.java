package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.DescribeQuorumRequestData;
import org.apache.kafka.common.message.DescribeQuorumResponseData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.Listener;
import org.apache.kafka.common.message.DescribeQuorumResponseData.ListenerCollection;
import org.apache.kafka.common.message.DescribeQuorumResponseData.Node;
import org.apache.kafka.common.message.DescribeQuorumResponseData.PartitionData;
import org.apache.kafka.common.message.DescribeQuorumResponseData.ReplicaState;
import org.apache.kafka.common.message.DescribeQuorumResponseData.TopicData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// DescribeQuorum, so that Kafka's tools find one: the database is the quorum, and each agent that
/// lives takes part. The log's end is the catalogue's change counter as this agent has it; since
/// all agents read the same database, nobody is told to lag. As in metadata, the first agent is
/// named as leader.
final class DescribeQuorumHandler implements ApiHandler<DescribeQuorumRequestData> {

  private static final String TOPIC = "__cluster_metadata";

  /// Leadership of the quorum never changes hands, as every agent may write.
  private static final int EPOCH = 0;

  private static final short FIRST_WITH_NODES = 2;

  private final Catalog catalog;
  private final TimeSource time;

  DescribeQuorumHandler(Catalog catalog, TimeSource time) {
    this.catalog = catalog;
    this.time = time;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_QUORUM;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeQuorumRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private DescribeQuorumResponseData answer(Request<DescribeQuorumRequestData> request) {
    var body = request.body();
    if (!asksForMetadata(body)) {
      return unknown(body);
    }
    var image = catalog.image();
    var leaders = new Leaders(image, request.listener());
    long now = time.wallMillis();
    var partition =
        new PartitionData()
            .setPartitionIndex(0)
            .setLeaderId(leaders.controllerId())
            .setLeaderEpoch(EPOCH)
            .setHighWatermark(image.changes());
    var response = new DescribeQuorumResponseData();
    for (var agent : leaders.endpoints()) {
      partition
          .currentVoters()
          .add(
              new ReplicaState()
                  .setReplicaId(agent.nodeId())
                  .setReplicaDirectoryId(Uuid.ZERO_UUID)
                  .setLogEndOffset(image.changes())
                  .setLastFetchTimestamp(now)
                  .setLastCaughtUpTimestamp(now));
      if (request.version() >= FIRST_WITH_NODES) {
        response.nodes().add(node(agent, request.listener()));
      }
    }
    var topic = new TopicData().setTopicName(TOPIC);
    topic.partitions().add(partition);
    response.topics().add(topic);
    return response;
  }

  private static Node node(Leaders.Endpoint agent, String listener) {
    var listeners = new ListenerCollection();
    listeners.add(new Listener().setName(listener).setHost(agent.host()).setPort(agent.port()));
    return new Node().setNodeId(agent.nodeId()).setListeners(listeners);
  }

  /// Kafka describes the one partition there is only where nothing else is asked for.
  private static boolean asksForMetadata(DescribeQuorumRequestData body) {
    if (body.topics().size() != 1) {
      return false;
    }
    var topic = body.topics().getFirst();
    return topic.topicName().equals(TOPIC)
        && topic.partitions().size() == 1
        && topic.partitions().getFirst().partitionIndex() == 0;
  }

  private static DescribeQuorumResponseData unknown(DescribeQuorumRequestData body) {
    var response = new DescribeQuorumResponseData();
    for (var named : body.topics()) {
      var topic = new TopicData().setTopicName(named.topicName());
      for (var partition : named.partitions()) {
        topic
            .partitions()
            .add(
                new PartitionData()
                    .setPartitionIndex(partition.partitionIndex())
                    .setErrorCode(Errors.UNKNOWN_TOPIC_OR_PARTITION.code())
                    .setErrorMessage(Errors.UNKNOWN_TOPIC_OR_PARTITION.message()));
      }
      response.topics().add(topic);
    }
    return response;
  }

  @Override
  public ApiMessage failure(Request<DescribeQuorumRequestData> request, Errors error) {
    return new DescribeQuorumResponseData()
        .setErrorCode(error.code())
        .setErrorMessage(error.message());
  }
}

package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.message.DescribeClusterResponseData;
import org.apache.kafka.common.message.DescribeClusterResponseData.DescribeClusterBroker;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// DescribeCluster: the agents and the cluster's id. There are no controllers to describe and no
/// fenced agents: one whose session is over is gone.
final class DescribeClusterHandler implements ApiHandler<DescribeClusterRequestData> {

  /// The endpoint types of KIP-919.
  private static final byte BROKERS = 1;

  private static final byte CONTROLLERS = 2;

  private final Catalog catalog;

  DescribeClusterHandler(Catalog catalog) {
    this.catalog = catalog;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.DESCRIBE_CLUSTER;
  }

  @Override
  public CompletionStage<Reply> handle(Request<DescribeClusterRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private DescribeClusterResponseData answer(Request<DescribeClusterRequestData> request) {
    var body = request.body();
    if (body.endpointType() == CONTROLLERS) {
      return refused(
          Errors.MISMATCHED_ENDPOINT_TYPE,
          "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type"
              + " CONTROLLER");
    }
    if (body.endpointType() != BROKERS) {
      return refused(
          Errors.UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type " + body.endpointType());
    }
    var image = catalog.image();
    var leaders = new Leaders(image, request.listener());
    var response =
        new DescribeClusterResponseData()
            .setClusterId(image.clusterId())
            .setControllerId(leaders.controllerId());
    if (body.includeClusterAuthorizedOperations()) {
      response.setClusterAuthorizedOperations(Permissions.ON_CLUSTER);
    }
    for (var endpoint : leaders.endpoints()) {
      response
          .brokers()
          .add(
              new DescribeClusterBroker()
                  .setBrokerId(endpoint.nodeId())
                  .setHost(endpoint.host())
                  .setPort(endpoint.port())
                  .setRack(endpoint.rack()));
    }
    return response;
  }

  private static DescribeClusterResponseData refused(Errors error, String message) {
    return new DescribeClusterResponseData().setErrorCode(error.code()).setErrorMessage(message);
  }

  @Override
  public ApiMessage failure(Request<DescribeClusterRequestData> request, Errors error) {
    return new DescribeClusterResponseData().setErrorCode(error.code());
  }
}

package io.streamhouse.broker.api;

import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Features;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.UpdateFeaturesRequestData;
import org.apache.kafka.common.message.UpdateFeaturesRequestData.FeatureUpdateKey;
import org.apache.kafka.common.message.UpdateFeaturesResponseData;
import org.apache.kafka.common.message.UpdateFeaturesResponseData.UpdatableFeatureResult;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// UpdateFeatures: which version of a feature is in force follows from the agents' software, so a
/// request succeeds only where it asks for what is so already. As in Kafka, one update that fails
/// fails them all.
final class UpdateFeaturesHandler implements ApiHandler<UpdateFeaturesRequestData> {

  /// Upgrade, safe downgrade, unsafe downgrade: 1 to 3 on the wire.
  private static final int UPGRADE_TYPES = 3;

  /// The newest version with a result for each feature.
  private static final short LAST_WITH_RESULTS = 1;

  private final Features features;
  private final int nodeId;

  UpdateFeaturesHandler(Features features, int nodeId) {
    this.features = features;
    this.nodeId = nodeId;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.UPDATE_FEATURES;
  }

  @Override
  public CompletionStage<Reply> handle(Request<UpdateFeaturesRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private UpdateFeaturesResponseData answer(Request<UpdateFeaturesRequestData> request) {
    var updates = request.body().featureUpdates();
    var response = new UpdateFeaturesResponseData().setErrorMessage(null);
    for (var update : updates) {
      var why = refuses(update);
      if (why != null) {
        return response
            .setErrorCode(Errors.INVALID_UPDATE_VERSION.code())
            .setErrorMessage(
                "The update failed for all features since the following feature had an error:"
                    + " Invalid update version %d for feature %s. %s"
                        .formatted(update.maxVersionLevel(), update.feature(), why));
      }
    }
    if (request.version() <= LAST_WITH_RESULTS) {
      for (var update : updates) {
        response.results().add(new UpdatableFeatureResult().setFeature(update.feature()));
      }
    }
    return response;
  }

  private @Nullable String refuses(FeatureUpdateKey update) {
    short version = update.maxVersionLevel();
    if (update.upgradeType() < 1 || update.upgradeType() > UPGRADE_TYPES) {
      return "The controller does not support the given upgrade type.";
    }
    if (version < 0) {
      return "A feature version cannot be less than 0.";
    }
    var supported = features.supported().get(update.feature());
    if (supported == null) {
      return version == 0
          ? "Feature " + update.feature() + " not found."
          : "Local controller " + nodeId + " does not support this feature.";
    }
    if (version < supported.oldest() || version > supported.latest()) {
      return "Local controller %d only supports versions %d-%d"
          .formatted(nodeId, supported.oldest(), supported.latest());
    }
    short finalized = features.finalized().getOrDefault(update.feature(), (short) 0);
    return version == finalized
        ? null
        : "The agents' software decides which version is in force: %d.".formatted(finalized);
  }

  @Override
  public ApiMessage failure(Request<UpdateFeaturesRequestData> request, Errors error) {
    return new UpdateFeaturesResponseData()
        .setErrorCode(error.code())
        .setErrorMessage(error.message());
  }
}

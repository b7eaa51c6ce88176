package io.streamhouse.protocol;

import java.util.Collection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.regex.Pattern;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersion;
import org.apache.kafka.common.message.ApiVersionsResponseData.ApiVersionCollection;
import org.apache.kafka.common.message.ApiVersionsResponseData.FinalizedFeatureKey;
import org.apache.kafka.common.message.ApiVersionsResponseData.FinalizedFeatureKeyCollection;
import org.apache.kafka.common.message.ApiVersionsResponseData.SupportedFeatureKey;
import org.apache.kafka.common.message.ApiVersionsResponseData.SupportedFeatureKeyCollection;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;

/// ApiVersions, derived from the handlers that exist.
///
/// A request in a version from the future is answered in version 0 with `UNSUPPORTED_VERSION` and
/// the range of ApiVersions itself (KIP-511), so that the client can try again.
final class ApiVersionsHandler implements ApiHandler<ApiVersionsRequestData> {

  /// What KIP-511 allows a client to call itself.
  private static final Pattern SOFTWARE =
      Pattern.compile("[a-zA-Z0-9](?:[a-zA-Z0-9\\-.]*[a-zA-Z0-9])?");

  private final Collection<? extends ApiHandler<?>> handlers;
  private final Features features;

  /// @param handlers all others
  ApiVersionsHandler(Collection<? extends ApiHandler<?>> handlers, Features features) {
    this.handlers = handlers;
    this.features = features;
  }

  /// The version an answer is encoded in: the request's own, but for ApiVersions beyond our range.
  static short answerVersion(Request<?> request) {
    return request.body() instanceof ApiVersionsRequestData && !isSupported(request.version())
        ? 0
        : request.version();
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.API_VERSIONS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ApiVersionsRequestData> request) {
    return CompletableFuture.completedFuture(Reply.of(answer(request)));
  }

  private ApiMessage answer(Request<ApiVersionsRequestData> request) {
    if (!isSupported(request.version())) {
      var own = new ApiVersionCollection();
      own.add(range(this));
      return new ApiVersionsResponseData()
          .setErrorCode(Errors.UNSUPPORTED_VERSION.code())
          .setApiKeys(own);
    }
    var body = request.body();
    if (request.version() >= 3
        && !(SOFTWARE.matcher(body.clientSoftwareName()).matches()
            && SOFTWARE.matcher(body.clientSoftwareVersion()).matches())) {
      return failure(request, Errors.INVALID_REQUEST);
    }
    // Built anew for each answer: an element belongs to one such collection only.
    var apis = new ApiVersionCollection();
    apis.add(range(this));
    for (var handler : handlers) {
      apis.add(range(handler));
    }
    var supported = new SupportedFeatureKeyCollection();
    features
        .supported()
        .forEach((name, range) ->
            supported.add(
                new SupportedFeatureKey()
                    .setName(name)
                    .setMinVersion(oldestAsTold(range, request.version()))
                    .setMaxVersion(range.latest())));
    var finalized = new FinalizedFeatureKeyCollection();
    features
        .finalized()
        .forEach((name, level) ->
            finalized.add(
                new FinalizedFeatureKey()
                    .setName(name)
                    .setMinVersionLevel(level)
                    .setMaxVersionLevel(level)));
    return new ApiVersionsResponseData()
        .setApiKeys(apis)
        .setSupportedFeatures(supported)
        .setFinalizedFeatures(finalized)
        .setFinalizedFeaturesEpoch(features.epoch());
  }

  @Override
  public ApiMessage failure(Request<ApiVersionsRequestData> request, Errors error) {
    return new ApiVersionsResponseData().setErrorCode(error.code());
  }

  private static boolean isSupported(short version) {
    return version >= ApiKeys.API_VERSIONS.oldestVersion()
        && version <= ApiKeys.API_VERSIONS.latestVersion(false);
  }

  private static ApiVersion range(ApiHandler<?> handler) {
    var api = handler.api();
    return new ApiVersion()
        .setApiKey(api.id)
        // Old librdkafka takes a missing Produce 0 for a broker without compression (KAFKA-18659).
        .setMinVersion(
            api == ApiKeys.PRODUCE
                ? ApiKeys.PRODUCE_API_VERSIONS_RESPONSE_MIN_VERSION
                : handler.oldestVersion())
        .setMaxVersion(handler.latestVersion());
  }

  /// Clients before version 4 cannot read a range that begins at 0 (KAFKA-17011).
  private static short oldestAsTold(Features.Range range, short version) {
    return version < 4 && range.oldest() == 0 ? 1 : range.oldest();
  }
}

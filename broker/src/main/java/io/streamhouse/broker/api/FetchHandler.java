package io.streamhouse.broker.api;

import io.streamhouse.broker.api.FetchSession.Ask;
import io.streamhouse.broker.api.FetchSession.FetchKey;
import io.streamhouse.broker.api.FetchSession.Told;
import io.streamhouse.broker.api.FetchSessions.Context;
import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.read.FetchResult;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.read.ParkedFetch;
import io.streamhouse.broker.read.ResponseBudget;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.FetchedRecords;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.EpochEndOffset;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.LeaderIdAndEpoch;
import org.apache.kafka.common.message.FetchResponseData.NodeEndpoint;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// Fetch: what a client's partitions have beyond its offsets, waiting for it if the client likes.
///
/// Every client is served as a consumer, up to the high watermark; there are no followers here.
/// What fails for one partition is said of that partition only.
final class FetchHandler implements ApiHandler<FetchRequestData> {

  private static final int TOPIC_ID_VERSION = 13;

  /// From here on answers name the leader a client should go to (KIP-951).
  private static final int LEADER_VERSION = 16;

  /// The first version whose clients understand zstd (KIP-110).
  private static final int ZSTD_VERSION = 10;

  /// The last version whose clients do not know `KAFKA_STORAGE_ERROR`.
  private static final int NO_STORAGE_ERROR_VERSION = 5;

  /// The last version whose clients may not know `OFFSET_NOT_AVAILABLE`.
  private static final int NO_OFFSET_NOT_AVAILABLE_VERSION = 10;

  private static final FetchedRecords NO_RECORDS = new FetchedRecords(List.of());

  private final Catalog catalog;
  private final Logs logs;
  private final SerialLoop timers;
  private final FetchSessions sessions;
  private final int maxBytes;
  private final ResponseBudget budget;

  /// @param maxBytes `fetch.max.bytes`: the most any answer holds, unless one batch is larger
  /// @param budget room for the answers of all connections
  FetchHandler(
      Catalog catalog,
      Logs logs,
      SerialLoop timers,
      FetchSessions sessions,
      int maxBytes,
      ResponseBudget budget) {
    this.catalog = catalog;
    this.logs = logs;
    this.timers = timers;
    this.sessions = sessions;
    this.maxBytes = maxBytes;
    this.budget = budget;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.FETCH;
  }

  @Override
  public boolean overlaps() {
    return true;
  }

  @Override
  public CompletionStage<Reply> handle(Request<FetchRequestData> request) {
    var body = request.body();
    boolean byId = request.version() >= TOPIC_ID_VERSION;
    var context =
        sessions.enter(
            body.sessionId(), body.sessionEpoch(), byId, asks(body, byId), forgotten(body, byId));
    return switch (context) {
      case Context.Refused(var error) ->
          CompletableFuture.completedFuture(
              Reply.of(new FetchResponseData().setErrorCode(error.code())));
      case Context.Full full -> fetch(request, context, full.asks().entrySet());
      case Context.Incremental incremental -> fetch(request, context, incremental.asks());
    };
  }

  private static Map<FetchKey, Ask> asks(FetchRequestData body, boolean byId) {
    var asks = new LinkedHashMap<FetchKey, Ask>();
    for (var topic : body.topics()) {
      for (var partition : topic.partitions()) {
        asks.put(
            key(topic.topic(), topic.topicId(), partition.partition(), byId),
            new Ask(
                partition.fetchOffset(),
                partition.partitionMaxBytes(),
                partition.currentLeaderEpoch(),
                partition.lastFetchedEpoch()));
      }
    }
    return asks;
  }

  private static List<FetchKey> forgotten(FetchRequestData body, boolean byId) {
    var keys = new ArrayList<FetchKey>();
    for (var topic : body.forgottenTopicsData()) {
      for (int partition : topic.partitions()) {
        keys.add(key(topic.topic(), topic.topicId(), partition, byId));
      }
    }
    return keys;
  }

  private static FetchKey key(String name, Uuid topicId, int partition, boolean byId) {
    return byId
        ? new FetchKey("", topicId, partition)
        : new FetchKey(name, Uuid.ZERO_UUID, partition);
  }

  /// One partition of the answer on its way: refused at once, or one of the fetch's results.
  private record Slot(FetchKey key, @Nullable PartitionId id, @Nullable Failure refused) {}

  private CompletionStage<Reply> fetch(
      Request<FetchRequestData> request,
      Context context,
      Collection<Map.Entry<FetchKey, Ask>> asks) {
    var image = catalog.image();
    var slots = new ArrayList<Slot>(asks.size());
    var wants = new ArrayList<ParkedFetch.Want>(asks.size());
    boolean refused = false;
    for (var entry : asks) {
      var key = entry.getKey();
      var ask = entry.getValue();
      var target =
          request.version() >= TOPIC_ID_VERSION
              ? Target.byId(image, logs, key.topicId(), key.partition())
              : Target.byName(image, logs, key.name(), key.partition());
      switch (target) {
        case Target.Failed(var id, var failure) -> {
          slots.add(new Slot(key, id, failure));
          refused = true;
        }
        case Target.Led(var id, var reader, var _) -> {
          var failure = refusal(request, image, id, ask, reader.leaderEpoch());
          slots.add(new Slot(key, id, failure));
          refused |= failure != null;
          if (failure == null) {
            wants.add(
                new ParkedFetch.Want(
                    reader, ask.offset(), Math.max(0, ask.maxBytes()), ask.lastFetchedEpoch()));
          }
        }
      }
    }
    var body = request.body();
    var limits =
        new ParkedFetch.Limits(
            body.minBytes(),
            Math.min(body.maxBytes(), maxBytes),
            // Who has an error to hear does not wait for records.
            refused ? Duration.ZERO : Duration.ofMillis(body.maxWaitMs()),
            body.isolationLevel() == 1);
    var fetch = ParkedFetch.start(wants, limits, budget, request.loop(), timers);
    if (!fetch.result().isDone()) {
      request.onClose(fetch::cancel);
    }
    return fetch.result().thenApply(results -> Reply.of(answer(request, context, slots, results)));
  }

  private static @Nullable Failure refusal(
      Request<FetchRequestData> request, Image image, PartitionId id, Ask ask, int leaderEpoch) {
    var mismatch = Target.epochMismatch(ask.leaderEpoch(), leaderEpoch);
    if (mismatch != null) {
      return mismatch;
    }
    if (request.version() < ZSTD_VERSION) {
      var topic = image.topic(id.topicId());
      if (topic != null && "zstd".equals(topic.configs().get("compression.type"))) {
        return new Failure.UnsupportedCompression();
      }
    }
    return null;
  }

  private FetchResponseData answer(
      Request<FetchRequestData> request,
      Context context,
      List<Slot> slots,
      List<FetchResult> results) {
    var whole = new ArrayList<FetchResult>(slots.size());
    var told = new ArrayList<Told>(slots.size());
    int next = 0;
    for (var slot : slots) {
      var result =
          slot.refused() == null ? results.get(next++) : new FetchResult.Failed(slot.refused());
      whole.add(result);
      told.add(told(slot.key(), result));
    }
    var response = new FetchResponseData();
    BitSet heard = null;
    switch (context) {
      case Context.Refused(var error) -> response.setErrorCode(error.code());
      case Context.Full full -> response.setSessionId(sessions.open(full, told));
      case Context.Incremental(var session, int requestEpoch, var _) -> {
        response.setSessionId(session.id());
        heard = session.answer(requestEpoch, told);
        if (heard == null) {
          whole.forEach(FetchHandler::release);
          return new FetchResponseData().setErrorCode(Errors.INVALID_FETCH_SESSION_EPOCH.code());
        }
      }
    }
    // The one of now: while the fetch waited, others may have become leaders.
    var image = catalog.image();
    var answers = new LinkedHashMap<FetchKey, PartitionData>();
    for (int i = 0; i < whole.size(); i++) {
      if (heard == null || heard.get(i)) {
        var slot = slots.get(i);
        var answer = new PartitionData().setPartitionIndex(slot.key().partition());
        write(request, image, slot, whole.get(i), answer, response);
        answers.put(slot.key(), answer);
      } else {
        release(whole.get(i));
      }
    }
    group(answers, response);
    return response;
  }

  private static Told told(FetchKey key, FetchResult result) {
    return switch (result) {
      case FetchResult.Records(var pieces, var bounds) ->
          new Told(key, bounds.end(), bounds.start(), !pieces.isEmpty(), false);
      case FetchResult.Diverged(var _, var bounds) ->
          new Told(key, bounds.end(), bounds.start(), false, true);
      case FetchResult.Failed _ -> new Told(key, -1, -1, false, true);
    };
  }

  private static void release(FetchResult result) {
    if (result instanceof FetchResult.Records(var pieces, var _)) {
      pieces.forEach(RecordBatches::release);
    }
  }

  private void write(
      Request<FetchRequestData> request,
      Image image,
      Slot slot,
      FetchResult result,
      PartitionData answer,
      FetchResponseData response) {
    // No list and an empty one differ on the wire: only readers of committed data get one.
    answer.setRecords(NO_RECORDS).setAbortedTransactions(null);
    switch (result) {
      case FetchResult.Records(var pieces, var bounds) -> {
        bounds(bounds, answer);
        if (!pieces.isEmpty()) {
          answer.setRecords(new FetchedRecords(pieces));
        }
        if (request.body().isolationLevel() == 1) {
          // Nothing is ever aborted before there are transactions.
          answer.setAbortedTransactions(List.of());
        }
      }
      case FetchResult.Diverged(var agreed, var bounds) -> {
        bounds(bounds, answer);
        answer.setDivergingEpoch(
            new EpochEndOffset().setEpoch(agreed.epoch()).setEndOffset(agreed.endOffset()));
      }
      case FetchResult.Failed(var failure) -> {
        answer
            .setErrorCode(error(failure, request.version()).code())
            .setHighWatermark(-1)
            .setLastStableOffset(-1)
            .setLogStartOffset(-1);
        if (request.version() >= LEADER_VERSION) {
          nameLeader(
              LeaderHint.of(slot.id(), failure, image, request.listener()), answer, response);
        }
      }
    }
  }

  private static void bounds(FetchResult.Bounds bounds, PartitionData answer) {
    answer
        .setHighWatermark(bounds.end())
        .setLastStableOffset(bounds.lastStable())
        .setLogStartOffset(bounds.start());
  }

  private static void nameLeader(
      @Nullable LeaderHint leader, PartitionData answer, FetchResponseData response) {
    if (leader == null) {
      return;
    }
    answer.setCurrentLeader(
        new LeaderIdAndEpoch().setLeaderId(leader.nodeId()).setLeaderEpoch(leader.leaderEpoch()));
    if (response.nodeEndpoints().find(leader.nodeId()) == null) {
      response
          .nodeEndpoints()
          .add(
              new NodeEndpoint()
                  .setNodeId(leader.nodeId())
                  .setHost(leader.host())
                  .setPort(leader.port())
                  .setRack(leader.rack()));
    }
  }

  /// Codes a client of `version` may not know become one that makes it ask again.
  private static Errors error(Failure failure, short version) {
    return switch (failure) {
      case Failure.OffsetNotAvailable _ when version <= NO_OFFSET_NOT_AVAILABLE_VERSION ->
          Errors.NOT_LEADER_OR_FOLLOWER;
      case Failure.Storage _ when version <= NO_STORAGE_ERROR_VERSION ->
          Errors.NOT_LEADER_OR_FOLLOWER;
      default -> KafkaErrors.of(failure);
    };
  }

  private static void group(Map<FetchKey, PartitionData> answers, FetchResponseData response) {
    FetchableTopicResponse topic = null;
    for (var entry : answers.entrySet()) {
      var key = entry.getKey();
      if (topic == null
          || !topic.topic().equals(key.name())
          || !topic.topicId().equals(key.topicId())) {
        topic = new FetchableTopicResponse().setTopic(key.name()).setTopicId(key.topicId());
        response.responses().add(topic);
      }
      topic.partitions().add(entry.getValue());
    }
  }

  @Override
  public FetchResponseData failure(Request<FetchRequestData> request, Errors error) {
    var response = new FetchResponseData().setErrorCode(error.code());
    // Older versions have no error for the whole answer.
    if (request.version() < 7) {
      var answers = new LinkedHashMap<FetchKey, PartitionData>();
      for (var key : asks(request.body(), false).keySet()) {
        answers.put(
            key,
            new PartitionData()
                .setPartitionIndex(key.partition())
                .setErrorCode(error.code())
                .setHighWatermark(-1)
                .setRecords(NO_RECORDS));
      }
      group(answers, response);
    }
    return response;
  }
}

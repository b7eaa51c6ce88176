package io.streamhouse.broker.api;

import io.streamhouse.broker.catalog.Catalog;
import io.streamhouse.broker.read.LogReader;
import io.streamhouse.broker.read.LogReader.ReadResult;
import io.streamhouse.broker.read.LogReader.TimestampResult;
import io.streamhouse.broker.read.Logs;
import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.broker.runtime.SerialLoop;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.RecordBatches;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsRequestData.ListOffsetsPartition;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsPartitionResponse;
import org.apache.kafka.common.message.ListOffsetsResponseData.ListOffsetsTopicResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/// ListOffsets: where a partition begins and ends, and which offset a timestamp means. Stateless.
final class ListOffsetsHandler implements ApiHandler<ListOffsetsRequestData> {

  private static final long LATEST = -1;
  private static final long EARLIEST = -2;
  private static final long MAX_TIMESTAMP = -3;
  private static final long EARLIEST_LOCAL = -4;
  private static final long LATEST_TIERED = -5;
  private static final long EARLIEST_PENDING_UPLOAD = -6;

  /// From here on answers carry leader epochs.
  private static final int EPOCH_VERSION = 4;

  /// From here on clients know `OFFSET_NOT_AVAILABLE` (KIP-207).
  private static final int NOT_AVAILABLE_VERSION = 5;

  /// Apache Kafka's `remote.list.offsets.request.timeout.ms`, for requests that name none.
  private static final int DEFAULT_TIMEOUT_MILLIS = 30_000;

  private final Catalog catalog;
  private final Logs logs;
  private final SerialLoop timers;

  ListOffsetsHandler(Catalog catalog, Logs logs, SerialLoop timers) {
    this.catalog = catalog;
    this.logs = logs;
    this.timers = timers;
  }

  @Override
  public ApiKeys api() {
    return ApiKeys.LIST_OFFSETS;
  }

  @Override
  public CompletionStage<Reply> handle(Request<ListOffsetsRequestData> request) {
    var body = request.body();
    var image = catalog.image();
    var response = new ListOffsetsResponseData();
    var lookups = new ArrayList<CompletableFuture<Void>>();
    var once = new HashSet<Key>();
    var twice = new HashSet<Key>();
    for (var topic : body.topics()) {
      for (var partition : topic.partitions()) {
        var key = new Key(topic.name(), partition.partitionIndex());
        if (!once.add(key)) {
          twice.add(key);
        }
      }
    }
    int millis = body.timeoutMs() > 0 ? body.timeoutMs() : DEFAULT_TIMEOUT_MILLIS;
    for (var topic : body.topics()) {
      var answers = new ListOffsetsTopicResponse().setName(topic.name());
      response.topics().add(answers);
      for (var partition : topic.partitions()) {
        var answer =
            new ListOffsetsPartitionResponse().setPartitionIndex(partition.partitionIndex());
        answers.partitions().add(answer);
        if (twice.contains(new Key(topic.name(), partition.partitionIndex()))) {
          answer.setErrorCode(Errors.INVALID_REQUEST.code());
          continue;
        }
        switch (Target.byName(image, logs, topic.name(), partition.partitionIndex())) {
          case Target.Failed(var _, var failure) ->
              answer.setErrorCode(error(failure, request.version()).code());
          case Target.Led led ->
              lookups.add(
                  Deadline.within(timers, Duration.ofMillis(millis), find(request, led, partition))
                      .handle((found, thrown) -> {
                        write(found, thrown, request.version(), answer);
                        return null;
                      }));
        }
      }
    }
    return CompletableFuture.allOf(lookups.toArray(CompletableFuture[]::new))
        .thenApply(_ -> Reply.of(response));
  }

  private record Key(String topic, int partition) {}

  private static CompletableFuture<TimestampResult> find(
      Request<ListOffsetsRequestData> request, Target.Led led, ListOffsetsPartition partition) {
    long timestamp = partition.timestamp();
    if (timestamp < 0 && request.version() < firstVersion(timestamp)) {
      return done(new TimestampResult.Failed(new Failure.Unsupported("timestamp " + timestamp)));
    }
    var reader = led.reader();
    var mismatch = Target.epochMismatch(partition.currentLeaderEpoch(), reader.leaderEpoch());
    if (mismatch != null) {
      return done(new TimestampResult.Failed(mismatch));
    }
    long visibleEnd = visibleEnd(request, reader);
    if (timestamp == LATEST) {
      return latest(reader, visibleEnd);
    }
    if (timestamp == EARLIEST || timestamp == EARLIEST_LOCAL) {
      return done(new TimestampResult.Found(reader.startOffset(), -1, -1));
    }
    if (timestamp == LATEST_TIERED || timestamp == EARLIEST_PENDING_UPLOAD) {
      // What Apache Kafka says of a topic without tiered storage: object storage is not a second
      // tier here, and no client has to know what is uploaded.
      return done(new TimestampResult.None());
    }
    var found =
        timestamp == MAX_TIMESTAMP ? reader.offsetOfMaxTimestamp() : reader.offsetAt(timestamp);
    return found.thenApply(result ->
        // A record beyond what this client may see does not exist for it.
        result instanceof TimestampResult.Found(var offset, var _, var _)
                && offset >= visibleEnd(request, reader)
            ? new TimestampResult.None()
            : result);
  }

  /// The end, if this agent surely leads: of a leader that was replaced, an old end would look like
  /// lost records (KIP-207). A read at the end finds that out and costs nothing.
  private static CompletableFuture<TimestampResult> latest(LogReader reader, long end) {
    return reader
        .read(end, 0, end)
        .thenApply(read ->
            switch (read) {
              case ReadResult.Failed(var failure) -> new TimestampResult.Failed(failure);
              case ReadResult.Busy _ ->
                  new TimestampResult.Failed(new Failure.OffsetNotAvailable());
              case ReadResult.Read(var pieces) -> {
                pieces.forEach(RecordBatches::release);
                yield new TimestampResult.Found(end, -1, reader.leaderEpoch());
              }
            });
  }

  private static long visibleEnd(Request<ListOffsetsRequestData> request, LogReader reader) {
    return request.body().isolationLevel() == 1 ? reader.lastStableOffset() : reader.endOffset();
  }

  /// The first version in which a negative timestamp has its meaning.
  private static int firstVersion(long timestamp) {
    if (timestamp == LATEST || timestamp == EARLIEST) {
      return 0;
    }
    if (timestamp == MAX_TIMESTAMP) {
      return 7;
    }
    if (timestamp == EARLIEST_LOCAL) {
      return 8;
    }
    if (timestamp == LATEST_TIERED) {
      return 9;
    }
    return timestamp == EARLIEST_PENDING_UPLOAD ? 11 : Integer.MAX_VALUE;
  }

  private static CompletableFuture<TimestampResult> done(TimestampResult result) {
    return CompletableFuture.completedFuture(result);
  }

  private static void write(
      @Nullable TimestampResult result,
      @Nullable Throwable thrown,
      short version,
      ListOffsetsPartitionResponse answer) {
    switch (result) {
      case TimestampResult.Found(var offset, var timestamp, var leaderEpoch) -> {
        answer.setOffset(offset).setTimestamp(timestamp);
        if (version >= EPOCH_VERSION) {
          answer.setLeaderEpoch(leaderEpoch);
        }
      }
      case TimestampResult.None _ -> {}
      case TimestampResult.Failed(var failure) ->
          answer.setErrorCode(error(failure, version).code());
      case null ->
          answer.setErrorCode(
              (thrown == null ? Errors.UNKNOWN_SERVER_ERROR : KafkaErrors.of(thrown)).code());
    }
  }

  private static Errors error(Failure failure, short version) {
    return failure instanceof Failure.OffsetNotAvailable && version < NOT_AVAILABLE_VERSION
        ? Errors.LEADER_NOT_AVAILABLE
        : KafkaErrors.of(failure);
  }

  @Override
  public ListOffsetsResponseData failure(Request<ListOffsetsRequestData> request, Errors error) {
    var response = new ListOffsetsResponseData();
    for (var topic : request.body().topics()) {
      var answers = new ListOffsetsTopicResponse().setName(topic.name());
      for (var partition : topic.partitions()) {
        answers
            .partitions()
            .add(
                new ListOffsetsPartitionResponse()
                    .setPartitionIndex(partition.partitionIndex())
                    .setErrorCode(error.code()));
      }
      response.topics().add(answers);
    }
    return response;
  }
}

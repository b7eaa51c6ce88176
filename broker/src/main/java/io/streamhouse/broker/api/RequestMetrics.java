package io.streamhouse.broker.api;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.protocol.ApiHandler;
import io.streamhouse.protocol.Reply;
import io.streamhouse.protocol.Request;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.message.CreateTopicsResponseData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.OffsetCommitResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.SyncGroupResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.jspecify.annotations.Nullable;

/// Times and counts requests around the handlers of their APIs: a timer and, for Produce and Fetch,
/// a walk over the partitions named; no record is looked at. Series exist for the APIs that were
/// used and the errors that were answered. Thread-safe.
public final class RequestMetrics {

  private static final Duration[] BUCKETS = {
    Duration.ofMillis(1),
    Duration.ofMillis(2),
    Duration.ofMillis(5),
    Duration.ofMillis(10),
    Duration.ofMillis(25),
    Duration.ofMillis(50),
    Duration.ofMillis(100),
    Duration.ofMillis(250),
    Duration.ofMillis(500),
    Duration.ofSeconds(1),
    Duration.ofMillis(2500),
    Duration.ofSeconds(5),
    Duration.ofSeconds(10)
  };

  private final MeterRegistry meters;
  private final TimeSource time;
  private final LongAdder producedBytes = new LongAdder();
  private final LongAdder producedBatches = new LongAdder();
  private final LongAdder fetchedBytes = new LongAdder();
  private final LongAdder fetchedPartitions = new LongAdder();
  private final ConcurrentHashMap<Failed, Counter> errors = new ConcurrentHashMap<>();

  private record Failed(ApiKeys api, short code) {}

  private RequestMetrics(MeterRegistry meters, TimeSource time) {
    this.meters = meters;
    this.time = time;
    counter("streamhouse.produce", "bytes", producedBytes)
        .description("Bytes of record batches in produce requests.")
        .register(meters);
    counter("streamhouse.produce.batches", null, producedBatches)
        .description("Record batches in produce requests.")
        .register(meters);
    counter("streamhouse.fetch", "bytes", fetchedBytes)
        .description("Bytes of record batches in fetch responses.")
        .register(meters);
    counter("streamhouse.fetch.partitions", null, fetchedPartitions)
        .description("Partitions in fetch responses that had records.")
        .register(meters);
  }

  private static FunctionCounter.Builder<LongAdder> counter(
      String name, @Nullable String unit, LongAdder value) {
    return FunctionCounter.builder(name, value, LongAdder::sum).baseUnit(unit);
  }

  /// The same handlers, measured.
  public static List<ApiHandler<?>> around(
      Collection<? extends ApiHandler<?>> handlers, MeterRegistry meters, TimeSource time) {
    var metrics = new RequestMetrics(meters, time);
    return handlers.stream().<ApiHandler<?>>map(metrics::measured).toList();
  }

  private <Q extends ApiMessage> ApiHandler<Q> measured(ApiHandler<Q> handler) {
    return new Measured<>(handler);
  }

  private final class Measured<Q extends ApiMessage> implements ApiHandler<Q> {

    private final ApiHandler<Q> handler;
    private volatile @Nullable Timer timer;

    Measured(ApiHandler<Q> handler) {
      this.handler = handler;
    }

    @Override
    public ApiKeys api() {
      return handler.api();
    }

    @Override
    public short oldestVersion() {
      return handler.oldestVersion();
    }

    @Override
    public short latestVersion() {
      return handler.latestVersion();
    }

    @Override
    public boolean overlaps() {
      return handler.overlaps();
    }

    @Override
    public CompletionStage<Reply> handle(Request<Q> request) {
      long began = time.nanos();
      if (request.body() instanceof ProduceRequestData produce) {
        received(produce);
      }
      // Callers get the measured stage: what an answer holds is released once they have it.
      return handler
          .handle(request)
          .whenComplete((reply, _) -> {
            timer().record(time.nanos() - began, TimeUnit.NANOSECONDS);
            if (reply instanceof Reply.Message(var body)) {
              answered(api(), body);
            }
          });
    }

    @Override
    public ApiMessage failure(Request<Q> request, Errors error) {
      failed(api(), error.code());
      return handler.failure(request, error);
    }

    private Timer timer() {
      var existing = timer;
      if (existing != null) {
        return existing;
      }
      // The registry gives the same one to whoever comes second.
      var made =
          Timer.builder("streamhouse.request.duration")
              .tag("api", api().name)
              .description(
                  "From a request's start to its answer; a fetch may wait for records meanwhile.")
              .serviceLevelObjectives(BUCKETS)
              .register(meters);
      timer = made;
      return made;
    }
  }

  private void received(ProduceRequestData produce) {
    long bytes = 0;
    long batches = 0;
    for (var topic : produce.topicData()) {
      for (var partition : topic.partitionData()) {
        bytes += size(partition.records());
        batches++;
      }
    }
    producedBytes.add(bytes);
    producedBatches.add(batches);
  }

  private void answered(FetchResponseData fetch) {
    long bytes = 0;
    long filled = 0;
    for (var topic : fetch.responses()) {
      for (var partition : topic.partitions()) {
        failed(ApiKeys.FETCH, partition.errorCode());
        int size = size(partition.records());
        bytes += size;
        filled += size > 0 ? 1 : 0;
      }
    }
    fetchedBytes.add(bytes);
    fetchedPartitions.add(filled);
  }

  private static int size(@Nullable BaseRecords records) {
    return records == null ? 0 : records.sizeInBytes();
  }

  private void answered(ApiKeys api, ApiMessage body) {
    switch (body) {
      case ProduceResponseData produce ->
          produce
              .responses()
              .forEach(
                  topic -> topic.partitionResponses().forEach(one -> failed(api, one.errorCode())));
      case FetchResponseData fetch -> {
        failed(api, fetch.errorCode());
        answered(fetch);
      }
      case MetadataResponseData metadata ->
          metadata.topics().forEach(topic -> failed(api, topic.errorCode()));
      case ListOffsetsResponseData offsets ->
          offsets
              .topics()
              .forEach(topic -> topic.partitions().forEach(one -> failed(api, one.errorCode())));
      case OffsetCommitResponseData commit ->
          commit
              .topics()
              .forEach(topic -> topic.partitions().forEach(one -> failed(api, one.errorCode())));
      case CreateTopicsResponseData create ->
          create.topics().forEach(topic -> failed(api, topic.errorCode()));
      case FindCoordinatorResponseData find -> {
        failed(api, find.errorCode());
        find.coordinators().forEach(one -> failed(api, one.errorCode()));
      }
      case JoinGroupResponseData join -> failed(api, join.errorCode());
      case SyncGroupResponseData sync -> failed(api, sync.errorCode());
      case HeartbeatResponseData heartbeat -> failed(api, heartbeat.errorCode());
      case InitProducerIdResponseData init -> failed(api, init.errorCode());
      default -> {
        // Rare ones; their requests are timed all the same.
      }
    }
  }

  private void failed(ApiKeys api, short code) {
    if (code == Errors.NONE.code()) {
      return;
    }
    errors
        .computeIfAbsent(
            new Failed(api, code),
            failed ->
                Counter.builder("streamhouse.request.errors")
                    .tag("api", failed.api().name)
                    .tag("error", Errors.forCode(failed.code()).name())
                    .description("Errors answered, for each partition or topic that had one.")
                    .register(meters))
        .increment();
  }
}

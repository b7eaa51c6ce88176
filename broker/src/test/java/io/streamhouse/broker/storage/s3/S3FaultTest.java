package io.streamhouse.broker.storage.s3;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.partition.Batches;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore.DeleteResult;
import io.streamhouse.broker.storage.ObjectStore.PutResult;
import io.streamhouse.broker.storage.ObjectStoreUnavailable;
import io.streamhouse.broker.storage.SegmentCache;
import io.streamhouse.broker.storage.SegmentRead;
import io.streamhouse.broker.storage.s3.FaultyProxy.Fault;
import io.streamhouse.broker.storage.s3.S3Counters.Failed;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.Segment;
import io.streamhouse.segment.ObjectWriter;
import io.streamhouse.segment.SegmentWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// S3 that is throttled, slow, or behind connections that break.
@Timeout(120)
class S3FaultTest {

  private static final Duration SHORT = Duration.ofMillis(400);

  private static S3Server server;
  private static int opened;

  private FaultyProxy proxy;
  private S3Store store;
  private String prefix = "";

  @BeforeAll
  static void startServer() throws Exception {
    server = S3Server.start();
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void open() throws Exception {
    prefix = "faults-" + opened++;
    proxy = new FaultyProxy(server.endpoint());
    store = open(S3Server.IMPATIENT, TimeSource.system());
  }

  @AfterEach
  void close() throws Exception {
    store.close();
    proxy.close();
  }

  private S3Store open(S3Settings.Patience patience, TimeSource time) throws IOException {
    var through = S3Server.settings(prefix, proxy.endpoint());
    return S3Store.open(
        new S3Settings(
            through.bucket(),
            through.prefix(),
            through.endpoint(),
            through.region(),
            through.pathStyle(),
            patience,
            through.parts()),
        time,
        new Random(1));
  }

  /// Time-outs that tests wait for.
  private static S3Settings.Patience hasty(int attempts) {
    return new S3Settings.Patience(
        SHORT, Duration.ofSeconds(1), attempts, Duration.ofMillis(1), Duration.ofMillis(2), SHORT);
  }

  private static List<ByteBuffer> bytes(int length) {
    var bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return List.of(ByteBuffer.wrap(bytes));
  }

  private void assertStored(String key, List<ByteBuffer> content) throws IOException {
    var info = ObjectInfo.of(content);
    assertThat(store.head(key)).contains(info);
    assertThat(ObjectInfo.of(List.of(store.get(key, 0, (int) info.length())))).isEqualTo(info);
    assertThat(proxy.left()).as("faults that did not happen").isZero();
  }

  @Test
  void throttlingAndFaultsOfTheStoreAreWaitedOut() throws Exception {
    proxy.next("PUT", "/k", Fault.SLOW_DOWN, Fault.INTERNAL_ERROR, Fault.SLOW_DOWN);
    var content = bytes(100_000);

    assertThat(store.putNew("k", content, Map.of()))
        .isEqualTo(new PutResult.Created(ObjectInfo.of(content)));

    assertStored("k", content);
    assertThat(store.counters().failures(Failed.THROTTLED)).isEqualTo(2);
    assertThat(store.counters().failures(Failed.SERVER)).isEqualTo(1);
    assertThat(store.counters().retries()).isEqualTo(3);
  }

  @Test
  void throttlingThatDoesNotEndIsUnavailabilityAndNamesEverything() {
    proxy.next("GET", "/k", Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN);

    assertThatThrownBy(() -> store.get("k", 0, 10))
        .isInstanceOf(ObjectStoreUnavailable.class)
        .hasMessageContaining("get of s3://" + S3Server.BUCKET + "/" + prefix + "/k")
        .hasMessageContaining("503 SlowDown (injected), request id injected-1, after 4 attempts")
        .hasMessageNotContainingAny(S3Server.ACCESS_KEY, S3Server.SECRET_KEY);
    assertThat(proxy.seen("GET", "/k")).isEqualTo(4);
  }

  @Test
  void putWhoseAnswerIsLostIsRecognisedAsOurs() throws Exception {
    proxy.next("PUT", "/k", Fault.LOST_ANSWER);
    var content = bytes(100_000);

    assertThat(store.putNew("k", content, Map.of()))
        .isEqualTo(new PutResult.Created(ObjectInfo.of(content)));

    assertStored("k", content);
    assertThat(proxy.seen("PUT", "/k")).isEqualTo(2);
  }

  @Test
  void putAfterALostAnswerIsNotOursIfSomebodyElseWasThere() throws Exception {
    var theirs = bytes(99);
    store.putNew("k", theirs, Map.of());
    proxy.next("PUT", "/k", Fault.LOST_ANSWER);

    assertThat(store.putNew("k", bytes(100), Map.of()))
        .isEqualTo(new PutResult.AlreadyExists(ObjectInfo.of(theirs)));
    assertStored("k", theirs);
  }

  @Test
  void putOfTheSameBytesThatWasNeverRepeatedIsNotCreatedTwice() throws Exception {
    var content = bytes(100);
    store.putNew("k", content, Map.of());
    proxy.next("PUT", "/k", Fault.SLOW_DOWN);

    assertThat(store.putNew("k", content, Map.of()))
        .as("a throttled attempt did nothing, so what is there is from before")
        .isEqualTo(new PutResult.AlreadyExists(ObjectInfo.of(content)));
  }

  @Test
  void conflictWithAnotherPutIsTriedAgain() throws Exception {
    proxy.next("PUT", "/k", Fault.CONFLICT, Fault.CONFLICT);
    var content = bytes(100);

    assertThat(store.putNew("k", content, Map.of())).isInstanceOf(PutResult.Created.class);
    assertStored("k", content);
  }

  @Test
  void connectionsThatBreakInEitherDirectionAreReplaced() throws Exception {
    proxy.next("PUT", "/k", Fault.CUT_REQUEST, Fault.CUT_REQUEST);
    proxy.next("GET", "/k", Fault.CUT_ANSWER, Fault.CUT_ANSWER, Fault.LOST_ANSWER);
    var content = bytes(3 << 20);

    assertThat(store.putNew("k", content, Map.of())).isInstanceOf(PutResult.Created.class);

    assertStored("k", content);
    assertThat(store.counters().failures(Failed.CONNECTION)).isEqualTo(5);
  }

  @Test
  void damagedRangeIsNoticedAndTheNextReadIsGood() throws Exception {
    var batch = Batches.plain(1, "x".repeat(300_000));
    batch.stamp(0, 0);
    var writer = new SegmentWriter(0, null);
    writer.add(batch.bytes(), 0, 1, 1, 1, false);
    var object = new ObjectWriter();
    var placed = object.add(writer.finish());
    store.putNew("k", object.content(), Map.of());
    var row =
        new Segment(
            new PartitionId(new UUID(1, 2), 0),
            0,
            1,
            new UUID(3, 4),
            "k",
            placed.position(),
            placed.length(),
            1,
            1);
    try (var cache =
        new SegmentCache(store, null, new SegmentCache.Limits(1 << 20, 1 << 20, 2, 10, 0))) {
      cache.open(row).join();
      proxy.next("GET", "/k", Fault.DAMAGED_ANSWER);

      assertThat(cache.read(row, 0, 1).join())
          .isInstanceOfSatisfying(
              SegmentRead.Failed.class,
              failed -> assertThat(failed.failure().message()).contains("k", "damaged"));
      assertThat(cache.read(row, 0, 1).join()).isInstanceOf(SegmentRead.Found.class);
    }
  }

  @Test
  void silenceIsATimeoutAndIsTriedAgain() throws Exception {
    store.close();
    store = open(hasty(2), TimeSource.system());
    proxy.next("PUT", "/k", Fault.SILENCE);
    proxy.next("GET", "/k", Fault.SILENCE);
    var content = bytes(100);

    assertThat(store.putNew("k", content, Map.of())).isInstanceOf(PutResult.Created.class);

    assertStored("k", content);
    assertThat(store.counters().failures(Failed.TIMED_OUT)).isEqualTo(2);
  }

  /// The time for a large range is longer than the time a connection may be silent.
  @Test
  void silentConnectionIsATimeoutToo() throws Exception {
    var content = bytes(10 << 20);
    store.putNew("k", content, Map.of());
    store.close();
    store = open(hasty(2), TimeSource.system());
    proxy.next("GET", "/k", Fault.SILENCE);

    assertStored("k", content);
    assertThat(store.counters().failures(Failed.TIMED_OUT)).isEqualTo(1);
  }

  @Test
  void storeThatDoesNotAnswerIsOpenedAndWorksWhenItDoes() throws Exception {
    store.close();
    proxy.next("GET", "list-type=2", Fault.SLOW_DOWN);

    store = open(hasty(1), TimeSource.system());

    assertThat(proxy.left()).isZero();
    store.putNew("k", bytes(10), Map.of());
    assertStored("k", bytes(10));
  }

  @Test
  void deletionIsRepeatedAndItsFailureIsToldPerKey() throws Exception {
    store.putNew("a", bytes(1), Map.of());
    proxy.next("POST", "delete", Fault.SLOW_DOWN, Fault.LOST_ANSWER);
    assertThat(store.delete(List.of("a", "b")).values()).containsOnly(new DeleteResult.Gone());
    assertThat(store.list("", "", 10)).isEmpty();

    var down = new Fault[] {Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN};
    proxy.next("POST", "delete", down);
    assertThat(store.delete(List.of("a", "b")).values())
        .hasSize(2)
        .allMatch(result ->
            result instanceof DeleteResult.Failed(var cause)
                && cause instanceof ObjectStoreUnavailable);
  }

  @Test
  void partsAreRepeatedOneByOneAndALostCompletionIsRecognisedAsOurs() throws Exception {
    proxy.next("PUT", "partNumber=2", Fault.SLOW_DOWN, Fault.CUT_REQUEST, Fault.LOST_ANSWER);
    proxy.next("POST", "uploadId=", Fault.LOST_ANSWER);
    var content = large();

    assertThat(store.putNew("k", content, Map.of()))
        .isEqualTo(new PutResult.Created(ObjectInfo.of(content)));

    assertThat(proxy.seen("PUT", "partNumber=1")).isEqualTo(1);
    assertThat(proxy.seen("PUT", "partNumber=2")).isEqualTo(4);
    assertThat(proxy.left()).isZero();
    assertThat(store.head("k")).contains(ObjectInfo.of(content));
  }

  @Test
  void uploadThatIsGoneFailsAtOnceAndIsNotTriedForEver() throws Exception {
    proxy.next("PUT", "partNumber=3", Fault.NO_SUCH_UPLOAD);

    assertThatThrownBy(() -> store.putNew("k", large(), Map.of()))
        .isInstanceOf(S3Refused.class)
        .hasMessageContaining("404 NoSuchUpload");

    assertThat(proxy.seen("PUT", "partNumber=3")).isEqualTo(1);
    assertThat(proxy.seen("DELETE", "uploadId=")).as("aborted").isEqualTo(1);
    assertThat(store.head("k")).isEmpty();
  }

  @Test
  void failedUploadLeavesNoPartsBehind() throws Exception {
    var down = new Fault[] {Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN};
    proxy.next("POST", "uploadId=", down);

    assertThatThrownBy(() -> store.putNew("k", large(), Map.of()))
        .isInstanceOf(ObjectStoreUnavailable.class);

    assertThat(store.counters().abortedUploads()).isEqualTo(1);
    assertThat(store.head("k")).isEmpty();
    store.putNew("k", large(), Map.of());
    assertThat(store.head("k")).contains(ObjectInfo.of(large()));
  }

  @Test
  void uploadsOfEarlierLivesAreRemovedOnceNobodyCanBeAtThem() throws Exception {
    var down = new Fault[] {Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN, Fault.SLOW_DOWN};
    proxy.next("POST", "uploadId=", down);
    proxy.next("DELETE", "uploadId=", down);
    assertThatThrownBy(() -> store.putNew("k", large(), Map.of()))
        .isInstanceOf(ObjectStoreUnavailable.class);
    assertThat(proxy.left()).isZero();

    store.abortAbandonedUploads();
    assertThat(store.counters().abortedUploads()).as("too young").isZero();

    store.close();
    var time = new SimulatedTime();
    var now = Duration.ofMillis(TimeSource.system().wallMillis() - time.wallMillis());
    time.pass(now.plus(S3Store.UPLOAD_LIMIT.multipliedBy(2)).plusMinutes(1));
    store = open(S3Server.IMPATIENT, time);
    store.abortAbandonedUploads();
    assertThat(store.counters().abortedUploads()).isEqualTo(1);
    store.abortAbandonedUploads();
    assertThat(store.counters().abortedUploads()).isEqualTo(1);
  }

  @Test
  void objectOfSomebodyElseIsReadToFindItsChecksum() throws Exception {
    // Put past the store, without the checksum it leaves.
    try (var connection = S3Connection.open(S3Server.settings(prefix, server.endpoint()))) {
      connection
          .writes()
          .putObject(
              request -> request.bucket(S3Server.BUCKET).key(prefix + "/k"),
              software.amazon.awssdk.core.async.AsyncRequestBody.fromString("foreign"))
          .join();
    }
    assertThat(store.head("k"))
        .contains(ObjectInfo.of(List.of(ByteBuffer.wrap("foreign".getBytes(UTF_8)))));
  }

  /// Enough for parts.
  private static List<ByteBuffer> large() {
    var content = new ArrayList<ByteBuffer>();
    for (int i = 0; i < 12; i++) {
      content.addAll(bytes(1 << 20));
    }
    return content;
  }
}

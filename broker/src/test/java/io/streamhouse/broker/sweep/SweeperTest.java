package io.streamhouse.broker.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.storage.ObjectInfo;
import io.streamhouse.broker.storage.ObjectStore;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.Claim;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.Leases.TakeResult;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.SegmentManifest.NewSegment;
import io.streamhouse.metadata.Sweeps.Sweep;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class SweeperTest {

  private static final Duration GRACE = Duration.ofMinutes(1);
  private static final Duration UPLOAD = Duration.ofMinutes(3);
  private static final UUID INCARNATION = new UUID(1, 1);

  private final SimulatedTime time = new SimulatedTime();
  private final Random random = new Random(5);
  private final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
  private final Refusing store = new Refusing();
  private final UUID topicId =
      ((CreateTopic.Created) metadata.topics().create("t", 1, Map.of())).topic().id();
  private Lease<PartitionId> lease = lease();
  private long end;
  private boolean mine = true;

  /// Refuses to delete some keys, and remembers what it was asked.
  private static final class Refusing implements ObjectStore {
    private final InMemoryStore store = new InMemoryStore();
    final Set<String> refused = new HashSet<>();
    final List<String> asked = new ArrayList<>();
    boolean putFailsAfter;

    @Override
    public PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
        throws IOException {
      var result = store.putNew(key, content, metadata);
      if (putFailsAfter) {
        throw new IOException("the answer is lost");
      }
      return result;
    }

    @Override
    public ByteBuffer get(String key, long position, int length) throws IOException {
      return store.get(key, position, length);
    }

    @Override
    public Optional<ObjectInfo> head(String key) {
      return store.head(key);
    }

    @Override
    public List<String> list(String prefix, String startAfter, int limit) {
      return store.list(prefix, startAfter, limit);
    }

    @Override
    public Map<String, DeleteResult> delete(Collection<String> keys) {
      var results = new LinkedHashMap<String, DeleteResult>();
      for (var key : keys) {
        if (!key.startsWith(SweepGuard.PREFIX)) {
          asked.add(key);
        }
        if (refused.contains(key)) {
          results.put(key, new DeleteResult.Failed(new IOException("503")));
        } else {
          results.putAll(store.delete(List.of(key)));
        }
      }
      return results;
    }

    @Override
    public void close() {}
  }

  private Lease<PartitionId> lease() {
    var walId = new UUID(2, 2);
    metadata
        .leases()
        .register(
            new NewSession(INCARNATION, OptionalInt.of(1), walId, Optional.empty(), Map.of()));
    var claim = new Claim(new PartitionId(topicId, 0), true, false);
    var taken = metadata.leases().take(INCARNATION, walId, List.of(claim), List.of(walId));
    return ((TakeResult.Taken) taken.getFirst()).grant().lease();
  }

  private Sweeper sweeper(InMemoryMetadata over, int tracked) {
    return new Sweeper(
        over.manifest(),
        store,
        new SweepGuard(over.sweeps(), store, random),
        new SweepOptions(GRACE, UPLOAD, tracked, 100),
        () -> mine,
        time);
  }

  private Sweeper sweeper() {
    return sweeper(metadata, 100);
  }

  /// An object with one committed segment of ten records.
  private String committed() throws IOException {
    var key = pending();
    var id = new UUID(9, end);
    metadata
        .manifest()
        .commit(id, List.of(new NewSegment(lease, lease.epoch(), end, end + 10, 0, 10, 10, 5)));
    end += 10;
    return key;
  }

  private String pending() throws IOException {
    var key = "object-" + end;
    metadata.manifest().registerObject(INCARNATION, new UUID(9, end), key);
    store.putNew(key, List.of(ByteBuffer.wrap(new byte[10])), Map.of());
    return key;
  }

  private List<String> objects() {
    return store.list("object-", "", 1000);
  }

  private void passAfter(Sweeper sweeper, Duration duration) throws IOException {
    time.pass(duration);
    sweeper.pass();
  }

  @Test
  void whatNothingRefersToGoesOnceItsGraceIsOver() throws IOException {
    committed();
    var kept = committed();
    metadata.manifest().raiseLogStart(lease, 10, null);
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, GRACE.minusMillis(1));
    assertThat(objects()).hasSize(2);

    passAfter(sweeper, Duration.ofMillis(1));

    assertThat(objects()).containsExactly(kept);
    assertThat(sweeper.deleted()).isEqualTo(1);
  }

  @Test
  void aKeyIsDeletedAgainAfterTwiceTheUploadTimeoutAndThenForgotten() throws IOException {
    var key = pending();
    metadata.leases().end(INCARNATION);
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, GRACE);
    store.putNew(key, List.of(ByteBuffer.wrap(new byte[10])), Map.of());
    passAfter(sweeper, GRACE);
    assertThat(store.asked).containsExactly(key);
    assertThat(metadata.manifest().dueForDeletion(0, 10)).hasSize(1);

    passAfter(sweeper, UPLOAD.multipliedBy(2));

    assertThat(objects()).isEmpty();
    assertThat(metadata.manifest().dueForDeletion(0, 10)).isEmpty();
    assertThat(sweeper.deleted()).isEqualTo(1);
  }

  @Test
  void anUploadOfALiveSessionStays() throws IOException {
    pending();
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, Duration.ofDays(1));
    assertThat(objects()).hasSize(1);
    assertThat(metadata.sweeps().last().number()).isEqualTo(0);
  }

  @Test
  void objectsOfADeletedTopicGo() throws IOException {
    committed();
    committed();
    metadata.topics().delete(topicId);
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, GRACE);
    assertThat(objects()).isEmpty();
  }

  @Test
  void keysThatCannotBeDeletedHoldUpNoOthersAndNothingIsDoneTwice() throws IOException {
    for (int i = 0; i < 6; i++) {
      store.refused.add(committed());
    }
    for (int i = 0; i < 4; i++) {
      committed();
    }
    metadata.topics().delete(topicId);
    var sweeper = sweeper(metadata, 6);
    sweeper.pass();
    for (int i = 0; i < 20; i++) {
      passAfter(sweeper, GRACE);
    }
    assertThat(objects()).containsExactlyInAnyOrderElementsOf(store.refused);
    assertThat(sweeper.failed()).isGreaterThan(6);

    store.refused.clear();
    for (int i = 0; i < 30; i++) {
      passAfter(sweeper, GRACE);
    }
    assertThat(objects()).isEmpty();
    assertThat(metadata.manifest().dueForDeletion(0, 10)).isEmpty();
    assertThat(store.asked.stream().filter("object-90"::equals)).hasSize(2);
  }

  @Test
  void whoeverIsNotToSweepLeavesEverythingAlone() throws IOException {
    committed();
    metadata.topics().delete(topicId);
    mine = false;
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, GRACE);
    assertThat(objects()).hasSize(1);
    mine = true;
    sweeper.pass();
    passAfter(sweeper, GRACE.minusMillis(1));
    assertThat(objects()).hasSize(1);
  }

  @Test
  void aDatabaseOlderThanTheLastPassDeletesNothingUntilItIsAdopted() throws IOException {
    committed();
    committed();
    metadata.manifest().raiseLogStart(lease, 10, null);
    // As if three passes had run since the backup that this database was restored from.
    var newer = new InMemoryMetadata(new Random(1));
    for (int i = 0; i < 3; i++) {
      assertThat(new SweepGuard(newer.sweeps(), store, random).begin())
          .isInstanceOf(SweepGuard.Decision.Go.class);
    }
    var sweeper = sweeper();
    sweeper.pass();
    passAfter(sweeper, GRACE);

    assertThat(objects()).hasSize(2);
    assertThat(sweeper.whyStopped()).contains("pass 3", "only 0", "older");
    for (int i = 0; i < 10; i++) {
      passAfter(sweeper(), GRACE);
      passAfter(sweeper, GRACE);
    }
    assertThat(objects()).hasSize(2);

    assertThat(new SweepGuard(metadata.sweeps(), store, random).adopt()).isEqualTo(4);
    sweeper.pass();
    assertThat(sweeper.whyStopped()).isNull();
    assertThat(objects()).hasSize(1);
  }

  @Test
  void aCopyThatSweepsTooIsNoticedByTheOneThatComesSecond() throws IOException {
    var copy = new InMemoryMetadata(new Random(1));
    var ours = new SweepGuard(metadata.sweeps(), store, random);
    var theirs = new SweepGuard(copy.sweeps(), store, random);
    assertThat(ours.begin()).isEqualTo(new SweepGuard.Decision.Go(1));
    copy.sweeps().begin(new Sweep(0, 0), new Sweep(1, 12345));

    assertThat(theirs.begin()).isInstanceOf(SweepGuard.Decision.Stop.class);
    assertThat(theirs.begin()).isInstanceOf(SweepGuard.Decision.Stop.class);
    assertThat(ours.begin()).isEqualTo(new SweepGuard.Decision.Go(2));
    assertThat(store.list(SweepGuard.PREFIX, "", 10)).hasSize(1);
  }

  @Test
  void aMarkerWhoseAnswerGotLostIsOurs() throws IOException {
    var guard = new SweepGuard(metadata.sweeps(), store, random);
    store.putFailsAfter = true;
    try {
      guard.begin();
    } catch (IOException lost) {
      // As asked.
    }
    store.putFailsAfter = false;
    assertThat(guard.begin()).isEqualTo(new SweepGuard.Decision.Go(2));
  }
}

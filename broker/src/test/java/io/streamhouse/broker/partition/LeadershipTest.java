package io.streamhouse.broker.partition;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.catalog.Image;
import io.streamhouse.broker.partition.Appends.Acks;
import io.streamhouse.broker.partition.Appends.AppendResult;
import io.streamhouse.broker.partition.Flusher.Progress;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.broker.storage.InMemoryStore;
import io.streamhouse.broker.wal.AdoptedLog;
import io.streamhouse.broker.wal.SimulatedWalFiles;
import io.streamhouse.broker.wal.WalOptions;
import io.streamhouse.broker.wal.WalOptions.Fsync;
import io.streamhouse.broker.wal.WriteAheadLog;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.PartitionId;
import io.streamhouse.metadata.Sweeps.Sweep;
import io.streamhouse.metadata.TopicCatalog.CreateTopic;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/// One partition among two agents, each driven as an agent drives its leadership: it follows an
/// image when there is a new one, and is asked to go on only while it says that it is busy.
///
/// Each test is what a seed of the cluster's simulation once found. What that draws from a seed has
/// changed since, so the seeds themselves would find nothing any more.
class LeadershipTest {

  private static final int SELF = 1;
  private static final int OTHER = 2;

  private final Random random = new Random(1);
  private final SimulatedTime time = new SimulatedTime();
  private final InMemoryStore store = new InMemoryStore();
  private final Map<UUID, SimulatedWalFiles> disks = new HashMap<>();
  private boolean answersLost;

  /// Whether partitions are taken without their tails, which nobody can read then.
  private boolean unclean;

  private final InMemoryMetadata metadata =
      new InMemoryMetadata(
          random,
          new InMemoryMetadata.Faults() {
            @Override
            public void after(String transaction) {
              if (answersLost && transaction.equals("release")) {
                throw new MetadataUnavailable("lost", null);
              }
            }
          });
  private final PartitionId partition;
  private long sessions;

  LeadershipTest() {
    var created = (CreateTopic.Created) metadata.topics().create("t", 1, Map.of());
    partition = new PartitionId(created.topic().id(), 0);
  }

  private Image image() {
    return new Image("c", metadata.topics().image());
  }

  private void place(int nodeId) {
    var _ = metadata.leases().drain(SELF, nodeId != SELF);
    var _ = metadata.leases().drain(OTHER, nodeId != OTHER);
  }

  /// What an agent has for leading, without threads. Agents read each other's logs.
  private final class Node {

    final UUID incarnation;
    final UUID walId;
    final PartitionLeases leases;
    final SimulatedWalFiles disk;
    final Recovery recovery;
    final WriteAheadLog wal;
    final FlushSignal signal = new FlushSignal();
    final Leadership leadership;
    final Flusher flusher;
    Image published;

    Node(int nodeId) throws IOException {
      incarnation = new UUID(sessions++, nodeId);
      walId = new UUID(1, nodeId);
      disk = disks.computeIfAbsent(walId, _ -> new SimulatedWalFiles(random));
      var _ =
          metadata
              .leases()
              .register(
                  new NewSession(
                      incarnation, OptionalInt.of(nodeId), walId, Optional.empty(), Map.of()));
      leases = new PartitionLeases(metadata.leases(), incarnation, walId);
      var cluster = new Leadership.Cluster(incarnation, walId, _ -> true, _ -> unclean);
      var options = new WalOptions(Fsync.ALWAYS, Duration.ofMillis(100), 1 << 16, 1 << 20, 0);
      published = image();
      recovery = Recovery.run(published, leases, cluster, _ -> false, disk, options, time);
      wal = recovery.wal();
      var budget = new TailBudget(1 << 20, 1 << 18);
      var background =
          new BackgroundWork(
              metadata.manifest(),
              row -> {
                throw new IOException("not read here: " + row);
              },
              Runnable::run,
              Runnable::run,
              leases,
              signal,
              Duration.ofDays(1),
              time);
      leadership =
          new Leadership(
              leases,
              cluster,
              log -> unclean ? null : new AdoptedLog(requireNonNull(disks.get(log)), log),
              (grant, tail, adopted, settings) ->
                  new Partition(
                      grant, tail, adopted, settings, () -> true, wal, budget, background, time),
              _ -> PartitionSettings.DEFAULT,
              _ -> false,
              recovery.replay(),
              signal,
              time);
      var _ = leadership.open(published, recovery.grants());
      flusher =
          new Flusher(
              leadership::all,
              new FlushOptions(1 << 16, Duration.ofDays(1), Duration.ZERO, false, 1, 1 << 20),
              budget,
              metadata.manifest(),
              store,
              incarnation,
              () -> new UUID(random.nextLong(), random.nextLong()),
              Runnable::run,
              signal,
              time);
    }

    void seconds(int seconds) {
      for (int i = 0; i < seconds; i++) {
        time.pass(Duration.ofSeconds(1));
        try {
          if (leadership.busy()) {
            var _ = leadership.step(published);
          }
        } catch (MetadataUnavailable lost) {
          // It is asked again in a second.
        }
        follow();
      }
    }

    void follow() {
      for (int i = 0; i < 8 && metadata.topics().changes() != published.changes(); i++) {
        var fresh = image();
        if (!leadership.reconcile(fresh)) {
          published = fresh;
        }
      }
    }

    void flush() {
      signal.request();
      while (flusher.step() == Progress.WORKED) {}
    }

    /// A take whose connection was lost is carried out now.
    void takeLate() {
      var _ = leases.take(image(), EveryPartition.of(image(), true));
    }

    /// What housekeeping does of the log, as when an agent stops.
    void trim() throws IOException {
      recovery.settle(leadership, () -> metadata.leases().tailsIn(walId), _ -> true);
      wal.trim(recovery.kept(leadership), true);
    }

    void acknowledge(long offset, String value) {
      assertThat(send(led(), value)).isCompletedWithValue(new AppendResult.Appended(offset, -1, 0));
    }

    CompletableFuture<AppendResult> send(Partition to, String value) {
      var answer = to.append(Batches.plain(time.wallMillis(), value), Acks.ALL);
      wal.poll();
      return answer;
    }

    /// The release is carried out, and nobody hears of it.
    void releaseUnanswered() {
      place(OTHER);
      follow();
      answersLost = true;
      seconds(1);
      answersLost = false;
      assertThat(image().leader(partition)).isNull();
    }

    /// The partition, which this agent leads under the lease that the metadata store knows.
    Partition led() {
      var held = requireNonNull(image().leader(partition), "nobody holds it");
      assertThat(held.agent().incarnation()).isEqualTo(incarnation);
      var led = requireNonNull(leadership.find(partition), "it is not open");
      assertThat(led.lease().epoch()).isEqualTo(held.leaseEpoch());
      assertThat(led.notLeading()).isNull();
      return led;
    }
  }

  /// The agent it was placed with came back while its leader could not flush; nothing changed in
  /// the image afterwards, and the pause after a failed hand-over never ended.
  @Test
  void partitionThatCouldNotBeHandedOverIsTriedAgain() throws IOException {
    var leader = new Node(SELF);
    leader.acknowledge(0, "a");
    var other = new Node(OTHER);
    place(OTHER);
    // More than a flush may take: it is given up, and left alone for a while though it could be
    // now.
    leader.seconds(40);
    leader.flush();
    leader.seconds(5);
    leader.acknowledge(1, "b");
    leader.flush();
    leader.seconds(30);
    assertThat(leader.leadership.find(partition)).isNull();
    other.follow();
    other.acknowledge(2, "c");
  }

  /// A take whose connection was lost was carried out after the lease had been taken again: the
  /// agent held the lease under an epoch at which it led nothing, and refused everybody for ever.
  @Test
  void leaseTakenOnceMoreByALateTransactionIsOpened() throws IOException {
    var agent = new Node(SELF);
    agent.acknowledge(0, "a");
    agent.takeLate();
    agent.follow();
    assertThat(agent.led().highWatermark()).isEqualTo(1);
    agent.flush();
    agent.acknowledge(1, "b");
  }

  /// As before, of a partition that was adopted: it was opened without what had been acknowledged
  /// since, because the replay at the start had never heard of it.
  @Test
  void tailOfAnAdoptedPartitionIsReadAgainAfterALateTake() throws IOException {
    var gone = new Node(OTHER);
    gone.acknowledge(0, "a");
    var agent = new Node(SELF);
    assertThat(metadata.leases().declareDead(gone.incarnation, 0)).isTrue();
    agent.follow();
    agent.flush();
    agent.acknowledge(1, "b");
    agent.takeLate();
    agent.follow();
    assertThat(agent.led().highWatermark()).isEqualTo(2);
    agent.flush();
    agent.acknowledge(2, "c");
  }

  /// An agent started when nothing was left to take but a tail in another's log, and nothing
  /// changed afterwards: it never looked at its image for what to adopt.
  @Test
  void tailIsAdoptedThoughNothingChangesAfterTheStart() throws IOException {
    var gone = new Node(OTHER);
    gone.acknowledge(0, "a");
    assertThat(metadata.leases().declareDead(gone.incarnation, 0)).isTrue();
    var agent = new Node(SELF);
    agent.seconds(1);
    assertThat(agent.led().highWatermark()).isEqualTo(1);
    agent.flush();
    agent.acknowledge(1, "b");
  }

  /// The answer to the release of a partition was lost, then it was placed here again: it was taken
  /// back, and acknowledged what no later leader would have found.
  @Test
  void partitionThatMayBeReleasedIsNotTakenBack() throws IOException {
    var agent = new Node(SELF);
    var _ = new Node(OTHER);
    var before = agent.led();
    agent.releaseUnanswered();
    place(SELF);
    agent.follow();
    var answer = agent.send(before, "a");
    assertThat(answer).isNotDone();
    agent.seconds(3);
    assertThat(answer)
        .isCompletedWithValueMatching(result -> result instanceof AppendResult.Refused);
  }

  /// A release of unknown outcome was carried out, and seen in the image by who was to lead again:
  /// itself. Sent again it changed nothing, so nobody looked at what was free.
  @Test
  void partitionIsTakenThatWasReleasedBeforeItsReleaseWasAnswered() throws IOException {
    var agent = new Node(SELF);
    agent.acknowledge(0, "a");
    agent.flush();
    var _ = new Node(OTHER);
    agent.releaseUnanswered();
    place(SELF);
    agent.follow();
    agent.seconds(2);
    agent.acknowledge(1, "b");
  }

  /// A partition was taken without its tail while its leader was away. When that had it back, what
  /// it had written before was further than what was committed since, and its file stayed until
  /// somebody wrote as much again.
  @Test
  void tailThatWasGivenUpNeedsNoFile() throws IOException {
    var gone = new Node(SELF);
    gone.acknowledge(0, "a");
    gone.acknowledge(1, "b");
    gone.disk.killProcess();
    unclean = true;
    assertThat(metadata.leases().declareDead(gone.incarnation, 0)).isTrue();
    var other = new Node(OTHER);
    place(OTHER);
    other.follow();
    other.acknowledge(0, "c");

    var back = new Node(SELF);
    assertThat(back.leadership.find(partition)).isNull();
    assertThat(back.disk.sequences()).isNotEmpty();
    place(SELF);
    other.follow();
    other.flush();
    other.seconds(1);
    back.follow();
    assertThat(back.led().highWatermark()).isEqualTo(1);
    back.trim();
    assertThat(back.disk.sequences()).isEmpty();
  }

  /// As before, but the tail is only led again at a higher epoch: nothing of it may go.
  @Test
  void tailThatIsNotCommittedKeepsItsFile() throws IOException {
    var gone = new Node(SELF);
    gone.acknowledge(0, "a");
    gone.disk.killProcess();
    assertThat(metadata.leases().declareDead(gone.incarnation, 0)).isTrue();

    var back = new Node(SELF);
    assertThat(back.led().highWatermark()).isEqualTo(1);
    back.trim();
    assertThat(back.disk.sequences()).isNotEmpty();
    back.flush();
    back.trim();
    assertThat(back.disk.sequences()).isEmpty();
  }

  /// The database is one that was backed up before the tail began: nothing of it is replayed, and
  /// what may be the only copy of something acknowledged is left for people to look at.
  @Test
  void tailFromBeforeARestoreKeepsItsFile() throws IOException {
    var gone = new Node(SELF);
    gone.acknowledge(0, "a");
    gone.disk.killProcess();
    assertThat(metadata.leases().setTails(List.of(gone.led().lease()), Optional.empty()))
        .hasSize(1);
    metadata.sweeps().adopt(new Sweep(1, 1));

    var back = new Node(SELF);
    assertThat(back.led().highWatermark()).isZero();
    back.trim();
    assertThat(back.disk.sequences()).isNotEmpty();
  }
}

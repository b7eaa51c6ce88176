package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.config.MigrationPolicy;
import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.StoredClassicGroup.StoredMember;
import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class GroupShardTest {

  private static final GroupLimits.Classic CLASSIC =
      new GroupLimits.Classic(MigrationPolicy.BIDIRECTIONAL, 3, 6_000, 300_000);

  private static final UUID INCARNATION = new UUID(9, 9);

  @Test
  void whatRestoringAGroupChangesIsStoredWithoutARequest() {
    var metadata = new InMemoryMetadata(new Random(1));
    var _ =
        metadata
            .leases()
            .register(new NewSession(INCARNATION, 1, new UUID(7, 7), Optional.empty(), Map.of()));
    var lease = metadata.leases().takeShards(INCARNATION, Set.of(3)).getFirst();
    // It was to be told its part of the group's work, at once or be dropped.
    var member =
        new StoredMember(
            "m1",
            null,
            "c",
            "/h",
            10_000,
            0,
            List.of(new Protocol("range", Bytes.of(new byte[0]))),
            Bytes.of(new byte[0]));
    var state =
        new StoredClassicGroup(
            GroupState.COMPLETING_REBALANCE, 0, 7, "consumer", "range", "m1", List.of(member));
    assertThat(metadata.groups().save(lease, "g", state.encode())).isTrue();
    var time = new SimulatedTime();
    var loop = new SimulatedLoop(time);
    var shard =
        new GroupShard(
            lease,
            new GroupWriter(metadata.groups(), Runnable::run, loop),
            loop,
            GroupShard.Clock.of(time),
            () -> true,
            new GroupLimits(3_000_000_000L, 6_000, 300_000, 3, 10, 100),
            _ ->
                new GroupLimits.Consumers(
                    45_000, 5_000, 0, 100, List.of(Assignor.values()), CLASSIC),
            new OffsetExpiry(1_000),
            () -> new FakeTopics(),
            TopicPatternsTest.atOnce(),
            _ -> {});

    shard.begin(metadata.groups().load(lease));

    var stored = metadata.groups().load(lease).getFirst();
    assertThat(StoredClassicGroup.decode(stored.state()).members()).isEmpty();
  }
}

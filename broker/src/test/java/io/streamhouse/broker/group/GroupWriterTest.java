package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.Lease;
import io.streamhouse.metadata.Leases.NewSession;
import io.streamhouse.metadata.memory.InMemoryMetadata;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class GroupWriterTest {

  private static final UUID INCARNATION = new UUID(9, 9);

  private final InMemoryMetadata metadata = new InMemoryMetadata(new Random(1));
  private final SimulatedLoop loop = new SimulatedLoop(new SimulatedTime());
  private final ArrayDeque<Runnable> calls = new ArrayDeque<>();
  private final GroupWriter writer = new GroupWriter(metadata.groups(), calls::addLast, loop);

  private Lease<Integer> lease() {
    var _ =
        metadata
            .leases()
            .register(
                new NewSession(
                    INCARNATION, OptionalInt.of(1), new UUID(7, 7), Optional.empty(), Map.of()));
    return metadata.leases().takeShards(INCARNATION, Set.of(3)).getFirst();
  }

  @Test
  void anErrorInAWriteIsTheLoopsToSayWhatBecomesOfTheProcess() {
    var lease = lease();
    writer.write(
        lease,
        () -> {
          throw new StackOverflowError("a test");
        },
        _ -> {});
    calls.removeFirst().run();
    assertThatThrownBy(loop::drain).isInstanceOf(StackOverflowError.class);
  }

  @Test
  void whatHasNoFormFailsAloneAndTheNextWriteGoesOn() {
    var lease = lease();
    var outcomes = new ArrayList<GroupWriter.Outcome>();
    writer.write(
        lease,
        () -> {
          throw new IllegalStateException("a test");
        },
        outcomes::add);
    writer.write(lease, TreeMap::new, outcomes::add);
    calls.removeFirst().run();
    loop.drain();
    calls.removeFirst().run();
    loop.drain();
    assertThat(outcomes).containsExactly(GroupWriter.Outcome.FAILED, GroupWriter.Outcome.STORED);
  }
}

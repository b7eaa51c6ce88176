package io.streamhouse.broker.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.partition.ProducerEntry.WrittenBatch;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ProducerStatesTest {

  private static final int MOST = ProducerStates.MOST;

  /// A producer that was heard of at `id` ms, with a batch at that offset.
  private static ProducerEntry heardAt(long id) {
    return new ProducerEntry(id, (short) 0, List.of(new WrittenBatch(0, 0, id, id)), id);
  }

  private static List<ProducerEntry> heardUpTo(int end) {
    var entries = new ArrayList<ProducerEntry>();
    for (long id = 0; id < end; id++) {
      entries.add(heardAt(id));
    }
    return entries;
  }

  private static ProducerStates states(int producers) {
    var states = new ProducerStates();
    states.merge(heardUpTo(producers));
    return states;
  }

  @Test
  void whatExpiredIsForgottenUnlessItIsNotCommitted() {
    var states = states(10);
    assertThat(states.forget(6, 4)).isFalse();
    assertThat(states.all())
        .extracting(ProducerEntry::producerId)
        .containsExactlyInAnyOrder(4L, 5L, 6L, 7L, 8L, 9L);
  }

  @Test
  void ofTooManyThoseHeardOfLastAreRemembered() {
    var states = states(MOST);
    assertThat(states.forget(0, Long.MAX_VALUE)).isFalse();
    assertThat(states.size()).isEqualTo(MOST);
    states.merge(heardAt(MOST));
    assertThat(states.forget(0, Long.MAX_VALUE)).isTrue();
    assertThat(states.size()).isEqualTo(MOST * 9 / 10);
    assertThat(states.all()).allMatch(entry -> entry.producerId() > MOST - MOST * 9 / 10);
  }

  @Test
  void ofTooManyThoseThatAreNotCommittedAreRemembered() {
    var states = states(MOST + 1);
    states.forget(0, 1);
    assertThat(states.size()).isEqualTo(MOST);
    assertThat(states.all()).noneMatch(entry -> entry.producerId() == 0);
  }

  @Test
  void aFullSnapshotFitsIntoASegment() {
    var state = StoredProducers.full(heardUpTo(MOST + 5));
    assertThat(state.full()).isTrue();
    assertThat(state.producers()).hasSize(MOST).noneMatch(one -> one.producerId() < 5);
    assertThat(state.encode().remaining()).isPositive();
    assertThat(StoredProducers.enough(heardUpTo(MOST))).isTrue();
    assertThat(StoredProducers.enough(heardUpTo(MOST - 1))).isFalse();
  }
}

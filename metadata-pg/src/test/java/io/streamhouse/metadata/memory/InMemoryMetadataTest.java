package io.streamhouse.metadata.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.metadata.MetadataStore;
import io.streamhouse.metadata.MetadataStoreContract;
import io.streamhouse.metadata.MetadataUnavailable;
import io.streamhouse.metadata.Sweeps.Sweep;
import io.streamhouse.metadata.memory.InMemoryMetadata.Faults;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class InMemoryMetadataTest extends MetadataStoreContract {

  @Override
  protected MetadataStore open() {
    return new InMemoryMetadata(new Random(42));
  }

  @Test
  void theSameSeedGivesTheSameIds() {
    var one = new InMemoryMetadata(new Random(7));
    var two = new InMemoryMetadata(new Random(7));
    assertThat(one.clusterId()).isEqualTo(two.clusterId());
    assertThat(one.topics().create("a", 1, Map.of()))
        .isEqualTo(two.topics().create("a", 1, Map.of()));
  }

  @Test
  void aCutBeforeLeavesNothingAndACutAfterLeavesEverything() {
    var cut = new String[1];
    var faults =
        new Faults() {
          @Override
          public void before(String transaction) {
            fail("before " + transaction);
          }

          @Override
          public void after(String transaction) {
            fail("after " + transaction);
          }

          private void fail(String moment) {
            if (moment.equals(cut[0])) {
              throw new MetadataUnavailable(moment, null);
            }
          }
        };
    try (var store = new InMemoryMetadata(new Random(1), faults)) {
      cut[0] = "before create";
      assertThatThrownBy(() -> store.topics().create("a", 1, Map.of()))
          .isInstanceOf(MetadataUnavailable.class);
      assertThat(store.topics().image().topics()).isEmpty();
      cut[0] = "after create";
      assertThatThrownBy(() -> store.topics().create("a", 1, Map.of()))
          .isInstanceOf(MetadataUnavailable.class);
      assertThat(store.topics().image().topics()).hasSize(1);
    }
  }

  @Test
  void epochsThatDoNotFitAreNotAdopted() {
    topic("orders", 1);
    var sweeps = store.sweeps();
    for (int n = 1; n < 2048; n++) {
      sweeps.adopt(new Sweep(n, n));
    }
    assertThatThrownBy(() -> sweeps.adopt(new Sweep(2048, 1)))
        .isInstanceOf(IllegalStateException.class);
    assertThat(sweeps.last()).isEqualTo(new Sweep(2047, 2047));
  }
}

package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.storage.FaultyStore.Faults;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Without faults it is a store like any other; with them it does what they say.
class FaultyStoreTest extends ObjectStoreContract {

  @Override
  FaultyStore open() {
    return new FaultyStore(new InMemoryStore(), new Random(1), _ -> {});
  }

  @Test
  void failureBeforeLeavesNothingAndFailureAfterLeavesTheObject() throws Exception {
    var inner = new InMemoryStore();
    var faulty = new FaultyStore(inner, new Random(1), _ -> {});
    var content = List.of(bytes("abc"));

    faulty.faults(Faults.DOWN);
    assertThatThrownBy(() -> faulty.putNew("k", content, Map.of())).isInstanceOf(IOException.class);
    assertThat(inner.head("k")).isEmpty();

    faulty.faults(new Faults(0, 1, 0, 0, 0, 0));
    assertThatThrownBy(() -> faulty.putNew("k", content, Map.of())).isInstanceOf(IOException.class);
    assertThat(inner.head("k")).contains(ObjectInfo.of(content));
  }

  @Test
  void sameSeedGivesTheSameFaults() throws Exception {
    assertThat(run(7)).isEqualTo(run(7)).isNotEqualTo(run(8));
  }

  private static List<String> run(long seed) throws IOException {
    var events = new ArrayList<String>();
    var inner = new InMemoryStore();
    inner.putNew("k", List.of(ByteBuffer.allocate(100)), Map.of());
    var faulty = new FaultyStore(inner, new Random(seed), millis -> events.add("+" + millis));
    faulty.faults(new Faults(0.2, 0.2, 0.2, 1_000, 0.2, 0.2));
    for (int i = 0; i < 100; i++) {
      try {
        events.add(faulty.get("k", 0, 100).toString());
      } catch (IOException failure) {
        events.add(String.valueOf(failure.getMessage()));
      }
    }
    return events;
  }
}

package io.streamhouse.broker.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.streamhouse.broker.runtime.TimeSource;
import io.streamhouse.broker.storage.FaultyStore.Faults;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// A store that is measured is a store like any other.
class MeasuredStoreTest extends ObjectStoreContract {

  @Override
  ObjectStore open() {
    return StorageMetrics.measure(
        new InMemoryStore(), new SimpleMeterRegistry(), TimeSource.system());
  }

  @Test
  void failedCallsAreErrorsAndAMissingObjectIsNone() throws Exception {
    var meters = new SimpleMeterRegistry();
    var faulty = new FaultyStore(new InMemoryStore(), new Random(1), _ -> {});
    var store = StorageMetrics.measure(faulty, meters, TimeSource.system());
    store.putNew("k", List.of(bytes("abc")), Map.of());
    assertThat(store.get("k", 1, 2).remaining()).isEqualTo(2);
    assertThatThrownBy(() -> store.get("missing", 0, 1)).isInstanceOf(ObjectMissing.class);
    faulty.faults(Faults.DOWN);
    assertThatThrownBy(() -> store.get("k", 0, 1)).isInstanceOf(IOException.class);
    store.delete(List.of("k"));

    assertThat(meters.get("streamhouse.object.store.calls").tag("call", "get").timer().count())
        .isEqualTo(3);
    assertThat(errors(meters, "get")).isOne();
    assertThat(errors(meters, "delete")).isOne();
    assertThat(errors(meters, "put")).isZero();
    assertThat(meters.get("streamhouse.object.store.written").functionCounter().count())
        .isEqualTo(3);
    assertThat(meters.get("streamhouse.object.store.read").functionCounter().count()).isEqualTo(2);
  }

  private static double errors(SimpleMeterRegistry meters, String call) {
    return meters
        .get("streamhouse.object.store.errors")
        .tag("call", call)
        .functionCounter()
        .count();
  }
}

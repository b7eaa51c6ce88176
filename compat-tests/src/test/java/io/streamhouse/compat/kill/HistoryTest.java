package io.streamhouse.compat.kill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/// The judge itself: each kind of wrong is found, and a right history passes.
class HistoryTest {

  private final History history = new History(2, List.of(true, false));

  @Test
  void rightHistoryPasses() {
    sendAndAcknowledge(0, 0, 0);
    sendAndAcknowledge(0, 0, 1);
    history.send(0);

    assertThat(history.judge(log("0:0", "0:1"), List.of(log("0:0")))).isEmpty();
    assertThat(history.judge(log("0:0", "0:1", "0:2"), List.of())).isEmpty();
    assertThat(history.counts()).isEqualTo(new History.Counts(2, 1));
  }

  @Test
  void lostRecordIsFound() {
    sendAndAcknowledge(0, 0, 0);

    assertThat(history.judge(log(), List.of())).contains("1 × lost", "1 × not where acknowledged");
  }

  @Test
  void doubledRecordIsFoundOnlyWithIdempotence() {
    sendAndAcknowledge(0, 0, 0);
    sendAndAcknowledge(1, 0, 2);

    assertThat(history.judge(log("0:0", "0:0", "1:0", "1:0"), List.of()))
        .contains("1 × doubled")
        .hasSize(2);
  }

  @Test
  void unacknowledgedRecordMayBeThereOnce() {
    history.send(0);

    assertThat(history.judge(log("0:0"), List.of())).isEmpty();
    assertThat(history.judge(log("0:0", "0:0"), List.of())).contains("1 × doubled");
  }

  @Test
  void wrongOrderIsFound() {
    history.send(0);
    history.send(0);

    assertThat(history.judge(log("0:1", "0:0"), List.of())).contains("1 × out of order");
  }

  @Test
  void recordThatMovedAfterItWasSeenIsFound() {
    history.send(0);
    history.send(1);

    assertThat(history.judge(log("0:0", "1:0"), List.of(log("1:0"))))
        .contains("1 × seen, then changed or gone");
    assertThat(history.judge(log("0:0"), List.of(log("0:0", "1:0"))))
        .contains("1 × seen, then changed or gone");
  }

  @Test
  void gapInOffsetsIsRefused() {
    var view = log("0:0");

    assertThatThrownBy(() -> view.see(0, 2, "0:1")).isInstanceOf(AssertionError.class);
  }

  private void sendAndAcknowledge(int producer, int partition, long offset) {
    history.acknowledge(producer, history.send(producer), partition, offset);
  }

  private static History.View log(String... values) {
    var view = new History.View("reader", 2);
    for (int offset = 0; offset < values.length; offset++) {
      view.see(0, offset, values[offset]);
    }
    return view;
  }
}

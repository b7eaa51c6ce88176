package io.streamhouse.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.protocol.RequestOrder.Ticket;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class RequestOrderTest implements RequestOrder.Steps<String> {

  private final Map<String, Ticket<String>> started = new HashMap<>();
  private final List<String> sent = new ArrayList<>();
  private final RequestOrder<String> order = new RequestOrder<>(this);
  private boolean finishAtOnce;

  @Test
  void answersLeaveInArrivalOrderWhateverFinishesFirst() {
    order.arrived("p1", true);
    order.arrived("p2", true);
    finish("p2");
    assertThat(sent).isEmpty();
    finish("p1");
    assertThat(sent).containsExactly("p1", "p2");
    assertThat(order.isEmpty()).isTrue();
  }

  @Test
  void requestThatDoesNotOverlapWaitsForEverythingBeforeIt() {
    order.arrived("p1", true);
    order.arrived("m", false);
    assertThat(started).containsOnlyKeys("p1");
    finish("p1");
    assertThat(started).containsOnlyKeys("p1", "m");
  }

  @Test
  void nothingOvertakesOneThatDoesNotOverlap() {
    order.arrived("p1", true);
    order.arrived("m", false);
    order.arrived("p2", true);
    finish("p1");
    assertThat(started).containsOnlyKeys("p1", "m");
    finish("m");
    assertThat(started).containsOnlyKeys("p1", "m", "p2");
  }

  @Test
  void longPipelineThatFinishesAtOnceDoesNotNest() {
    order.arrived("first", false);
    finishAtOnce = true;
    for (int i = 0; i < 100_000; i++) {
      order.arrived("r" + i, i % 2 == 0);
    }
    finish("first");
    assertThat(sent).hasSize(100_001).startsWith("first", "r0", "r1").endsWith("r99999");
  }

  @Test
  void closedOrderHandsBackWhatWasNotSentAndSendsNothing() {
    order.arrived("p1", true);
    order.arrived("p2", true);
    order.arrived("m", false);
    finish("p2");
    assertThat(order.close()).containsExactly("p1", "p2", "m");
    finish("p1");
    assertThat(sent).isEmpty();
    assertThat(started).containsOnlyKeys("p1", "p2");
  }

  @Override
  public void start(Ticket<String> ticket) {
    started.put(ticket.request(), ticket);
    if (finishAtOnce) {
      order.finished(ticket);
    }
  }

  @Override
  public void send(String request) {
    sent.add(request);
  }

  private void finish(String request) {
    order.finished(Objects.requireNonNull(started.get(request)));
  }
}

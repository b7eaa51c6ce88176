package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.runtime.SimulatedLoop;
import io.streamhouse.broker.runtime.SimulatedTime;
import io.streamhouse.metadata.MetadataUnavailable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

final class BatchTest {

  private final SimulatedTime time = new SimulatedTime();
  private final SimulatedLoop timers = new SimulatedLoop(time);
  private final List<CompletableFuture<String>> begun = new ArrayList<>();

  private CompletableFuture<List<String>> run(
      int items, Function<Integer, CompletableFuture<String>> step) {
    return Batch.run(
        IntStream.range(0, items).boxed().toList(),
        Duration.ofSeconds(10),
        timers,
        step,
        (item, why) -> item + " " + why.error());
  }

  private CompletableFuture<String> later(int item) {
    var change = new CompletableFuture<String>();
    begun.add(change);
    return change;
  }

  @Test
  void nothingToDoIsDoneAtOnce() {
    assertThat(run(0, this::later)).isCompletedWithValue(List.of());
  }

  @Test
  void manyChangesThatFinishAtOnceDoNotRecurse() {
    var done = run(100_000, item -> CompletableFuture.completedFuture("" + item));
    assertThat(done.join()).hasSize(100_000).startsWith("0", "1").endsWith("99999");
  }

  @Test
  void onlySixteenChangesAreUnderWayAtOnce() {
    var result = run(20, this::later);
    assertThat(begun).hasSize(16);
    begun.get(7).complete("seven");
    assertThat(begun).hasSize(17);
    for (int i = 0; i < 20; i++) {
      begun.get(i).complete("done " + i);
    }
    assertThat(result.join()).hasSize(20).contains("seven", "done 19").doesNotContainNull();
  }

  @Test
  void whenTimeIsOverWhatIsDoneIsToldAndNothingMoreBegins() {
    var result = run(20, this::later);
    begun.get(1).complete("one");
    time.pass(Duration.ofSeconds(10));
    timers.drain();
    assertThat(result.join())
        .hasSize(20)
        .startsWith("0 REQUEST_TIMED_OUT", "one", "2 REQUEST_TIMED_OUT");
    assertThat(begun).hasSize(17);
    begun.get(0).complete("too late");
    assertThat(begun).hasSize(17);
    assertThat(result.join()).startsWith("0 REQUEST_TIMED_OUT");
  }

  @Test
  void aTimeBelowZeroIsOverAtOnce() {
    var result =
        Batch.run(
            List.of(1),
            Duration.ofMillis(Integer.MIN_VALUE),
            timers,
            this::later,
            (_, why) -> why.error().toString());
    timers.drain();
    assertThat(result).isCompletedWithValue(List.of("REQUEST_TIMED_OUT"));
  }

  @Test
  void aFailedChangeIsARefusalOfItsOwn() {
    var result =
        run(
            4,
            item ->
                switch (item) {
                  case 0 -> CompletableFuture.completedFuture("fine");
                  case 1 ->
                      CompletableFuture.failedFuture(
                          new MetadataUnavailable("gone", new IllegalStateException("test")));
                  case 2 ->
                      throw new MetadataUnavailable("gone", new IllegalStateException("test"));
                  default -> CompletableFuture.failedFuture(new IllegalStateException("a bug"));
                });
    assertThat(result.join())
        .containsExactly(
            "fine",
            "1 " + Errors.REQUEST_TIMED_OUT,
            "2 " + Errors.REQUEST_TIMED_OUT,
            "3 " + Errors.UNKNOWN_SERVER_ERROR);
  }

  @Test
  void changesMayFinishOnAnyThread() throws Exception {
    for (int round = 0; round < 50; round++) {
      try (var threads = Executors.newFixedThreadPool(4)) {
        var start = new CountDownLatch(1);
        var result =
            run(
                500,
                item ->
                    CompletableFuture.supplyAsync(
                        () -> {
                          try {
                            start.await();
                          } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                          }
                          return "" + item;
                        },
                        threads));
        start.countDown();
        assertThat(result.join())
            .containsExactlyElementsOf(IntStream.range(0, 500).mapToObj(i -> "" + i).toList());
      }
    }
  }
}

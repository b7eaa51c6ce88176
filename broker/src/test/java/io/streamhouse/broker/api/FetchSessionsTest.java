package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.broker.api.FetchSession.Ask;
import io.streamhouse.broker.api.FetchSession.FetchKey;
import io.streamhouse.broker.api.FetchSession.Told;
import io.streamhouse.broker.api.FetchSessions.Context;
import io.streamhouse.broker.runtime.SimulatedTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

final class FetchSessionsTest {

  private static final int INITIAL = 0;
  private static final int FINAL = -1;

  private final SimulatedTime time = new SimulatedTime();
  private final FetchSessions sessions = new FetchSessions(2, time, new Random(1));

  @Test
  void aFullRequestOpensASessionThatExpectsEpochOne() {
    int id = open(key("t", 0), key("t", 1));
    assertThat(id).isPositive();
    var next = (Context.Incremental) enter(id, 1, false, Map.of(), List.of());
    assertThat(keys(next)).containsExactly(key("t", 0), key("t", 1));
  }

  @Test
  void aRequestWithTheFinalEpochGetsNoSessionAndEndsTheOneItNames() {
    int id = open(key("t", 0));
    var full = (Context.Full) enter(id, FINAL, false, asks(key("t", 0)), List.of());
    assertThat(sessions.open(full, List.of())).isZero();
    assertThat(enter(id, 1, false, Map.of(), List.of()))
        .isEqualTo(new Context.Refused(Errors.FETCH_SESSION_ID_NOT_FOUND));
  }

  @Test
  void anInitialRequestWithAnIdReplacesThatSession() {
    int id = open(key("t", 0));
    var full = (Context.Full) enter(id, INITIAL, false, asks(key("t", 0)), List.of());
    assertThat(sessions.size()).isZero();
    assertThat(sessions.open(full, List.of())).isPositive().isNotEqualTo(id);
  }

  @Test
  void anEpochServesOnce() {
    int id = open(key("t", 0));
    assertThat(enter(id, 2, false, Map.of(), List.of()))
        .isEqualTo(new Context.Refused(Errors.INVALID_FETCH_SESSION_EPOCH));
    assertThat(enter(id, 1, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
    assertThat(enter(id, 1, false, Map.of(), List.of()))
        .isEqualTo(new Context.Refused(Errors.INVALID_FETCH_SESSION_EPOCH));
    assertThat(enter(id, 2, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
  }

  @Test
  void epochsWrapToOne() {
    assertThat(FetchSession.nextEpoch(Integer.MAX_VALUE)).isEqualTo(1);
  }

  @Test
  void aSessionStaysWithNamesOrWithIds() {
    int id = open(key("t", 0));
    assertThat(enter(id, 1, true, Map.of(), List.of()))
        .isEqualTo(new Context.Refused(Errors.FETCH_SESSION_TOPIC_ID_ERROR));
    assertThat(enter(id, 1, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
  }

  @Test
  void aSessionThatForgetsEverythingEnds() {
    int id = open(key("t", 0));
    var full = (Context.Full) enter(id, 1, false, Map.of(), List.of(key("t", 0)));
    assertThat(full.asks()).isEmpty();
    assertThat(sessions.open(full, List.of())).isZero();
    assertThat(sessions.size()).isZero();
  }

  @Test
  void anAnswerToARequestThatWasOvertakenIsNone() {
    int id = open(key("t", 0));
    var first = (Context.Incremental) enter(id, 1, false, Map.of(), List.of());
    var _ = enter(id, 2, false, Map.of(), List.of());
    assertThat(first.session().answer(1, List.of())).isNull();
  }

  @Test
  void aFullCacheGivesNoSessionWhileAllAreYoungAndInUse() {
    assertThat(open(key("t", 0))).isPositive();
    assertThat(open(key("t", 0))).isPositive();
    assertThat(open(key("t", 0), key("t", 1))).isZero();
  }

  @Test
  void aSessionLongUnusedGivesWay() {
    int idle = open(key("t", 0), key("t", 1));
    time.pass(Duration.ofSeconds(61));
    int used = open(key("t", 0));
    time.pass(Duration.ofSeconds(60));
    assertThat(open(key("t", 0))).isPositive();
    assertThat(enter(idle, 1, false, Map.of(), List.of())).isInstanceOf(Context.Refused.class);
    assertThat(enter(used, 1, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
  }

  @Test
  void theSmallestOldSessionGivesWayToOneNoSmaller() {
    int large = open(key("t", 0), key("t", 1), key("t", 2));
    int small = open(key("t", 0), key("t", 1));
    time.pass(Duration.ofSeconds(121));
    assertThat(enter(large, 1, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
    assertThat(enter(small, 1, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
    assertThat(open(key("t", 0))).isZero();
    assertThat(open(key("t", 0), key("t", 1))).isPositive();
    assertThat(enter(small, 2, false, Map.of(), List.of())).isInstanceOf(Context.Refused.class);
    assertThat(enter(large, 2, false, Map.of(), List.of())).isInstanceOf(Context.Incremental.class);
  }

  @Test
  void noSlotsMeanNoSessions() {
    var none = new FetchSessions(0, time, new Random(1));
    var full = new Context.Full(asks(key("t", 0)), true, false);
    assertThat(none.open(full, List.of())).isZero();
  }

  @Test
  void partitionsWithRecordsGoToTheEnd() {
    int id = open(key("t", 0), key("t", 1), key("t", 2));
    var context = (Context.Incremental) enter(id, 1, false, Map.of(), List.of());
    var told = told(keys(context));
    told.set(0, new Told(key("t", 0), 9, 0, true, false));
    assertThat(context.session().answer(1, told)).isEqualTo(BitSet.valueOf(new long[] {1}));
    var next = (Context.Incremental) enter(id, 2, false, Map.of(), List.of());
    assertThat(keys(next)).containsExactly(key("t", 1), key("t", 2), key("t", 0));
  }

  /// Against the simplest model there is: what the client believes it asked for and was told.
  @Test
  void theClientAlwaysKnowsWhatTheServerWouldSayInFull() {
    for (int seed = 0; seed < 500; seed++) {
      var random = new Random(seed);
      var asked = new LinkedHashMap<FetchKey, Ask>();
      for (int i = 0; i <= random.nextInt(4); i++) {
        asked.put(key("t", i), ask(random));
      }
      var state = new LinkedHashMap<FetchKey, Long>();
      var known = new LinkedHashMap<FetchKey, Long>();
      var full = (Context.Full) enter(0, INITIAL, false, Map.copyOf(asked), List.of());
      var firstTold = tell(asked.keySet(), state, random);
      firstTold.forEach(told -> known.put(told.key(), told.highWatermark()));
      int id = sessions.open(full, firstTold);
      if (id == 0) {
        time.pass(Duration.ofMinutes(3));
        continue;
      }
      for (int epoch = 1; epoch < 20; epoch++) {
        var changed = new LinkedHashMap<FetchKey, Ask>();
        var forgotten = new ArrayList<FetchKey>();
        for (int n = random.nextInt(3); n > 0; n--) {
          var key = key("t", random.nextInt(6));
          if (random.nextBoolean()) {
            changed.put(key, ask(random));
          } else if (!changed.containsKey(key)) {
            forgotten.add(key);
          }
        }
        asked.putAll(changed);
        forgotten.forEach(asked::remove);
        forgotten.forEach(known::remove);
        changed.keySet().removeIf(forgotten::contains);
        forgotten.forEach(asked::remove);
        var context = enter(id, epoch, false, changed, forgotten);
        if (asked.isEmpty()) {
          assertThat(context).isInstanceOf(Context.Full.class);
          break;
        }
        var incremental = (Context.Incremental) context;
        assertThat(incremental.asks())
            .as("seed %d", seed)
            .containsExactlyInAnyOrderElementsOf(asked.entrySet());
        var told = tell(keys(incremental), state, random);
        var heard = incremental.session().answer(epoch, told);
        assertThat(heard).isNotNull();
        heard.stream()
            .mapToObj(told::get)
            .forEach(news -> known.put(news.key(), news.highWatermark()));
        told.forEach(news -> assertThat(known).containsEntry(news.key(), news.highWatermark()));
      }
      time.pass(Duration.ofMinutes(3));
    }
  }

  private static List<Told> tell(
      Iterable<FetchKey> keys, Map<FetchKey, Long> state, Random random) {
    var told = new ArrayList<Told>();
    for (var key : keys) {
      boolean failed = random.nextInt(8) == 0;
      long end = state.merge(key, random.nextInt(3) == 0 ? 1L : 0L, Long::sum);
      told.add(new Told(key, failed ? -1 : end, failed ? -1 : 0, false, failed));
    }
    return told;
  }

  private static List<Told> told(Iterable<FetchKey> keys) {
    var told = new ArrayList<Told>();
    keys.forEach(key -> told.add(new Told(key, 9, 0, false, false)));
    return told;
  }

  private static List<FetchKey> keys(Context.Incremental context) {
    return context.asks().stream().map(Map.Entry::getKey).toList();
  }

  private int open(FetchKey... keys) {
    var asks = asks(keys);
    var full = (Context.Full) enter(0, INITIAL, false, asks, List.of());
    return sessions.open(full, told(asks.keySet()));
  }

  private Context enter(
      int id, int epoch, boolean byId, Map<FetchKey, Ask> asks, List<FetchKey> forgotten) {
    return sessions.enter(id, epoch, byId, asks, forgotten);
  }

  private static FetchKey key(String topic, int partition) {
    return new FetchKey(topic, Uuid.ZERO_UUID, partition);
  }

  private static Map<FetchKey, Ask> asks(FetchKey... keys) {
    var asks = new LinkedHashMap<FetchKey, Ask>();
    for (var key : keys) {
      asks.put(key, new Ask(0, 1000, -1, -1));
    }
    return asks;
  }

  private static Ask ask(Random random) {
    return new Ask(random.nextInt(100), 1000, -1, -1);
  }
}

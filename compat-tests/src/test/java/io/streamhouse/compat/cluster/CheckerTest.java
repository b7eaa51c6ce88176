package io.streamhouse.compat.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.streamhouse.compat.cluster.Observations.Commit;
import io.streamhouse.compat.cluster.Observations.CommittedRead;
import io.streamhouse.compat.cluster.Observations.EndRead;
import io.streamhouse.compat.cluster.Observations.Reader;
import io.streamhouse.compat.cluster.Observations.Run;
import io.streamhouse.compat.cluster.Observations.Sent;
import io.streamhouse.compat.cluster.Violation.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Each violation that can be is planted alone in a history that is clean otherwise, and found.
class CheckerTest {

  private static final String GROUP = "group";
  private static final Reader MEMBER = new Reader("member", GROUP);

  private final Observations observed = new Observations(2, 1_000);
  private final List<Sent> first = observed.newProducer();
  private final List<Sent> second = observed.newProducer();

  /// By partition, what is in the log.
  private final List<List<Tag>> log = List.of(new ArrayList<>(), new ArrayList<>());

  /// The first offset written under the producers' second epoch.
  private long rewrittenFrom = Long.MAX_VALUE;

  private Tag unknownAndThere = new Tag(0, 0, 0);

  /// Two producers in partition 0, one of them with a record of unknown outcome that is there, one
  /// that is not, and one that was refused; one in partition 1. A member has read and committed.
  @BeforeEach
  void cleanHistory() {
    for (int record = 0; record < 5; record++) {
      acknowledged(first, 0);
      acknowledged(second, 0);
      acknowledged(first, 1);
    }
    unknownAndThere = second.get(0).next();
    log.get(0).add(unknownAndThere);
    second.get(0).next();
    acknowledged(second, 0);
    first.get(1).refused(first.get(1).next().sequence());
    acknowledged(first, 1);
    read(MEMBER, 0, 0, 12);
    read(MEMBER, 1, 0, 6);
    commit(0, 0, 10, 11);
    commit(1, 0, 10, 11);
    observed.add(new CommittedRead(MEMBER, 0, 0, 12, 13));
    commit(0, 8, 20, 21);
    commit(0, 12, 30, 31);
    commit(1, 6, 30, 31);
    observed.add(new CommittedRead(new Reader("watcher", GROUP), 0, 12, 40, 41));
    observed.add(new EndRead(0, 6, 5, 10, 11));
    observed.add(new EndRead(0, 12, 12, 20, 21));
  }

  private Tag acknowledged(List<Sent> producer, int partition) {
    var tag = producer.get(partition).next();
    log.get(partition).add(tag);
    producer.get(partition).acknowledged(tag.sequence(), log.get(partition).size() - 1);
    return tag;
  }

  private Run read(Reader reader, int partition, int from, int to) {
    var run = observed.begin(reader, partition, from);
    log.get(partition).subList(from, to).forEach(run::add);
    return run;
  }

  private void commit(int partition, long offset, long begun, long ended) {
    observed.add(new Commit(GROUP, partition, offset, begun, ended));
  }

  private void committedRead(long offset, long begun, long ended) {
    observed.add(new CommittedRead(MEMBER, 0, offset, begun, ended));
  }

  private Checker.Verdict verdict() {
    var last = new ArrayList<Run>();
    for (int partition = 0; partition < log.size(); partition++) {
      last.add(read(Reader.of("last"), partition, 0, log.get(partition).size()));
    }
    return Checker.check(observed, last, this::batch);
  }

  /// Each record is a batch, under an epoch that rises where [#rewrittenFrom] says so.
  private LogBatch batch(int partition, long offset) {
    return new LogBatch(
        offset, 5, (short) (offset >= rewrittenFrom ? 1 : 0), (int) (offset - rewrittenFrom), 7);
  }

  private void assertFound(Kind... kinds) {
    assertThat(verdict().counts()).containsOnlyKeys(kinds);
  }

  @Test
  void cleanHistoryHasNoViolation() {
    var verdict = verdict();
    assertThat(verdict.examples()).isEmpty();
    assertThat(verdict.clean()).isTrue();
    assertThat(verdict.records()).isEqualTo(18);
    assertThat(observed.counts()).isEqualTo(new Observations.Counts(17, 2, 1));
  }

  @Test
  void acknowledgedRecordThatIsNotThereIsLost() {
    var tag = first.get(1).next();
    first.get(1).acknowledged(tag.sequence(), 6);
    var verdict = verdict();
    assertThat(verdict.counts()).isEqualTo(Map.of(Kind.LOST, 1));
    assertThat(verdict.examples().getFirst().what()).contains("offset 6 of partition 1");
  }

  @Test
  void recordAcknowledgedWithoutAnOffsetThatIsNotThereIsLost() {
    var tag = first.get(1).next();
    first.get(1).acknowledged(tag.sequence(), -1);
    assertFound(Kind.LOST);
  }

  @Test
  void recordAcknowledgedWithoutAnOffsetMayBeAnywhere() {
    var tag = first.get(1).next();
    log.get(1).add(tag);
    first.get(1).acknowledged(tag.sequence(), -1);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void recordThatIsThereTwiceIsDoubled() {
    log.get(1).add(log.get(1).getLast());
    assertFound(Kind.DOUBLED);
  }

  @Test
  void recordOfUnknownOutcomeThatIsThereTwiceIsDoubled() {
    log.get(0).add(unknownAndThere);
    assertFound(Kind.DOUBLED);
  }

  @Test
  void whatAClientWroteAgainUnderALaterEpochAfterItGaveABatchUpIsCounted() {
    rewrittenFrom = log.get(0).size();
    log.get(0).add(unknownAndThere);
    var verdict = verdict();
    assertThat(verdict.clean()).isTrue();
    assertThat(verdict.rewritten()).isEqualTo(1);
  }

  @Test
  void whatAClientWroteAgainMayNotBeThereAThirdTime() {
    rewrittenFrom = log.get(0).size();
    log.get(0).add(unknownAndThere);
    log.get(0).add(unknownAndThere);
    var verdict = verdict();
    assertThat(verdict.counts()).isEqualTo(Map.of(Kind.DOUBLED, 1));
    assertThat(verdict.rewritten()).isEqualTo(1);
  }

  @Test
  void whatWasAcknowledgedIsNotWrittenAgain() {
    var tag = second.get(0).next();
    log.get(0).add(tag);
    second.get(0).acknowledged(tag.sequence(), log.get(0).size() - 1);
    rewrittenFrom = log.get(0).size();
    log.get(0).add(tag);
    assertFound(Kind.DOUBLED);
  }

  @Test
  void whatIsThereAgainUnderALaterEpochThoughNothingWasGivenUpIsDoubled() {
    rewrittenFrom = log.get(1).size();
    log.get(1).add(log.get(1).getLast());
    var verdict = verdict();
    assertThat(verdict.counts()).isEqualTo(Map.of(Kind.DOUBLED, 1));
    assertThat(verdict.examples().getFirst().what()).contains("epoch 0", "epoch 1", "before at 5");
  }

  @Test
  void recordAfterALaterOneOfItsProducerIsOutOfOrder() {
    var early = second.get(1).next();
    var late = second.get(1).next();
    log.get(1).add(late);
    log.get(1).add(early);
    assertFound(Kind.OUT_OF_ORDER);
  }

  @Test
  void recordElsewhereThanAcknowledgedIsMisplaced() {
    var tag = second.get(1).next();
    log.get(1).add(tag);
    second.get(1).acknowledged(tag.sequence(), 2);
    assertFound(Kind.MISPLACED);
  }

  @Test
  void recordAcknowledgedBeyondTheEndIsMisplacedWhereItIsElsewhere() {
    var tag = second.get(1).next();
    log.get(1).add(tag);
    second.get(1).acknowledged(tag.sequence(), 99);
    assertFound(Kind.MISPLACED);
  }

  @Test
  void recordThatWasNeverSentIsNotThere() {
    var tag = second.get(1).next();
    second.get(1).refused(tag.sequence());
    log.get(1).add(tag);
    assertFound(Kind.REFUSED_YET_THERE);
  }

  @Test
  void recordOfAnotherPartitionIsAlien() {
    log.get(1).add(second.get(0).next());
    assertFound(Kind.ALIEN);
  }

  @Test
  void recordOfNoProducerIsAlien() {
    log.get(1).add(new Tag(7, 1, 0));
    assertFound(Kind.ALIEN);
  }

  @Test
  void recordWithASequenceThatWasNotReachedIsAlien() {
    log.get(1).add(new Tag(0, 1, 100));
    assertFound(Kind.ALIEN);
  }

  @Test
  void offsetWithoutARecordIsAGap() {
    var run = observed.begin(Reader.of("last"), 0, 0);
    log.get(0).subList(0, 11).forEach(run::add);
    var jumped = observed.jump(Reader.of("last"), 0, 12);
    jumped.add(log.get(0).get(11));
    var other = read(Reader.of("last"), 1, 0, 6);
    assertThat(Checker.check(observed, List.of(run, jumped, other), this::batch).counts())
        .containsKeys(Kind.GAP, Kind.JUMPED, Kind.MISPLACED);
  }

  @Test
  void recordSeenThatIsAnotherLaterHasChanged() {
    var run = observed.begin(Reader.of("tail"), 0, 3);
    run.add(log.get(0).get(4));
    assertFound(Kind.CHANGED);
  }

  @Test
  void recordSeenBeyondWhatLaterReadersSeeIsFound() {
    var run = read(Reader.of("tail"), 0, 0, 12);
    run.add(second.get(0).next());
    assertFound(Kind.UNSEEN_LATER);
  }

  @Test
  void readerWhosePositionMovesByItselfIsFound() {
    read(Reader.of("tail"), 0, 0, 6);
    var run = observed.jump(Reader.of("tail"), 0, 3);
    run.add(log.get(0).get(3));
    assertFound(Kind.JUMPED);
  }

  @Test
  void readerWhoBeginsAnywhereIsNone() {
    read(Reader.of("another"), 0, 5, 9);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void resetIsFound() {
    observed.reset("tail: out of range");
    assertFound(Kind.RESET);
  }

  @Test
  void committedOffsetBehindAnAcknowledgedCommitIsFound() {
    committedRead(8, 50, 51);
    assertFound(Kind.COMMIT_BEHIND);
  }

  @Test
  void committedOffsetThatIsGoneIsFound() {
    committedRead(-1, 50, 51);
    assertFound(Kind.COMMIT_BEHIND);
  }

  @Test
  void committedOffsetThatNobodyCommittedIsFound() {
    committedRead(13, 50, 51);
    assertFound(Kind.COMMIT_AHEAD);
  }

  @Test
  void committedOffsetBeforeItWasCommittedIsFound() {
    committedRead(12, 22, 29);
    assertFound(Kind.COMMIT_AHEAD);
  }

  @Test
  void readThatOverlapsACommitMayFindEither() {
    committedRead(8, 25, 30);
    committedRead(12, 25, 30);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void commitWithoutAnAnswerMayTakeEffectLater() {
    commit(0, 9, 22, Observations.NEVER);
    committedRead(9, 60, 61);
    commit(0, 10, 62, 63);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void commitWithoutAnAnswerExplainsNoOtherOffset() {
    commit(0, 9, 22, Observations.NEVER);
    committedRead(8, 60, 61);
    assertFound(Kind.COMMIT_BEHIND);
  }

  @Test
  void readBeforeAnyCommitFindsNone() {
    committedRead(-1, 5, 6);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void commitBehindAnEarlierOneIsFound() {
    commit(0, 10, 50, 51);
    assertFound(Kind.COMMIT_WENT_BACK);
  }

  @Test
  void commitBehindOneAtTheSameTimeIsNone() {
    commit(0, 10, 29, 51);
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void endThatFallsIsFound() {
    observed.add(new EndRead(0, 11, 11, 30, 31));
    assertFound(Kind.END_WENT_BACK);
  }

  @Test
  void endReadAtTheSameTimeMayBeEither() {
    observed.add(new EndRead(0, 11, 11, 19, 31));
    assertThat(verdict().clean()).isTrue();
  }

  @Test
  void endBehindAnAcknowledgementIsFound() {
    observed.add(new EndRead(1, 3, 4, 30, 31));
    assertFound(Kind.END_BEHIND);
  }

  @Test
  void endBeyondTheEndIsFound() {
    observed.add(new EndRead(1, 7, 4, 30, 31));
    assertFound(Kind.END_BEYOND);
  }

  @Test
  void recordThatAGroupWentPastIsSkipped() {
    acknowledged(first, 1);
    acknowledged(first, 1);
    read(MEMBER, 1, 7, 8);
    commit(1, 8, 50, 51);
    assertFound(Kind.SKIPPED);
  }

  @Test
  void manyOfAKindAreCountedAndAFewTold() {
    for (int record = 0; record < 100; record++) {
      first.get(1).acknowledged(first.get(1).next().sequence(), 6 + record);
    }
    var verdict = verdict();
    assertThat(verdict.counts()).isEqualTo(Map.of(Kind.LOST, 100));
    assertThat(verdict.examples()).hasSize(5);
  }

  @Test
  void tagsSurviveBothForms() {
    var tag = new Tag(32_767, 1_234, Integer.MAX_VALUE);
    assertThat(Tag.of(tag.packed())).isEqualTo(tag);
    assertThat(Tag.parse(tag.toString())).isEqualTo(tag);
  }
}

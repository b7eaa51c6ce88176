package io.streamhouse.broker.partition;

import java.time.Duration;

/// Whether a partition's appends go through the write-ahead log, and what of its tail is in there.
/// Guarded by its partition's lock.
///
/// A partition whose level is `object` appends without the log, and its row in the metadata names
/// no tail. What the log has of a tail is always one run that begins at or below the committed end:
/// so that replay never meets a gap, a change to `local` first gives the log what the tail has
/// already. And nothing is acknowledged from the log before the row names it as the tail.
///
/// | level wanted | row      | does                                                        |
/// |--------------|----------|-------------------------------------------------------------|
/// | `local`      | not ours | has the row set; appends go on without the log meanwhile    |
/// | `local`      | ours     | gives the log the tail, then every append                   |
/// | `object`     | ours     | appends without the log; clears the row once nothing in the |
/// |              |          | log is uncommitted                                          |
///
/// An idle partition is treated as one of level `object` until something is appended.
///
/// The tail of an adopted partition is in another log, which its row names, until all of it is
/// committed; then the row is set or cleared, as the level says, and only then is anything
/// appended.
///
/// The row is not known while it is being changed or after that failed: then it counts as not ours
/// for `local`, and as to be cleared for `object`.
final class Logging {

  private boolean on;
  private long end;
  private Row row;
  private boolean changing;

  /// Appends wait for the row to be set, rather than be made an object of.
  private boolean waking;

  /// A clearing whose answer never came may still be carried out, after a later setting even. Until
  /// it surely is not any more, the row is not set.
  private long notSetBeforeNanos;

  private static final Duration CLEARING_LASTS = Duration.ofMinutes(2);

  private enum Row {
    OURS,
    /// It names the log that an adopted tail is in.
    ADOPTED,
    UNKNOWN,
    NONE
  }

  /// What is to be done now, if anything.
  enum Action {
    NOTHING,
    /// Have the row name this agent's log: [#changed] says what became of it.
    SET_ROW,
    /// Have the row name no log: [#changed] says what became of it.
    CLEAR_ROW,
    /// Append the tail from [#from] on to the log, then call [#caughtUp].
    LOG_TAIL
  }

  /// @param named whether the row names this agent's log
  /// @param wanted whether appends should go through it
  /// @param replayedEnd of what the log has
  Logging(boolean named, boolean wanted, long replayedEnd, long nowNanos) {
    this.notSetBeforeNanos = nowNanos;
    this.row = named ? Row.OURS : Row.NONE;
    this.on = named && wanted;
    this.end = replayedEnd;
  }

  /// Of a partition whose tail, up to `adoptedEnd`, is in another log.
  static Logging adopting(long adoptedEnd, long nowNanos) {
    var logging = new Logging(false, false, adoptedEnd, nowNanos);
    logging.row = Row.ADOPTED;
    return logging;
  }

  /// Whether the row names no log but this agent's, surely.
  boolean settled() {
    return row == Row.OURS || row == Row.NONE;
  }

  /// Something was appended after the row was cleared for want of appends.
  void wake() {
    waking = true;
  }

  /// Whether what is appended waits for the row: for one transaction, however that ends.
  boolean waking() {
    return waking;
  }

  /// Whether appends go through the log.
  boolean on() {
    return on;
  }

  /// The log has been given everything up to `endOffset`.
  void logged(long endOffset) {
    end = endOffset;
  }

  /// Where the log must go on so that its run has no gap.
  long from(long committedEnd) {
    return Math.max(end, committedEnd);
  }

  /// The log has the whole tail; appends follow.
  void caughtUp() {
    on = true;
  }

  Action next(boolean wanted, long committedEnd, long nowNanos) {
    if (wanted) {
      if (on) {
        return Action.NOTHING;
      }
      if (row == Row.OURS) {
        return Action.LOG_TAIL;
      }
      if (row == Row.ADOPTED && committedEnd < end) {
        return Action.NOTHING;
      }
      if (nowNanos - notSetBeforeNanos < 0) {
        waking = false;
        return Action.NOTHING;
      }
      return change(Action.SET_ROW);
    }
    on = false;
    waking = false;
    return row == Row.NONE || committedEnd < end ? Action.NOTHING : change(Action.CLEAR_ROW);
  }

  private Action change(Action action) {
    if (changing) {
      return Action.NOTHING;
    }
    changing = true;
    row = Row.UNKNOWN;
    return action;
  }

  /// The row was changed, or it is not known whether.
  void changed(Action action, boolean done, long nowNanos) {
    changing = false;
    waking = false;
    if (done) {
      row = action == Action.SET_ROW ? Row.OURS : Row.NONE;
    } else if (action == Action.CLEAR_ROW) {
      notSetBeforeNanos = nowNanos + CLEARING_LASTS.toNanos();
    }
  }
}

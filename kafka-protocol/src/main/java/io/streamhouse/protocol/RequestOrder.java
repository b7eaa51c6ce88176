package io.streamhouse.protocol;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// The order of one connection: when each request may start, and when its answer may leave.
///
/// Requests start in arrival order. One that overlaps starts as soon as every earlier one that is
/// not finished overlaps too; any other waits until all earlier ones are finished. Answers leave in
/// arrival order. Confined to the connection's event loop; has no thread and no socket.
///
/// @param <R> a request, compared by identity
final class RequestOrder<R> {

  /// What the order decides.
  interface Steps<R> {

    /// May call [RequestOrder#finished] before it returns.
    void start(Ticket<R> ticket);

    /// The request is finished and everything before it was sent.
    void send(R request);
  }

  /// A place in the order.
  static final class Ticket<R> {
    private final R request;
    private final boolean overlaps;
    private boolean finished;

    private Ticket(R request, boolean overlaps) {
      this.request = request;
      this.overlaps = overlaps;
    }

    R request() {
      return request;
    }
  }

  private final Steps<R> steps;

  /// Those started and not yet sent, in arrival order.
  private final ArrayDeque<Ticket<R>> started = new ArrayDeque<>();

  /// Those not started, in arrival order.
  private final ArrayDeque<Ticket<R>> waiting = new ArrayDeque<>();

  private int running;
  private boolean exclusiveRunning;
  private boolean advancing;
  private boolean closed;

  RequestOrder(Steps<R> steps) {
    this.steps = steps;
  }

  void arrived(R request, boolean overlaps) {
    if (closed) {
      throw new IllegalStateException("closed");
    }
    waiting.addLast(new Ticket<>(request, overlaps));
    advance();
  }

  void finished(Ticket<R> ticket) {
    if (ticket.finished) {
      throw new IllegalStateException("finished twice: " + ticket.request);
    }
    ticket.finished = true;
    running--;
    if (!ticket.overlaps) {
      exclusiveRunning = false;
    }
    advance();
  }

  /// Requests started and not finished.
  int running() {
    return running;
  }

  /// Nothing waits, runs, or is unsent.
  boolean isEmpty() {
    return started.isEmpty() && waiting.isEmpty();
  }

  /// Ends the order: nothing is started or sent any more; what runs may still finish.
  ///
  /// @return every request not sent, in arrival order
  List<R> close() {
    closed = true;
    var left = new ArrayList<R>();
    for (var ticket : started) {
      left.add(ticket.request);
    }
    for (var ticket : waiting) {
      left.add(ticket.request);
    }
    started.clear();
    waiting.clear();
    return left;
  }

  /// A loop, not recursion: requests that finish while they are started would otherwise nest as
  /// deep as the client pipelines.
  private void advance() {
    if (advancing) {
      return;
    }
    advancing = true;
    try {
      while (!closed) {
        var first = started.peekFirst();
        if (first != null && first.finished) {
          started.removeFirst();
          steps.send(first.request);
          continue;
        }
        var next = waiting.peekFirst();
        if (next == null || (next.overlaps ? exclusiveRunning : running > 0)) {
          return;
        }
        waiting.removeFirst();
        started.addLast(next);
        running++;
        exclusiveRunning = !next.overlaps;
        steps.start(next);
      }
    } finally {
      advancing = false;
    }
  }
}

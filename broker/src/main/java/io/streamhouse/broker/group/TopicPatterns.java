package io.streamhouse.broker.group;

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import io.streamhouse.broker.runtime.TimeSource;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Which topics the regular expressions stand for that members of consumer groups subscribe to
/// (KIP-848): RE2's, which take time linear in what they are matched against, matched against whole
/// names.
///
/// Linear may still be long, so nothing is compiled or matched on the loop of the groups, to which
/// this is confined: the work goes to an executor, one short slice at a time, and those that have
/// work take turns. So a pattern that takes long delays others only by its slices, and it is given
/// up after a while. Until a pattern is resolved, nobody knows what it stands for; after topics
/// came or went it stands for what it did before until it has been matched against what is new.
///
/// Bounded: by the patterns in use and the topics that they stand for. There is no room for others
/// until some of those are out of use; they stay unresolved.
public final class TopicPatterns {

  private static final Logger log = LoggerFactory.getLogger(TopicPatterns.class);

  /// Longest pattern. Kafka has no limit; without one a pattern could take any amount of memory.
  private static final int MAX_LENGTH = 1_000;

  /// Most that counted repetitions may stretch a pattern to while it is compiled, in characters:
  /// those inside others multiply.
  private static final long MAX_STRETCHED = 500_000;

  /// Most instructions of a compiled pattern: what one character of a name costs at worst.
  private static final int MAX_INSTRUCTIONS = 1_000;

  private static final Pattern REPETITION = Pattern.compile("\\{([0-9]+)(?:,([0-9]*))?\\}");

  /// How long a pattern is worked on before it is another's turn.
  private static final long SLICE_NANOS = Duration.ofMillis(10).toNanos();

  /// A pattern that nobody asked for in this time is out of use: members ask at every heartbeat.
  private static final long IDLE_NANOS = Duration.ofMinutes(1).toNanos();

  private final Executor loop;
  private final Executor work;
  private final TimeSource time;
  private final Limits limits;

  /// In order of use, the one that was not used for longest first.
  private final LinkedHashMap<String, Entry> entries = new LinkedHashMap<>(16, 0.75F, true);

  /// Those to be resolved, in turn; each at most once.
  private final ArrayDeque<Entry> queue = new ArrayDeque<>();

  private Names names = new Names(0, List.of(), List.of());

  /// Newer than what the names are of, null if there is none.
  private @Nullable Topics unseen;

  /// Of the topics last given, empty before the first.
  private long version;

  private boolean looked;
  private boolean busy;
  private int topicsKept;
  private long changes;
  private @Nullable Long warnedNanos;

  /// @param patterns that are kept
  /// @param topics that all of them may stand for together
  /// @param resolving most time that one pattern may take
  /// @param retry when a pattern that could not be resolved may be tried again
  record Limits(int patterns, int topics, Duration resolving, Duration retry) {

    static final Limits DEFAULT =
        new Limits(10_000, 4_000_000, Duration.ofSeconds(5), Duration.ofMinutes(10));
  }

  /// A pattern in use.
  private static final class Entry {
    final String pattern;

    /// In order, null before it was ever resolved. The list is never changed.
    @Nullable List<String> topics;

    /// Of the names that they are from.
    int generation;

    @Nullable Resolving resolving;
    boolean queued;
    boolean gone;
    long usedNanos;

    /// What was given up is not tried again before; null if it was not.
    @Nullable Long retryNanos;

    Entry(String pattern) {
      this.pattern = pattern;
    }
  }

  /// @param loop that of the groups
  /// @param work one task of this object at a time besides those that check patterns; may refuse
  public TopicPatterns(Executor loop, Executor work, TimeSource time) {
    this(loop, work, time, Limits.DEFAULT);
  }

  TopicPatterns(Executor loop, Executor work, TimeSource time, Limits limits) {
    this.loop = loop;
    this.work = work;
    this.time = time;
    this.limits = limits;
  }

  /// What is wrong with a pattern, for people; empty if nothing is. From any thread: the answer
  /// comes on another, or fails with a [RejectedExecutionException] where there is too much to do.
  CompletionStage<String> check(String pattern) {
    var answer = new CompletableFuture<String>();
    try {
      work.execute(() -> {
        try {
          var wrong = invalid(pattern);
          answer.complete(wrong == null ? "" : wrong);
        } catch (Throwable thrown) {
          answer.completeExceptionally(thrown);
        }
      });
    } catch (RejectedExecutionException e) {
      answer.completeExceptionally(e);
    }
    return answer;
  }

  /// What is wrong with a pattern, for people; null if nothing is. May take a while.
  static @Nullable String invalid(String pattern) {
    if (pattern.length() > MAX_LENGTH) {
      return "it is longer than %d characters".formatted(MAX_LENGTH);
    }
    if (stretched(pattern) > MAX_STRETCHED) {
      return "its repetitions are too many";
    }
    try {
      int instructions = Pattern.compile(pattern).programSize();
      return instructions > MAX_INSTRUCTIONS
          ? "it makes %d instructions, more than %d".formatted(instructions, MAX_INSTRUCTIONS)
          : null;
    } catch (PatternSyntaxException e) {
      return e.getDescription();
    }
  }

  /// Never less than what it is compiled from, wherever its repetitions stand.
  private static long stretched(String pattern) {
    long stretched = pattern.length();
    var repetitions = REPETITION.matcher(pattern);
    while (repetitions.find() && stretched <= MAX_STRETCHED) {
      long most = number(repetitions.group(1));
      if (repetitions.group(2) != null && !repetitions.group(2).isEmpty()) {
        most = Math.max(most, number(repetitions.group(2)));
      }
      stretched *= Math.max(1, most);
    }
    return stretched;
  }

  private static long number(String digits) {
    return digits.length() > 6 ? MAX_STRETCHED : Long.parseLong(digits);
  }

  /// Rises whenever some pattern stands for other topics than before.
  long changes() {
    return changes;
  }

  /// The topics that a pattern stands for, in order, as far as it is known; null if it never was
  /// resolved. To be asked often while the pattern is in use: what is not known is being found out
  /// from then on. The list is never changed, and the same one as long as it is the same topics.
  ///
  /// @param pattern a valid one
  @Nullable List<String> matching(String pattern, Topics topics) {
    if (!looked || version != topics.version()) {
      looked = true;
      version = topics.version();
      unseen = topics;
    }
    long now = time.nanos();
    var entry = entries.get(pattern);
    if (entry == null) {
      if (entries.size() >= limits.patterns && !forgetEldestIdle(now)) {
        warn(now, "there are too many others");
        return null;
      }
      entry = new Entry(pattern);
      entries.put(pattern, entry);
    }
    entry.usedNanos = now;
    enqueueIfOutdated(entry, now);
    next();
    return entry.topics;
  }

  /// Nobody who asked for the pattern before uses it any more, as far as the caller knows.
  void unused(String pattern) {
    var entry = entries.get(pattern);
    if (entry != null) {
      entry.usedNanos = time.nanos() - IDLE_NANOS;
      entries.putFirst(pattern, entry);
    }
  }

  private void enqueueIfOutdated(Entry entry, long now) {
    boolean outdated = entry.topics == null || entry.generation != names.generation;
    if (!outdated || entry.queued || (entry.retryNanos != null && entry.retryNanos - now > 0)) {
      return;
    }
    entry.queued = true;
    queue.addLast(entry);
  }

  /// Goes on with the work, unless some is under way.
  private void next() {
    if (busy) {
      return;
    }
    var topics = unseen;
    if (topics != null) {
      unseen = null;
      var before = names;
      begin(() -> {
        var after = before.after(topics);
        return () -> see(after);
      });
      return;
    }
    var entry = queue.pollFirst();
    if (entry != null) {
      var resolving = entry.resolving;
      if (resolving == null) {
        resolving = new Resolving(entry.pattern, names, entry.topics, entry.generation);
        entry.resolving = resolving;
      }
      var slice = resolving;
      begin(() -> {
        boolean done = slice.goOn(time, limits.resolving.toNanos());
        return () -> worked(entry, slice, done);
      });
    }
  }

  /// @param piece of the work; what it returns is to be done on the loop afterwards
  private void begin(Supplier<Runnable> piece) {
    busy = true;
    try {
      work.execute(() -> {
        Runnable then;
        try {
          then = piece.get();
        } catch (Throwable thrown) {
          // It is the loop's to say what an error means for the process.
          then =
              () -> {
                throw new IllegalStateException("resolving patterns", thrown);
              };
        }
        var end = then;
        loop.execute(() -> {
          busy = false;
          end.run();
          next();
        });
      });
    } catch (RejectedExecutionException e) {
      // Nothing is lost: the next heartbeat asks again.
      busy = false;
      queue.clear();
      entries.values().forEach(one -> one.queued = false);
      looked = false;
    }
  }

  private void see(Names seen) {
    if (seen.generation == names.generation) {
      return;
    }
    names = seen;
    long now = time.nanos();
    var all = entries.values().iterator();
    while (all.hasNext()) {
      var entry = all.next();
      if (isIdle(entry, now)) {
        all.remove();
        drop(entry);
      } else {
        enqueueIfOutdated(entry, now);
      }
    }
  }

  private void worked(Entry entry, Resolving resolving, boolean done) {
    if (entry.gone) {
      return;
    }
    if (!done) {
      queue.addLast(entry);
      return;
    }
    entry.queued = false;
    entry.resolving = null;
    long now = time.nanos();
    var found = resolving.found();
    if (found == null) {
      giveUp(entry, now, resolving.trouble());
      return;
    }
    int more = found.size() - (entry.topics == null ? 0 : entry.topics.size());
    while (topicsKept + more > limits.topics && forgetEldestIdle(now)) {
      // Others that are out of use may go as well.
    }
    if (entry.gone) {
      return;
    }
    if (topicsKept + more > limits.topics) {
      giveUp(entry, now, "all patterns stand for too many topics together");
      return;
    }
    entry.retryNanos = null;
    entry.generation = resolving.generation();
    if (!found.equals(entry.topics)) {
      topicsKept += more;
      entry.topics = found;
      changes++;
    }
    // Topics may have come meanwhile.
    enqueueIfOutdated(entry, now);
  }

  private void giveUp(Entry entry, long now, String why) {
    entry.retryNanos = now + limits.retry.toNanos();
    log.warn(
        "pattern is not resolved, its members keep what they have pattern={} why={}",
        entry.pattern,
        why);
  }

  private static boolean isIdle(Entry entry, long now) {
    return now - entry.usedNanos >= IDLE_NANOS;
  }

  private boolean forgetEldestIdle(long now) {
    var eldest = entries.firstEntry();
    if (eldest == null || !isIdle(eldest.getValue(), now)) {
      return false;
    }
    entries.pollFirstEntry();
    drop(eldest.getValue());
    return true;
  }

  private void drop(Entry entry) {
    entry.gone = true;
    topicsKept -= entry.topics == null ? 0 : entry.topics.size();
    if (entry.queued) {
      queue.remove(entry);
    }
  }

  private void warn(long now, String why) {
    if (warnedNanos == null || now - warnedNanos >= IDLE_NANOS) {
      warnedNanos = now;
      log.warn("new patterns are not resolved why={}", why);
    }
  }

  /// The names of all topics, in order, each with the generation since which it is there. A
  /// generation rises with every change of them.
  private record Names(int generation, List<String> all, List<Integer> since) {

    /// Those of later topics: this object, if they are the same.
    Names after(Topics topics) {
      var now = topics.names().stream().sorted().toList();
      if (now.equals(all)) {
        return this;
      }
      var next = new ArrayList<Integer>(now.size());
      int old = 0;
      for (var name : now) {
        while (old < all.size() && all.get(old).compareTo(name) < 0) {
          old++;
        }
        boolean known = old < all.size() && all.get(old).equals(name);
        next.add(known ? since.get(old) : Integer.valueOf(generation + 1));
      }
      return new Names(generation + 1, now, next);
    }
  }

  /// One pattern on its way through the names: only against those that are new since it was done
  /// before. Used by one thread at a time.
  private static final class Resolving {
    private final String pattern;
    private final Names names;
    private final @Nullable List<String> before;
    private final int generationBefore;
    private final List<String> found = new ArrayList<>();
    private @Nullable Pattern compiled;
    private int position;
    private int positionBefore;
    private long spentNanos;
    private @Nullable String trouble;

    Resolving(String pattern, Names names, @Nullable List<String> before, int generationBefore) {
      this.pattern = pattern;
      this.names = names;
      this.before = before;
      this.generationBefore = generationBefore;
    }

    /// @return whether it is done, or cannot be
    boolean goOn(TimeSource time, long mostNanos) {
      long start = time.nanos();
      try {
        var matcher = compiled == null ? Pattern.compile(pattern) : compiled;
        compiled = matcher;
        long spent = 0;
        while (position < names.all.size()) {
          if (spent >= SLICE_NANOS) {
            spentNanos += spent;
            return false;
          }
          var name = names.all.get(position);
          if (isSeen(position) ? wasFound(name) : matcher.matches(name)) {
            found.add(name);
          }
          position++;
          spent = time.nanos() - start;
          if (spentNanos + spent >= mostNanos && position < names.all.size()) {
            trouble =
                "after %d ms only %d of %d topics were looked at"
                    .formatted((spentNanos + spent) / 1_000_000, position, names.all.size());
            return true;
          }
        }
        return true;
      } catch (RuntimeException | StackOverflowError e) {
        trouble = e.toString();
        return true;
      }
    }

    private boolean isSeen(int index) {
      return before != null && names.since.get(index) <= generationBefore;
    }

    private boolean wasFound(String name) {
      var list = before;
      if (list == null) {
        return false;
      }
      while (positionBefore < list.size() && list.get(positionBefore).compareTo(name) < 0) {
        positionBefore++;
      }
      return positionBefore < list.size() && list.get(positionBefore).equals(name);
    }

    int generation() {
      return names.generation;
    }

    /// In order, null if that was not to be.
    @Nullable List<String> found() {
      return trouble == null ? List.copyOf(found) : null;
    }

    String trouble() {
      return trouble == null ? "" : trouble;
    }
  }
}

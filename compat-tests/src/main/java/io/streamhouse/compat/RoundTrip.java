package io.streamhouse.compat;

import com.google.errorprone.annotations.FormatMethod;
import io.streamhouse.compat.driver.Digest;
import io.streamhouse.compat.driver.JsonLines;
import io.streamhouse.compat.driver.Line;
import io.streamhouse.compat.driver.Placements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Judges whether the lines `[0, count)` of one producer came back: all, once, identical, in order
/// per partition. What is wrong is thrown as an [AssertionError] that names the first place.
public final class RoundTrip {

  private static final Pattern INDEX = Pattern.compile("\\{\"i\":(\\d+),");

  private final JsonLines lines;
  private final int count;

  public RoundTrip(JsonLines lines, int count) {
    this.lines = lines;
    this.count = count;
  }

  /// A record as a text tool printed it: where it was, its key, and the rest as printed.
  ///
  /// @param key null for a null key
  public record Printed(int partition, long offset, @Nullable String key, String whole) {}

  /// From exact placements: each line was acknowledged once, and what lies where it was
  /// acknowledged has its digest and timestamp; nothing else lies there.
  ///
  /// @param time create time of line 0; line `i` was sent with `time + i`
  public void check(Path acked, Path read, long time) throws IOException {
    int[] partition = new int[count];
    long[] offset = new long[count];
    Arrays.fill(partition, -1);
    Placements.read(
        acked,
        ack -> {
          int index = Math.toIntExact(ack.mark());
          require(partition[index] == -1, "line %d was acknowledged twice", index);
          partition[index] = ack.partition();
          offset[index] = ack.offset();
        });

    var indexAt = new HashMap<Integer, Map<Long, Integer>>();
    var lastOffset = new HashMap<Integer, Long>();
    for (int index = 0; index < count; index++) {
      require(partition[index] >= 0, "line %d was never acknowledged", index);
      // One producer sends in order, so a later line of a partition has a higher offset.
      Long before = lastOffset.put(partition[index], offset[index]);
      require(
          before == null || before < offset[index],
          "line %d was acknowledged at %d/%d, after offset %s of that partition",
          index,
          partition[index],
          offset[index],
          before);
      indexAt.computeIfAbsent(partition[index], _ -> new HashMap<>()).put(offset[index], index);
    }

    lastOffset.clear();
    long records =
        Placements.read(
            read,
            seen -> {
              Long before = lastOffset.put(seen.partition(), seen.offset());
              require(
                  before == null || before < seen.offset(),
                  "read offset %d/%d after %s",
                  seen.partition(),
                  seen.offset(),
                  before);
              var inPartition = indexAt.get(seen.partition());
              int index =
                  inPartition == null
                      ? -1
                      : Objects.requireNonNullElse(inPartition.remove(seen.offset()), -1);
              require(
                  index >= 0,
                  "read a record at %d/%d, where none was acknowledged",
                  seen.partition(),
                  seen.offset());
              require(
                  Digest.of(lines.line(index)) == seen.mark(),
                  "line %d at %d/%d has other bytes",
                  index,
                  seen.partition(),
                  seen.offset());
              require(
                  seen.timestamp() == time + index,
                  "line %d at %d/%d has timestamp %d instead of %d",
                  index,
                  seen.partition(),
                  seen.offset(),
                  seen.timestamp(),
                  time + index);
            });
    require(records == count, "%d records were read instead of %d", records, count);
  }

  /// From a text tool's output. Lines without a value carry no index, so a line is recognised by
  /// being the next of its key, and that must be exactly so.
  ///
  /// @param text the form in which the tool prints a line, to compare with [Printed#whole]
  public void check(Path output, Function<String, Printed> parse, Function<Line, String> text)
      throws IOException {
    var byKey = new HashMap<String, Deque<Integer>>();
    var keyless = new java.util.HashSet<Integer>();
    for (int index = 0; index < count; index++) {
      String key = lines.line(index).key();
      if (key == null) {
        keyless.add(index);
      } else {
        byKey.computeIfAbsent(key, _ -> new ArrayDeque<>()).add(index);
      }
    }
    var lastIndex = new HashMap<Integer, Integer>();
    var lastOffset = new HashMap<Integer, Long>();
    int seen = 0;
    try (var printed = Files.newBufferedReader(output)) {
      String row;
      while ((row = printed.readLine()) != null) {
        var record = parse.apply(row);
        int index = next(record, byKey, keyless);
        require(
            text.apply(lines.line(index)).equals(record.whole()),
            "line %d came back as %s",
            index,
            row);
        Integer before = lastIndex.put(record.partition(), index);
        require(
            before == null || before < index,
            "partition %d has line %d after line %s",
            record.partition(),
            index,
            before);
        Long offsetBefore = lastOffset.put(record.partition(), record.offset());
        require(
            offsetBefore == null || offsetBefore < record.offset(),
            "partition %d has offset %d after %s",
            record.partition(),
            record.offset(),
            offsetBefore);
        seen++;
      }
    }
    require(seen == count, "%d records were printed instead of %d", seen, count);
  }

  private static int next(
      Printed record, Map<String, Deque<Integer>> byKey, java.util.Set<Integer> keyless) {
    if (record.key() != null) {
      var rest = byKey.get(record.key());
      int index = rest == null ? -1 : Objects.requireNonNullElse(rest.poll(), -1);
      require(index >= 0, "one record too many of key %s", record.key());
      return index;
    }
    var matcher = INDEX.matcher(record.whole());
    require(matcher.find(), "a record without key and index: %s", record);
    int index = Integer.parseInt(matcher.group(1));
    require(keyless.remove(index), "line %d came twice, or never had a null key", index);
    return index;
  }

  @FormatMethod
  private static void require(boolean holds, String message, @Nullable Object... arguments) {
    if (!holds) {
      throw new AssertionError(message.formatted(arguments));
    }
  }
}

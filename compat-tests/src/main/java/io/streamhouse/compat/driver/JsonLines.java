package io.streamhouse.compat.driver;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;

/// A sequence of JSON records that looks like real traffic, the same for the same seed, each line
/// computable on its own.
///
/// | share | what                                                                          |
/// |-------|-------------------------------------------------------------------------------|
/// | all   | keys follow a Zipf law (exponent 1) over 10,000 keys                           |
/// | all   | value length is geometric: about 150 bytes on average, at most a few thousand |
/// | 2 %   | null key, always with a value                                                 |
/// | 1 %   | null value                                                                    |
/// | 1 %   | empty value                                                                   |
/// | 10 %  | one to three headers, one of them possibly empty                              |
/// | 20 %  | text beyond ASCII: two-, three- and four-byte UTF-8                            |
///
/// Every value that is neither null nor empty holds its index as `"i"`.
///
/// As a command: `JsonLines [--lines N] [--seed N] [--from N] [--format value|console|kcat]
/// [FILE]`; without a file it writes to standard output.
public final class JsonLines {

  private static final int KEYS = 10_000;
  private static final String[] WORDS = {
    "harbour", "copper", "lantern", "meadow", "orbit", "pepper", "quarry", "ribbon", "saddle",
    "timber", "umbrella", "velvet", "walnut", "yonder", "zephyr", "anchor", "bramble", "cinder"
  };
  private static final String[] WIDE_WORDS = {
    "Straße", "naïve", "Łódź", "данные", "δεδομένα", "数据流", "データ", "한국어", "עברית", "🚢", "🌊🏠"
  };

  private final long seed;
  private final double[] cumulative = new double[KEYS];

  public JsonLines(long seed) {
    this.seed = seed;
    double sum = 0;
    for (int rank = 0; rank < KEYS; rank++) {
      sum += 1.0 / (rank + 1);
      cumulative[rank] = sum;
    }
    for (int rank = 0; rank < KEYS; rank++) {
      cumulative[rank] /= sum;
    }
  }

  /// The line with this number; any order, any number of times, the same answer.
  public Line line(long index) {
    var random = new SplittableRandom(seed * 0x9E37_79B9_7F4A_7C15L + index);
    // The first draws of neighbouring seeds are alike; one step separates them.
    random = random.split();
    int kind = random.nextInt(100);
    String key = kind < 2 ? null : key(random);
    if (kind == 2) {
      return new Line(index, key, null, headers(random));
    }
    if (kind == 3) {
      return new Line(index, key, "", headers(random));
    }
    return new Line(index, key, json(index, random), headers(random));
  }

  private String key(SplittableRandom random) {
    int found = Arrays.binarySearch(cumulative, random.nextDouble());
    int rank = Math.min(found < 0 ? -found - 1 : found, KEYS - 1);
    // A few of the keys are not ASCII; which ones is fixed, so they follow the same law.
    return (rank % 97 == 5 ? "schlüssel-" : "key-") + rank;
  }

  private static Map<String, String> headers(SplittableRandom random) {
    if (random.nextInt(10) != 0) {
      return Map.of();
    }
    var headers = new LinkedHashMap<String, String>();
    headers.put("trace", Long.toHexString(random.nextLong()));
    if (random.nextBoolean()) {
      headers.put("origin", WIDE_WORDS[random.nextInt(WIDE_WORDS.length)]);
    }
    if (random.nextBoolean()) {
      headers.put("empty", "");
    }
    return headers;
  }

  private static String json(long index, SplittableRandom random) {
    boolean wide = random.nextInt(5) == 0;
    var text = new StringBuilder(200);
    text.append("{\"i\":").append(index);
    text.append(",\"amount\":").append(random.nextInt(1_000_000) / 100.0);
    text.append(",\"text\":\"");
    do {
      var words = wide && random.nextInt(3) == 0 ? WIDE_WORDS : WORDS;
      text.append(words[random.nextInt(words.length)]).append(' ');
    } while (random.nextInt(14) != 0);
    if (random.nextInt(20) == 0) {
      text.append("said \\\"yes\\\" \\\\ ").append("x".repeat(random.nextInt(2000)));
    }
    return text.append("\"}").toString();
  }

  /// Writes the lines `[from, to)` in one of the formats of [Line], each ended by `\n`.
  public void write(Writer out, String format, long from, long to) throws IOException {
    for (long index = from; index < to; index++) {
      var line = line(index);
      out.write(
          switch (format) {
            case "value" -> line.value() == null ? "" : line.value();
            case "console" -> line.toConsole();
            case "kcat" -> line.toKcat();
            default ->
                throw new IllegalArgumentException("format is value, console or kcat: " + format);
          });
      out.write('\n');
    }
    out.flush();
  }

  /// The same into a file, which is replaced.
  public Path write(Path file, String format, long from, long to) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      write(out, format, from, to);
    }
    return file;
  }

  public static void main(String[] arguments) throws IOException {
    var options = Options.parse(arguments);
    var lines = new JsonLines(options.number("seed", 1));
    long from = options.number("from", 0);
    long to = from + options.number("lines", 1_000_000);
    String format = options.text("format", "value");
    if (options.rest().isEmpty()) {
      // Left open: closing standard output would hide a later failure to write to it.
      var out =
          new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16);
      lines.write(out, format, from, to);
    } else {
      lines.write(Path.of(options.rest().getFirst()), format, from, to);
    }
  }
}

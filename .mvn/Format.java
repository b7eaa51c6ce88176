import com.google.googlejavaformat.java.Formatter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/// Runs google-java-format over every Java source of the tree.
///
/// `check ROOT` names each file that differs and exits 1; `write ROOT` rewrites it.
final class Format {

  public static void main(String[] arguments) throws Exception {
    boolean write = arguments[0].equals("write");
    Path root = Path.of(arguments[1]);
    List<Path> sources;
    try (var tree = Files.walk(root)) {
      sources =
          tree.filter(path -> path.toString().endsWith(".java"))
              .filter(path -> path.toString().contains("/src/"))
              .filter(path -> !path.toString().contains("/target/"))
              .sorted()
              .toList();
    }
    var unformatted = new AtomicInteger();
    var formatter = new Formatter();
    sources.parallelStream().forEach(source -> visit(formatter, source, write, unformatted));
    if (unformatted.get() > 0 && !write) {
      System.err.printf(
          "%d file(s) not formatted; run: mvn -N process-sources -Dformat.goal=write%n",
          unformatted.get());
      System.exit(1);
    }
  }

  private static void visit(
      Formatter formatter, Path source, boolean write, AtomicInteger unformatted) {
    try {
      String text = Files.readString(source);
      String formatted = formatter.formatSourceAndFixImports(text);
      if (formatted.equals(text)) {
        return;
      }
      unformatted.incrementAndGet();
      if (write) {
        Files.writeString(source, formatted);
      } else {
        System.err.println("not formatted: " + source);
      }
    } catch (Exception failure) {
      unformatted.incrementAndGet();
      System.err.println(source + ": " + failure.getMessage());
    }
  }
}

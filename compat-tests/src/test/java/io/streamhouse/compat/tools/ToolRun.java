package io.streamhouse.compat.tools;

import java.util.List;
import java.util.regex.Pattern;

/// One run of one tool, and how its outcome is judged. The exit code is always compared.
///
/// @param main the tool's class
/// @param arguments where `{server}` stands for the bootstrap address and `{dir}` for the directory
///   of [ToolScript#FILES]
/// @param input what it reads as standard input
/// @param brief whether the short form has it, too
public record ToolRun(
    String name, String main, List<String> arguments, String input, Check check, boolean brief) {

  public ToolRun {
    arguments = List.copyOf(arguments);
  }

  public sealed interface Check {

    /// Both print the same lines.
    record Same() implements Check {}

    /// Both print the same lines, in whatever order.
    record SameInAnyOrder() implements Check {}

    /// Both print figures or names that differ: each of these is in what either prints.
    record Alike(List<Pattern> patterns) implements Check {}

    /// Ours differs, for a reason; each of these is in what it prints. Where nothing differs any
    /// more, that is wrong, too.
    ///
    /// @param exit its exit code
    record Differs(String reason, int exit, List<Pattern> patterns) implements Check {}
  }

  static ToolRun of(String name, String main, String... arguments) {
    return new ToolRun(name, main, List.of(arguments), "", new Check.Same(), false);
  }

  ToolRun inBrief() {
    return new ToolRun(name, main, arguments, input, check, true);
  }

  ToolRun input(String lines) {
    return new ToolRun(name, main, arguments, lines, check, brief);
  }

  ToolRun inAnyOrder() {
    return new ToolRun(name, main, arguments, input, new Check.SameInAnyOrder(), brief);
  }

  ToolRun alike(String... patterns) {
    return new ToolRun(name, main, arguments, input, new Check.Alike(compiled(patterns)), brief);
  }

  ToolRun differs(String reason, int exit, String... patterns) {
    return new ToolRun(
        name, main, arguments, input, new Check.Differs(reason, exit, compiled(patterns)), brief);
  }

  private static List<Pattern> compiled(String... patterns) {
    return List.of(patterns).stream().map(Pattern::compile).toList();
  }
}

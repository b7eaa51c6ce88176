package io.streamhouse.broker.http;

import io.streamhouse.broker.runtime.Health;
import java.util.List;
import java.util.stream.Collectors;

/// `/health`: every check and what it found, as JSON.
///
/// ```
/// {"status":"failing","checks":[{"name":"session","status":"ok","problems":[]},…]}
/// ```
///
/// 200 when nothing is wrong, else 503.
public final class HealthPage implements Page {

  private final Health health;

  public HealthPage(Health health) {
    this.health = health;
  }

  @Override
  public Content content(String accept) {
    var findings = health.findings();
    boolean healthy = findings.stream().allMatch(Health.Finding::healthy);
    var json =
        "{\"status\":%s,\"checks\":%s}\n"
            .formatted(status(healthy), array(findings.stream().map(HealthPage::check).toList()));
    return new Content(healthy ? 200 : 503, "application/json", json);
  }

  private static String check(Health.Finding finding) {
    return "{\"name\":%s,\"status\":%s,\"problems\":%s}"
        .formatted(
            string(finding.name()),
            status(finding.healthy()),
            array(finding.problems().stream().map(HealthPage::string).toList()));
  }

  private static String status(boolean healthy) {
    return healthy ? "\"ok\"" : "\"failing\"";
  }

  private static String array(List<String> elements) {
    return elements.stream().collect(Collectors.joining(",", "[", "]"));
  }

  private static String string(String text) {
    var json = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"', '\\' -> json.append('\\').append(c);
        default -> {
          // Lone surrogates, too, which UTF-8 cannot carry.
          if (c < ' ' || Character.isSurrogate(c)) {
            json.append("\\u%04x".formatted((int) c));
          } else {
            json.append(c);
          }
        }
      }
    }
    return json.append('"').toString();
  }
}

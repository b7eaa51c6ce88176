package io.streamhouse.broker.http;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// `/ready`: 200 while the agent serves clients, else 503 and why not.
public final class ReadyPage implements Page {

  private final Supplier<@Nullable String> waitsFor;

  /// @param waitsFor why it does not serve, null when it does
  public ReadyPage(Supplier<@Nullable String> waitsFor) {
    this.waitsFor = waitsFor;
  }

  @Override
  public Content content(String accept) {
    var why = waitsFor.get();
    return why == null ? Content.text(200, "ready") : Content.text(503, why);
  }
}

package io.streamhouse.broker.runtime;

import java.util.List;

/// One thing that can be wrong with an agent, looked at whenever somebody asks.
public interface HealthCheck {

  /// What is wrong, a sentence each, for whoever has to mend it; empty when nothing is. Called on
  /// any thread; looks at state that is there and neither blocks nor calls a store.
  List<String> problems();
}

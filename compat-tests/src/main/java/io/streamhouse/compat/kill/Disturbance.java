package io.streamhouse.compat.kill;

import java.util.random.RandomGenerator;

/// Something around a server that goes wrong for a while, with clients at work, and is then as it
/// was.
public interface Disturbance {

  /// For messages: what goes wrong.
  String name();

  /// Lets it go wrong and, whatever happens, puts it right before it returns. The server may end
  /// meanwhile.
  ///
  /// @param random decides how long and how badly
  /// @return how much went wrong, in whatever can be counted; 0: nothing, so nothing was tested
  long strike(RandomGenerator random) throws Exception;
}

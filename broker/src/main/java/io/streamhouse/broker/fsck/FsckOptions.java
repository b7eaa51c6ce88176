package io.streamhouse.broker.fsck;

/// How to check.
///
/// @param shallow only the ends of segments are read, not their blocks
/// @param running agents may be at work: what seems wrong is looked at again before it is believed
/// @param repair mend what can be mended safely; only while no agent runs
public record FsckOptions(boolean shallow, boolean running, boolean repair) {

  public FsckOptions {
    if (running && repair) {
      throw new IllegalArgumentException("repair while agents run");
    }
  }
}

package io.streamhouse.broker.config;

/// Where a value in force comes from, with the code DescribeConfigs uses for it. In order of
/// precedence: the first that has a value wins.
public enum ConfigSource {
  /// Set for the group.
  GROUP(8),
  /// Set for the topic.
  TOPIC(1),
  /// Set at run time for one agent.
  DYNAMIC_AGENT(2),
  /// Set at run time for all agents.
  DYNAMIC_DEFAULT(3),
  /// Set in the properties or on the command line the agent was started with.
  STATIC(4),
  /// Set nowhere.
  DEFAULT(5);

  private final byte code;

  ConfigSource(int code) {
    this.code = (byte) code;
  }

  public byte code() {
    return code;
  }
}

package io.streamhouse.broker.runtime;

final class SystemTime implements TimeSource {

  @Override
  public long nanos() {
    return System.nanoTime();
  }

  @Override
  public long wallMillis() {
    return System.currentTimeMillis();
  }
}

package io.streamhouse.broker.read;

import io.streamhouse.broker.runtime.Failure;
import io.streamhouse.metadata.PartitionId;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/// Logs in memory: every partition asked for is led here, unless told otherwise.
public final class MemoryLogs implements Logs {

  private final AtomicInteger outstanding = new AtomicInteger();
  private final Map<PartitionId, MemoryLog> logs = new ConcurrentHashMap<>();
  private final Map<PartitionId, Failure> notLed = new ConcurrentHashMap<>();

  public MemoryLog log(PartitionId partition) {
    return logs.computeIfAbsent(partition, _ -> new MemoryLog(outstanding));
  }

  /// Is not led from now on, for this reason.
  public void loseLead(PartitionId partition, Failure failure) {
    notLed.put(partition, failure);
  }

  /// Pieces that readers got and did not release.
  public int outstanding() {
    return outstanding.get();
  }

  @Override
  public Lookup find(PartitionId partition) {
    var failure = notLed.get(partition);
    if (failure != null) {
      return new Lookup.NotLed(failure);
    }
    var log = log(partition);
    return new Lookup.Led(log, log);
  }
}

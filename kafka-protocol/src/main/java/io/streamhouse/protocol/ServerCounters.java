package io.streamhouse.protocol;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.protocol.ApiKeys;

/// What a [KafkaServer] has done since it started, for metrics to read. Every value only rises,
/// except those named `…Now`. Thread-safe.
public final class ServerCounters {

  /// Why a connection was closed by this side, or a request answered with an unexpected error.
  public enum Fault {
    /// Frame length not positive or above the limit.
    FRAME_LENGTH,
    /// An API key that is unknown, or that no handler serves.
    UNKNOWN_API,
    /// A version outside the handler's range; ApiVersions is answered instead and not counted.
    UNSUPPORTED_VERSION,
    /// Header or body that cannot be decoded, or bytes left over behind it.
    UNDECODABLE,
    /// A handler failed with an exception it did not turn into an answer.
    HANDLER_FAILED,
    /// An answer that its version cannot carry.
    UNENCODABLE,
    /// A handler asked for it with [CloseConnection].
    CLOSED_BY_HANDLER,
    /// Nothing in flight for longer than the idle time, or a frame that stopped half-way.
    IDLE,
    /// More connections than allowed.
    TOO_MANY_CONNECTIONS,
    /// The socket failed.
    TRANSPORT
  }

  private final LongAdder connectionsOpened = new LongAdder();
  private final LongAdder connectionsClosed = new LongAdder();
  private final LongAdder bytesIn = new LongAdder();
  private final LongAdder bytesOut = new LongAdder();
  private final LongAdder requestsArrived = new LongAdder();
  private final LongAdder requestsFinished = new LongAdder();
  private final LongAdder readPauses = new LongAdder();
  private final LongAdder unsentBytes = new LongAdder();
  private final LongAdder[] requestsByApi = adders(highestApiKey() + 1);
  private final Map<Fault, LongAdder> faults = new EnumMap<>(Fault.class);

  ServerCounters() {
    for (var fault : Fault.values()) {
      faults.put(fault, new LongAdder());
    }
  }

  public long connectionsOpened() {
    return connectionsOpened.sum();
  }

  public long connectionsNow() {
    return connectionsOpened.sum() - connectionsClosed.sum();
  }

  /// Bytes of requests, length fields included.
  public long bytesIn() {
    return bytesIn.sum();
  }

  /// Bytes of answers the sockets took, length fields included.
  public long bytesOut() {
    return bytesOut.sum();
  }

  /// Requests decoded.
  public long requests() {
    return requestsArrived.sum();
  }

  public long requests(ApiKeys api) {
    return requestsByApi[api.id].sum();
  }

  /// Requests decoded but not yet answered.
  public long requestsInFlightNow() {
    return requestsArrived.sum() - requestsFinished.sum();
  }

  /// Bytes of answers the sockets did not take yet.
  public long unsentBytesNow() {
    return unsentBytes.sum();
  }

  /// How often a connection stopped being read because of a byte budget.
  public long readPauses() {
    return readPauses.sum();
  }

  public long faults(Fault fault) {
    return adder(fault).sum();
  }

  void connectionOpened() {
    connectionsOpened.increment();
  }

  void connectionClosed() {
    connectionsClosed.increment();
  }

  void requestArrived(ApiKeys api, int frameBytes) {
    requestsArrived.increment();
    requestsByApi[api.id].increment();
    bytesIn.add(Integer.BYTES + (long) frameBytes);
  }

  void requestFinished() {
    requestsFinished.increment();
  }

  void answerQueued(int bytes) {
    unsentBytes.add(bytes);
  }

  void answerSent(int bytes) {
    unsentBytes.add(-bytes);
    bytesOut.add(bytes);
  }

  void answerDropped(int bytes) {
    unsentBytes.add(-bytes);
  }

  void readPaused() {
    readPauses.increment();
  }

  void fault(Fault fault) {
    adder(fault).increment();
  }

  private LongAdder adder(Fault fault) {
    return Objects.requireNonNull(faults.get(fault));
  }

  private static LongAdder[] adders(int count) {
    var adders = new LongAdder[count];
    for (int i = 0; i < count; i++) {
      adders[i] = new LongAdder();
    }
    return adders;
  }

  private static int highestApiKey() {
    int highest = 0;
    for (var api : ApiKeys.values()) {
      highest = Math.max(highest, api.id);
    }
    return highest;
  }
}

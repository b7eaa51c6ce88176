package io.streamhouse.protocol;

import io.netty.buffer.ByteBuf;
import io.streamhouse.protocol.ConnectionRequest.Peers;
import io.streamhouse.protocol.ServerCounters.Fault;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.jspecify.annotations.Nullable;

/// Turns a frame into a request for the handler that serves it. Immutable.
///
/// | field         | type            | notes                                          |
/// |---------------|-----------------|------------------------------------------------|
/// | apiKey        | i16             |                                                |
/// | apiVersion    | i16             |                                                |
/// | correlationId | i32             | comes back in the answer                       |
/// | clientId      | nullable string | i16 length, in flexible versions too           |
/// | tagged fields |                 | header version 2: flexible API versions        |
/// | body          |                 | of the API, and nothing behind it              |
final class RequestDecoder {

  private final Map<Short, ApiHandler<?>> handlers = new HashMap<>();

  /// @throws IllegalArgumentException if two handlers serve the same API
  RequestDecoder(Collection<? extends ApiHandler<?>> handlers) {
    for (var handler : handlers) {
      var other = this.handlers.put(handler.api().id, handler);
      if (other != null) {
        throw new IllegalArgumentException(
            "two handlers for %s: %s and %s".formatted(handler.api(), other, handler));
      }
    }
  }

  /// @param frame one frame without its length; the request takes over the caller's reference,
  ///   unless this throws
  /// @throws BadRequest if the connection must be closed
  ConnectionRequest<?> decode(ByteBuf frame, Peers peers) {
    if (frame.readableBytes() < 8) {
      throw new BadRequest(
          Fault.UNDECODABLE, "frame of %d bytes has no header".formatted(frame.readableBytes()));
    }
    short key = frame.getShort(frame.readerIndex());
    short version = frame.getShort(frame.readerIndex() + 2);
    var handler = handlers.get(key);
    if (handler == null) {
      throw new BadRequest(
          Fault.UNKNOWN_API, "no API with key %d, version %d".formatted(key, version));
    }
    return decode(frame, peers, handler, version);
  }

  private static <Q extends ApiMessage> ConnectionRequest<Q> decode(
      ByteBuf frame, Peers peers, ApiHandler<Q> handler, short version) {
    var api = handler.api();
    boolean supported = version >= handler.oldestVersion() && version <= handler.latestVersion();
    if (!supported && api != ApiKeys.API_VERSIONS) {
      throw new BadRequest(
          Fault.UNSUPPORTED_VERSION,
          "%s version %d, supported are %d to %d"
              .formatted(api, version, handler.oldestVersion(), handler.latestVersion()));
    }
    var header = new RequestHeaderData();
    @SuppressWarnings("unchecked") // an API's handler is declared with that API's request class
    Q body = (Q) api.messageType.newRequest();
    @Nullable RuntimeException broken = null;
    int unread = 0;
    try {
      var readable = new FrameReadable(frame);
      header.read(readable, api.requestHeaderVersion(version));
      if (supported) {
        body.read(readable, version);
        unread = readable.unreadBytes();
      }
    } catch (RuntimeException e) {
      broken = e;
    }
    if (broken != null) {
      throw new BadRequest(Fault.UNDECODABLE, "%s version %d: %s".formatted(api, version, broken));
    }
    if (unread != 0) {
      throw new BadRequest(
          Fault.UNDECODABLE, "%s version %d: %d bytes left over".formatted(api, version, unread));
    }
    return new ConnectionRequest<>(
        peers, handler, body, version, header.correlationId(), header.clientId(), frame);
  }
}

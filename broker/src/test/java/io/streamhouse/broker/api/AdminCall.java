package io.streamhouse.broker.api;

import java.nio.ByteBuffer;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/// Sends one request in one version and returns its answer, both having been bytes in between.
interface AdminCall {

  ApiMessage send(ApiKeys api, short version, ApiMessage request);

  static ByteBuffer encode(Message message, short version) {
    var cache = new ObjectSerializationCache();
    int size = message.size(cache, version);
    var bytes = ByteBuffer.allocate(size);
    message.write(new ByteBufferAccessor(bytes), cache, version);
    if (bytes.hasRemaining()) {
      throw new AssertionError(bytes.remaining() + " bytes less than size() said");
    }
    return bytes.flip();
  }

  static ApiMessage response(ApiKeys api, short version, ByteBuffer bytes) {
    var message = api.messageType.newResponse();
    message.read(new ByteBufferAccessor(bytes), version);
    return message;
  }

  static ApiMessage request(ApiKeys api, short version, ByteBuffer bytes) {
    var message = api.messageType.newRequest();
    message.read(new ByteBufferAccessor(bytes), version);
    return message;
  }
}

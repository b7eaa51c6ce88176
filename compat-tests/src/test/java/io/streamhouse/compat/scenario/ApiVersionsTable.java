package io.streamhouse.compat.scenario;

import io.streamhouse.compat.ServerUnderTest;
import io.streamhouse.compat.wire.RawConnection;
import java.io.IOException;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.message.ApiVersionsResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;

/// Which versions of which requests a server offers, from its own mouth.
final class ApiVersionsTable {

  private static final short VERSION = 4;

  private ApiVersionsTable() {}

  /// @return by the request's number, as `0–13`
  static SortedMap<Short, String> ask(ServerUnderTest server) throws IOException {
    try (var connection = new RawConnection(server.port())) {
      var request =
          new ApiVersionsRequestData()
              .setClientSoftwareName("streamhouse-tests")
              .setClientSoftwareVersion("1");
      var body = connection.exchange(ApiKeys.API_VERSIONS, VERSION, request).orElseThrow();
      var response = new ApiVersionsResponseData(new ByteBufferAccessor(body), VERSION);
      var versions = new TreeMap<Short, String>();
      response
          .apiKeys()
          .forEach(one ->
              versions.put(
                  one.apiKey(),
                  one.minVersion() == one.maxVersion()
                      ? "" + one.minVersion()
                      : one.minVersion() + "–" + one.maxVersion()));
      return versions;
    }
  }
}

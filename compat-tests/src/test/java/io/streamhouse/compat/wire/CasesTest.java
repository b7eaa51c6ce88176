package io.streamhouse.compat.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.requests.RequestUtils;
import org.junit.jupiter.api.Test;

/// Every request of the table can be written in its version, before any server is asked.
class CasesTest {

  @Test
  void everyRequestCanBeWrittenInItsVersion() {
    var ids = new HashMap<String, Uuid>();
    Cases.TOPICS.keySet().forEach(topic -> ids.put(topic, Uuid.ONE_UUID));
    var target = new Cases.Target(ids, Cases.TIME);
    var impossible = new ArrayList<String>();
    for (var each : Cases.all()) {
      try {
        RequestUtils.serialize(
            new RequestHeaderData(),
            each.api().requestHeaderVersion(each.version()),
            each.body().apply(target),
            each.version());
      } catch (RuntimeException failure) {
        impossible.add(each.name() + ": " + failure);
      }
    }
    assertThat(impossible).isEmpty();
  }
}

package io.streamhouse.broker.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;

final class AdminCasesTest {

  @Test
  void everyCaseIsAnsweredAsApacheKafkaDoesOrAsTheDifferencesSay() throws IOException {
    var recorded = AdminCases.recorded();
    var differences = AdminCases.differences();
    var agent = FakeAgent.with();
    var softly = new SoftAssertions();
    for (var one : AdminCases.all()) {
      var told = Told.by(agent.send(one.api(), (short) one.version(), one.request()));
      softly
          .assertThat(told)
          .as(one.name())
          .isEqualTo(differences.getOrDefault(one.name(), recorded.get(one.name())));
    }
    softly.assertAll();
  }

  @Test
  void everyCaseHasItsOwnNameAndARecording() throws IOException {
    var names = new ArrayList<String>();
    AdminCases.all().forEach(one -> names.add(one.name()));
    assertThat(names)
        .doesNotHaveDuplicates()
        .containsExactlyElementsOf(AdminCases.recorded().keySet())
        .containsAll(AdminCases.differences().keySet());
  }

  @Test
  void everyDifferenceIsOne() throws IOException {
    var recorded = AdminCases.recorded();
    AdminCases.differences()
        .forEach((name, told) -> assertThat(told).as(name).isNotEqualTo(recorded.get(name)));
  }
}

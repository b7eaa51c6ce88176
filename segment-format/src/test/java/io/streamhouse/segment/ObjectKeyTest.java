package io.streamhouse.segment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ObjectKeyTest {

  private static final UUID TOPIC = UUID.fromString("0b0c1d2e-3f40-4152-8364-758697a8b9ca");
  private static final UUID OBJECT = UUID.fromString("ffffffff-3f40-4152-8364-758697a8b9ca");

  @Test
  void keysSortByOffsetWithinAPartition() {
    assertThat(new ObjectKey.OfPartition("default", TOPIC, 12, 345, 6, OBJECT).key())
        .isEqualTo(
            "org-default/data/0b0c1d2e-3f40-4152-8364-758697a8b9ca/12/00000000000000000345-6-ffffffff-3f40-4152-8364-758697a8b9ca.seg");
    assertThat(new ObjectKey.Mixed("a-1", OBJECT).key())
        .isEqualTo("org-a-1/mixed/ffffffff-3f40-4152-8364-758697a8b9ca.seg");
  }

  @Test
  void keysAreParsedBackIntoTheirParts() {
    var one =
        new ObjectKey.OfPartition(
            "default", TOPIC, Integer.MAX_VALUE, Long.MAX_VALUE, Integer.MAX_VALUE, OBJECT);
    var mixed = new ObjectKey.Mixed("default", OBJECT);
    assertThat(ObjectKey.parse(one.key())).contains(one);
    assertThat(ObjectKey.parse(mixed.key())).contains(mixed);
    var merged = new ObjectKey.Merged("default", OBJECT);
    assertThat(merged.key())
        .isEqualTo("org-default/merged/ffffffff-3f40-4152-8364-758697a8b9ca.seg");
    assertThat(ObjectKey.parse(merged.key())).contains(merged);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "org-default/mixed/x.seg",
        "org-default/mixed/FFFFFFFF-3f40-4152-8364-758697a8b9ca.seg",
        "org-/mixed/ffffffff-3f40-4152-8364-758697a8b9ca.seg",
        "org-default/mixed/ffffffff-3f40-4152-8364-758697a8b9ca.seg.tmp",
        "org-default/data/0b0c1d2e-3f40-4152-8364-758697a8b9ca/01/00000000000000000345-6-ffffffff-3f40-4152-8364-758697a8b9ca.seg",
        "org-default/data/0b0c1d2e-3f40-4152-8364-758697a8b9ca/1/99999999999999999999-6-ffffffff-3f40-4152-8364-758697a8b9ca.seg",
        "org-default/data/0b0c1d2e-3f40-4152-8364-758697a8b9ca/1/345-6-ffffffff-3f40-4152-8364-758697a8b9ca.seg",
        "meta/sweeps/1",
      })
  void otherKeysAreNotOurs(String key) {
    assertThat(ObjectKey.parse(key)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "..", "a/b", "A", "-a", "a.b"})
  void organizationsThatWouldChangeThePathAreRefused(String org) {
    assertThatIllegalArgumentException().isThrownBy(() -> new ObjectKey.Mixed(org, OBJECT));
  }
}

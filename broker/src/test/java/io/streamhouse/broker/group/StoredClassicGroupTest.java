package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.group.GroupRequest.Protocol;
import io.streamhouse.broker.group.StoredClassicGroup.StoredMember;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

class StoredClassicGroupTest {

  private static final StoredClassicGroup GROUP =
      new StoredClassicGroup(
          GroupState.STABLE,
          1_700_000_000_000L,
          7,
          "consumer",
          "range",
          "m1",
          List.of(
              new StoredMember(
                  "m1",
                  "i",
                  "c",
                  "/h",
                  10_000,
                  60_000,
                  List.of(new Protocol("range", bytes("ab"))),
                  bytes("z"))));

  private static Bytes bytes(String text) {
    return Bytes.of(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void bytesStayAsTheyAreInTheTable() {
    assertThat(HexFormat.of().formatHex(GROUP.encode().array()))
        .isEqualTo(
            "010103" // kind, version, state
                + "0000018bcfe56800" // since
                + "00000007" // generation
                + "00000008636f6e73756d6572" // protocol type
                + "0000000572616e6765" // protocol
                + "000000026d31" // leader
                + "00000001" // members
                + "000000026d31" // id
                + "0000000169" // instance
                + "0000000163" // client id
                + "000000022f68" // client host
                + "00002710" // session
                + "0000ea60" // rebalance
                + "00000001" // protocols
                + "0000000572616e6765"
                + "000000026162"
                + "000000017a"); // assignment
  }

  @Test
  void whatIsWrittenIsRead() {
    assertThat(StoredClassicGroup.decode(GROUP.encode())).isEqualTo(GROUP);
    var empty = new StoredClassicGroup(GroupState.EMPTY, 5, 3, "consumer", null, null, List.of());
    assertThat(StoredClassicGroup.decode(empty.encode())).isEqualTo(empty);
  }

  @Test
  void everyTruncationAndEveryOtherKindIsRefused() {
    var whole = GROUP.encode().array();
    for (int length = 0; length < whole.length; length++) {
      var part = ByteBuffer.wrap(whole, 0, length);
      assertThatThrownBy(() -> StoredClassicGroup.decode(part))
          .isInstanceOf(IllegalArgumentException.class);
    }
    var other = whole.clone();
    other[1] = 2;
    assertThatThrownBy(() -> StoredClassicGroup.decode(ByteBuffer.wrap(other)))
        .hasMessageContaining("version expected 1, found 2");
    assertThatThrownBy(() ->
            StoredClassicGroup.decode(ByteBuffer.allocate(whole.length + 1).put(whole).rewind()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

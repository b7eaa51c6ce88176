package io.streamhouse.broker.group;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.streamhouse.broker.group.ConsumerMember.Progress;
import io.streamhouse.broker.group.StoredConsumerGroup.StoredMember;
import io.streamhouse.metadata.PartitionId;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class StoredConsumerGroupTest {

  private static final UUID TOPIC = new UUID(1, 2);
  private static final StoredConsumerGroup GROUP =
      new StoredConsumerGroup(
          9,
          8,
          false,
          new TreeMap<>(Map.of("t", new Topics.Shape(TOPIC, 3))),
          List.of(
              new StoredMember(
                  "m1",
                  "i",
                  null,
                  "c",
                  "/h",
                  60_000,
                  new TreeSet<>(Set.of("t")),
                  "",
                  "range",
                  7,
                  6,
                  Progress.UNREVOKED,
                  new TreeMap<>(Map.of(new PartitionId(TOPIC, 0), 5)),
                  new TreeMap<>(Map.of(new PartitionId(TOPIC, 1), 4)),
                  Set.of(new PartitionId(TOPIC, 2)),
                  null)));

  @Test
  void bytesStayAsTheyAreInTheTable() {
    String topic = "00000000000000010000000000000002";
    assertThat(HexFormat.of().formatHex(GROUP.encode().array()))
        .isEqualTo(
            "0201" // kind, version
                + "00000009" // group epoch
                + "00000008" // assignment epoch
                + "00000001" // topics
                + "0000000174"
                + topic
                + "00000003"
                + "00000001" // members
                + "000000026d31" // id
                + "0000000169" // instance
                + "ffffffff" // rack
                + "0000000163" // client id
                + "000000022f68" // client host
                + "0000ea60" // rebalance
                + "00000001" // its topics
                + "0000000174"
                + "0000000572616e6765" // assignor
                + "00000007" // epoch
                + "00000006" // previous
                + "01" // progress
                + ("00000001" + topic + "00000001" + "00000000" + "00000005")
                + ("00000001" + topic + "00000001" + "00000001" + "00000004")
                + ("00000001" + topic + "00000001" + "00000002" + "00000000"));
  }

  @Test
  void aPatternMakesItTheSecondVersionAndStandsBehindTheTopics() {
    var first = HexFormat.of().formatHex(GROUP.encode().array());
    var one = GROUP.members().getFirst();
    var member =
        new StoredMember(
            one.id(),
            one.instanceId(),
            one.rackId(),
            one.clientId(),
            one.clientHost(),
            one.rebalanceTimeoutMillis(),
            one.topics(),
            "u.*",
            one.assignor(),
            one.epoch(),
            one.previousEpoch(),
            one.progress(),
            one.assigned(),
            one.revoking(),
            one.target(),
            null);
    var group =
        new StoredConsumerGroup(
            GROUP.groupEpoch(), GROUP.assignmentEpoch(), false, GROUP.topics(), List.of(member));
    assertThat(HexFormat.of().formatHex(group.encode().array()))
        .isEqualTo(
            "0202"
                + first
                    .substring(4)
                    .replace("0000000572616e6765", "00000003752e2a" + "0000000572616e6765"));
    assertThat(StoredConsumerGroup.decode(group.encode())).isEqualTo(group);
  }

  @Test
  void aClassicMemberMakesItTheThirdVersionAndEndsWithWhatItSaid() {
    var first = HexFormat.of().formatHex(GROUP.encode().array());
    var one = GROUP.members().getFirst();
    var member =
        new StoredMember(
            one.id(),
            one.instanceId(),
            one.rackId(),
            one.clientId(),
            one.clientHost(),
            one.rebalanceTimeoutMillis(),
            one.topics(),
            "",
            one.assignor(),
            one.epoch(),
            one.previousEpoch(),
            one.progress(),
            one.assigned(),
            one.revoking(),
            one.target(),
            new ConsumerMember.Classic(
                10_000, List.of(new GroupRequest.Protocol("p", Bytes.of(new byte[] {1, 2})))));
    var group =
        new StoredConsumerGroup(
            GROUP.groupEpoch(), GROUP.assignmentEpoch(), false, GROUP.topics(), List.of(member));
    assertThat(HexFormat.of().formatHex(group.encode().array()))
        .isEqualTo(
            "0203"
                + first
                    .substring(4)
                    .replace("0000000572616e6765", "00000000" + "0000000572616e6765")
                + "00002710" // session
                + "00000001" // protocols
                + "0000000170"
                + "000000020102");
    assertThat(StoredConsumerGroup.decode(group.encode())).isEqualTo(group);
  }

  @Test
  void provisionalTargetsMakeItTheFourthVersion() {
    var group =
        new StoredConsumerGroup(
            GROUP.groupEpoch(), GROUP.assignmentEpoch(), true, GROUP.topics(), GROUP.members());
    assertThat(HexFormat.of().formatHex(group.encode().array())).startsWith("0204");
    assertThat(StoredConsumerGroup.decode(group.encode())).isEqualTo(group);
  }

  @Test
  void whatIsWrittenIsRead() {
    assertThat(StoredConsumerGroup.decode(GROUP.encode())).isEqualTo(GROUP);
    var empty = new StoredConsumerGroup(3, 2, false, new TreeMap<>(), List.of());
    assertThat(StoredConsumerGroup.decode(empty.encode())).isEqualTo(empty);
  }

  @Test
  void everyTruncationAndEveryOtherKindIsRefused() {
    var whole = GROUP.encode().array();
    for (int length = 0; length < whole.length; length++) {
      var part = ByteBuffer.wrap(whole, 0, length);
      assertThatThrownBy(() -> StoredConsumerGroup.decode(part))
          .isInstanceOf(IllegalArgumentException.class);
    }
    var other = whole.clone();
    other[1] = 5;
    assertThatThrownBy(() -> StoredConsumerGroup.decode(ByteBuffer.wrap(other)))
        .hasMessageContaining("version expected 4, found 5");
    assertThatThrownBy(() -> StoredClassicGroup.decode(GROUP.encode()))
        .hasMessageContaining("kind expected 1, found 2");
    assertThatThrownBy(() ->
            StoredConsumerGroup.decode(ByteBuffer.allocate(whole.length + 1).put(whole).rewind()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

package io.streamhouse.broker.group;

import io.streamhouse.broker.group.ConsumerMember.Progress;
import io.streamhouse.metadata.PartitionId;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// What is stored of a consumer group, and its bytes, whose parts are those of [StoredForm].
///
/// | field               | type   | notes                                                   |
/// |---------------------|--------|---------------------------------------------------------|
/// | kind                | u8     | 2: consumer                                             |
/// | version             | u8     | 4 where the targets are provisional, else 3 where some member is classic, else 2 where one has a pattern, else 1 |
/// | group epoch         | i32    |                                                         |
/// | assignment epoch    | i32    | the group epoch that the targets were computed for      |
/// | topic count         | i32    | what subscriptions stood for then, per topic:           |
/// | name, id, partitions| string, i64, i64, i32 |                                          |
/// | member count        | i32    | the following, per member in order of joining           |
/// | id                  | string |                                                         |
/// | instance id, rack id| string | two, null if there is none                              |
/// | client id, host     | string | two                                                     |
/// | rebalance time-out  | i32    | milliseconds                                            |
/// | topics              | i32    | then the name of each that it reads                     |
/// | pattern             | string | from version 2: empty if it reads by names alone             |
/// | assignor            | string | null if it does not care                                |
/// | member epoch        | i32    | -2 for a static member that left for a while            |
/// | previous epoch      | i32    |                                                         |
/// | progress            | u8     | 0 stable, 1 unrevoked, 2 unreleased                     |
/// | assigned            | parts  | each with the epoch since which it is the member's      |
/// | revoking            | parts  | likewise                                                |
/// | target              | parts  | with epoch 0                                            |
/// | session time-out    | i32    | from version 3: milliseconds, -1 for a member of the consumer protocol, who ends here |
/// | protocol count      | i32    | then per protocol its name (string) and metadata (bytes) |
///
/// Provisional targets were computed, or are still in force, without what some member's pattern
/// stands for: as soon as that is known, there must be others.
///
/// Parts are a number of topics as i32; per topic its id (two i64), its number of partitions as
/// i32, and per partition its number and an epoch (two i32).
record StoredConsumerGroup(
    int groupEpoch,
    int assignmentEpoch,
    boolean provisional,
    SortedMap<String, Topics.Shape> topics,
    List<StoredMember> members)
    implements Group.Stored {

  static final int KIND = 2;
  private static final int WITHOUT_PATTERNS = 1;
  private static final int WITH_PATTERNS = 2;
  private static final int WITH_CLASSIC = 3;
  private static final int PROVISIONAL = 4;
  private static final int NOT_CLASSIC = -1;

  StoredConsumerGroup {
    topics = Collections.unmodifiableSortedMap(new TreeMap<>(topics));
    members = List.copyOf(members);
  }

  /// The collections are taken over: nobody may change them afterwards.
  record StoredMember(
      String id,
      @Nullable String instanceId,
      @Nullable String rackId,
      String clientId,
      String clientHost,
      int rebalanceTimeoutMillis,
      SortedSet<String> topics,
      String pattern,
      @Nullable String assignor,
      int epoch,
      int previousEpoch,
      Progress progress,
      SortedMap<PartitionId, Integer> assigned,
      SortedMap<PartitionId, Integer> revoking,
      Set<PartitionId> target,
      ConsumerMember.@Nullable Classic classic) {}

  @Override
  public ByteBuffer encode() {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeByte(KIND);
      int version = version();
      out.writeByte(version);
      out.writeInt(groupEpoch);
      out.writeInt(assignmentEpoch);
      out.writeInt(topics.size());
      for (var topic : topics.entrySet()) {
        StoredForm.write(out, topic.getKey());
        write(out, topic.getValue().id());
        out.writeInt(topic.getValue().partitions());
      }
      out.writeInt(members.size());
      for (var member : members) {
        write(out, member, version);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return ByteBuffer.wrap(bytes.toByteArray());
  }

  /// Older versions of this program read the state of a group that has nothing new.
  private int version() {
    if (provisional) {
      return PROVISIONAL;
    }
    if (members.stream().anyMatch(one -> one.classic != null)) {
      return WITH_CLASSIC;
    }
    return members.stream().allMatch(one -> one.pattern.isEmpty())
        ? WITHOUT_PATTERNS
        : WITH_PATTERNS;
  }

  private static void write(DataOutputStream out, StoredMember member, int version)
      throws IOException {
    StoredForm.write(out, member.id);
    StoredForm.write(out, member.instanceId);
    StoredForm.write(out, member.rackId);
    StoredForm.write(out, member.clientId);
    StoredForm.write(out, member.clientHost);
    out.writeInt(member.rebalanceTimeoutMillis);
    out.writeInt(member.topics.size());
    for (var topic : member.topics) {
      StoredForm.write(out, topic);
    }
    if (version >= WITH_PATTERNS) {
      StoredForm.write(out, member.pattern);
    }
    StoredForm.write(out, member.assignor);
    out.writeInt(member.epoch);
    out.writeInt(member.previousEpoch);
    out.writeByte(
        switch (member.progress) {
          case STABLE -> 0;
          case UNREVOKED -> 1;
          case UNRELEASED -> 2;
        });
    write(out, member.assigned.keySet(), member.assigned);
    write(out, member.revoking.keySet(), member.revoking);
    write(out, member.target, Map.of());
    if (version >= WITH_CLASSIC) {
      write(out, member.classic);
    }
  }

  private static void write(DataOutputStream out, ConsumerMember.@Nullable Classic classic)
      throws IOException {
    if (classic == null) {
      out.writeInt(NOT_CLASSIC);
      return;
    }
    out.writeInt(classic.sessionTimeoutMillis());
    out.writeInt(classic.protocols().size());
    for (var protocol : classic.protocols()) {
      StoredForm.write(out, protocol.name());
      StoredForm.write(out, protocol.metadata());
    }
  }

  private static void write(
      DataOutputStream out, Collection<PartitionId> partitions, Map<PartitionId, Integer> epochs)
      throws IOException {
    var byTopic = new TreeMap<PartitionId, List<PartitionId>>();
    for (var one : partitions) {
      byTopic.computeIfAbsent(new PartitionId(one.topicId(), 0), _ -> new ArrayList<>()).add(one);
    }
    out.writeInt(byTopic.size());
    for (var topic : byTopic.entrySet()) {
      write(out, topic.getKey().topicId());
      out.writeInt(topic.getValue().size());
      for (var one : topic.getValue()) {
        out.writeInt(one.partition());
        out.writeInt(epochs.getOrDefault(one, 0));
      }
    }
  }

  private static void write(DataOutputStream out, UUID id) throws IOException {
    out.writeLong(id.getMostSignificantBits());
    out.writeLong(id.getLeastSignificantBits());
  }

  /// @throws IllegalArgumentException if these are not the bytes of such a group
  static StoredConsumerGroup decode(ByteBuffer stored) {
    var bytes = new byte[stored.remaining()];
    stored.duplicate().get(bytes);
    try (var in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      StoredForm.expect("kind", KIND, in.readUnsignedByte());
      int version = in.readUnsignedByte();
      if (version < WITHOUT_PATTERNS || version > PROVISIONAL) {
        StoredForm.expect("version", PROVISIONAL, version);
      }
      int groupEpoch = in.readInt();
      int assignmentEpoch = in.readInt();
      var topics = new TreeMap<String, Topics.Shape>();
      for (int count = StoredForm.count(in); count > 0; count--) {
        topics.put(StoredForm.string(in), new Topics.Shape(id(in), in.readInt()));
      }
      var members = new ArrayList<StoredMember>();
      for (int count = StoredForm.count(in); count > 0; count--) {
        members.add(member(in, version));
      }
      StoredForm.expect("bytes after the last member", 0, in.available());
      return new StoredConsumerGroup(
          groupEpoch, assignmentEpoch, version == PROVISIONAL, topics, members);
    } catch (EOFException e) {
      throw new IllegalArgumentException("group state of " + bytes.length + " bytes ends early", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static StoredMember member(DataInputStream in, int version) throws IOException {
    var id = StoredForm.string(in);
    var instanceId = StoredForm.nullable(in);
    var rackId = StoredForm.nullable(in);
    var clientId = StoredForm.string(in);
    var clientHost = StoredForm.string(in);
    int rebalance = in.readInt();
    var topics = new TreeSet<String>();
    for (int count = StoredForm.count(in); count > 0; count--) {
      topics.add(StoredForm.string(in));
    }
    var pattern = version >= WITH_PATTERNS ? StoredForm.string(in) : "";
    var assignor = StoredForm.nullable(in);
    int epoch = in.readInt();
    int previousEpoch = in.readInt();
    int number = in.readUnsignedByte();
    var progress =
        switch (number) {
          case 0 -> Progress.STABLE;
          case 1 -> Progress.UNREVOKED;
          case 2 -> Progress.UNRELEASED;
          default -> throw new IllegalArgumentException("group state: progress " + number);
        };
    return new StoredMember(
        id,
        instanceId,
        rackId,
        clientId,
        clientHost,
        rebalance,
        topics,
        pattern,
        assignor,
        epoch,
        previousEpoch,
        progress,
        partitions(in),
        partitions(in),
        Collections.unmodifiableSet(new TreeSet<>(partitions(in).keySet())),
        version >= WITH_CLASSIC ? classic(in) : null);
  }

  private static ConsumerMember.@Nullable Classic classic(DataInputStream in) throws IOException {
    int session = in.readInt();
    if (session == NOT_CLASSIC) {
      return null;
    }
    var protocols = new ArrayList<GroupRequest.Protocol>();
    for (int count = StoredForm.count(in); count > 0; count--) {
      protocols.add(
          new GroupRequest.Protocol(
              StoredForm.string(in), Bytes.of(StoredForm.bytes(in, in.readInt()))));
    }
    return new ConsumerMember.Classic(session, protocols);
  }

  private static SortedMap<PartitionId, Integer> partitions(DataInputStream in) throws IOException {
    var partitions = new TreeMap<PartitionId, Integer>();
    for (int topics = StoredForm.count(in); topics > 0; topics--) {
      var topic = id(in);
      for (int count = StoredForm.count(in); count > 0; count--) {
        partitions.put(new PartitionId(topic, in.readInt()), in.readInt());
      }
    }
    return partitions;
  }

  private static UUID id(DataInputStream in) throws IOException {
    return new UUID(in.readLong(), in.readLong());
  }
}

package io.streamhouse.broker.group;

import io.streamhouse.broker.group.GroupRequest.Protocol;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is stored of a classic group, and its bytes, whose parts are those of [StoredForm].
///
/// | field             | type   | notes                                              |
/// |-------------------|--------|----------------------------------------------------|
/// | kind              | u8     | 1: classic; a [StoredConsumerGroup] has another     |
/// | version           | u8     | 1                                                  |
/// | state             | u8     | 0 Empty, 2 CompletingRebalance, 3 Stable           |
/// | state since       | i64    | wall milliseconds                                  |
/// | generation        | i32    |                                                    |
/// | protocol type     | string |                                                    |
/// | protocol          | string | null while empty                                   |
/// | leader            | string | member id, null while empty                        |
/// | member count      | i32    | the following, per member in order of joining      |
/// | id                | string |                                                    |
/// | instance id       | string | null for a dynamic member                          |
/// | client id, host   | string | two                                                |
/// | session time-out  | i32    | milliseconds                                       |
/// | rebalance time-out| i32    | milliseconds                                       |
/// | protocol count    | i32    | then per protocol its name (string) and metadata (bytes) |
/// | assignment        | bytes  | empty unless Stable                                |
///
/// All protocols of a member are kept, not only the one in force, so that a member that joins again
/// unchanged after a failover is recognised as such.
record StoredClassicGroup(
    GroupState state,
    long stateSinceMillis,
    int generation,
    String protocolType,
    @Nullable String protocol,
    @Nullable String leader,
    List<StoredMember> members)
    implements Group.Stored {

  static final int KIND = 1;
  private static final int VERSION = 1;

  StoredClassicGroup {
    members = List.copyOf(members);
  }

  record StoredMember(
      String id,
      @Nullable String instanceId,
      String clientId,
      String clientHost,
      int sessionTimeoutMillis,
      int rebalanceTimeoutMillis,
      List<Protocol> protocols,
      Bytes assignment) {

    StoredMember {
      protocols = List.copyOf(protocols);
    }
  }

  @Override
  public ByteBuffer encode() {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeByte(KIND);
      out.writeByte(VERSION);
      out.writeByte(number(state));
      out.writeLong(stateSinceMillis);
      out.writeInt(generation);
      StoredForm.write(out, protocolType);
      StoredForm.write(out, protocol);
      StoredForm.write(out, leader);
      out.writeInt(members.size());
      for (var member : members) {
        StoredForm.write(out, member.id);
        StoredForm.write(out, member.instanceId);
        StoredForm.write(out, member.clientId);
        StoredForm.write(out, member.clientHost);
        out.writeInt(member.sessionTimeoutMillis);
        out.writeInt(member.rebalanceTimeoutMillis);
        out.writeInt(member.protocols.size());
        for (var protocol : member.protocols) {
          StoredForm.write(out, protocol.name());
          StoredForm.write(out, protocol.metadata());
        }
        StoredForm.write(out, member.assignment);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return ByteBuffer.wrap(bytes.toByteArray());
  }

  /// @throws IllegalArgumentException if these are not the bytes of such a group
  static StoredClassicGroup decode(ByteBuffer stored) {
    var bytes = new byte[stored.remaining()];
    stored.duplicate().get(bytes);
    try (var in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      StoredForm.expect("kind", KIND, in.readUnsignedByte());
      StoredForm.expect("version", VERSION, in.readUnsignedByte());
      var state = state(in.readUnsignedByte());
      long since = in.readLong();
      int generation = in.readInt();
      var protocolType = StoredForm.string(in);
      var protocol = StoredForm.nullable(in);
      var leader = StoredForm.nullable(in);
      int count = StoredForm.count(in);
      var members = new ArrayList<StoredMember>();
      for (int i = 0; i < count; i++) {
        members.add(member(in));
      }
      StoredForm.expect("bytes after the last member", 0, in.available());
      return new StoredClassicGroup(
          state, since, generation, protocolType, protocol, leader, members);
    } catch (EOFException e) {
      throw new IllegalArgumentException("group state of " + bytes.length + " bytes ends early", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static StoredMember member(DataInputStream in) throws IOException {
    var id = StoredForm.string(in);
    var instanceId = StoredForm.nullable(in);
    var clientId = StoredForm.string(in);
    var clientHost = StoredForm.string(in);
    int session = in.readInt();
    int rebalance = in.readInt();
    int count = StoredForm.count(in);
    var protocols = new ArrayList<Protocol>();
    for (int i = 0; i < count; i++) {
      protocols.add(
          new Protocol(StoredForm.string(in), Bytes.of(StoredForm.bytes(in, in.readInt()))));
    }
    var assignment = Bytes.of(StoredForm.bytes(in, in.readInt()));
    return new StoredMember(
        id, instanceId, clientId, clientHost, session, rebalance, protocols, assignment);
  }

  private static int number(GroupState state) {
    return switch (state) {
      case EMPTY -> 0;
      case PREPARING_REBALANCE -> throw new IllegalArgumentException("a plan is not stored");
      case COMPLETING_REBALANCE -> 2;
      case STABLE -> 3;
    };
  }

  private static GroupState state(int number) {
    return switch (number) {
      case 0 -> GroupState.EMPTY;
      case 2 -> GroupState.COMPLETING_REBALANCE;
      case 3 -> GroupState.STABLE;
      default -> throw new IllegalArgumentException("group state " + number);
    };
  }
}

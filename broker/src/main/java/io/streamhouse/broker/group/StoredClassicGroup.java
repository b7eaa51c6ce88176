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
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is stored of a classic group, and its bytes. All integers big-endian; a string is its
/// length in bytes of UTF-8 as i32 (-1 for null) and those bytes; bytes likewise.
///
/// | field             | type   | notes                                              |
/// |-------------------|--------|----------------------------------------------------|
/// | kind              | u8     | 1: classic; other protocols take other numbers     |
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
    List<StoredMember> members) {

  private static final int KIND = 1;
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

  ByteBuffer encode() {
    var bytes = new ByteArrayOutputStream();
    try (var out = new DataOutputStream(bytes)) {
      out.writeByte(KIND);
      out.writeByte(VERSION);
      out.writeByte(number(state));
      out.writeLong(stateSinceMillis);
      out.writeInt(generation);
      write(out, protocolType);
      write(out, protocol);
      write(out, leader);
      out.writeInt(members.size());
      for (var member : members) {
        write(out, member.id);
        write(out, member.instanceId);
        write(out, member.clientId);
        write(out, member.clientHost);
        out.writeInt(member.sessionTimeoutMillis);
        out.writeInt(member.rebalanceTimeoutMillis);
        out.writeInt(member.protocols.size());
        for (var protocol : member.protocols) {
          write(out, protocol.name());
          write(out, protocol.metadata());
        }
        write(out, member.assignment);
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
      expect("kind", KIND, in.readUnsignedByte());
      expect("version", VERSION, in.readUnsignedByte());
      var state = state(in.readUnsignedByte());
      long since = in.readLong();
      int generation = in.readInt();
      var protocolType = string(in);
      var protocol = nullable(in);
      var leader = nullable(in);
      int count = count(in);
      var members = new ArrayList<StoredMember>();
      for (int i = 0; i < count; i++) {
        members.add(member(in));
      }
      expect("bytes after the last member", 0, in.available());
      return new StoredClassicGroup(
          state, since, generation, protocolType, protocol, leader, members);
    } catch (EOFException e) {
      throw new IllegalArgumentException("group state of " + bytes.length + " bytes ends early", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static StoredMember member(DataInputStream in) throws IOException {
    var id = string(in);
    var instanceId = nullable(in);
    var clientId = string(in);
    var clientHost = string(in);
    int session = in.readInt();
    int rebalance = in.readInt();
    int count = count(in);
    var protocols = new ArrayList<Protocol>();
    for (int i = 0; i < count; i++) {
      protocols.add(new Protocol(string(in), Bytes.of(bytes(in, in.readInt()))));
    }
    var assignment = Bytes.of(bytes(in, in.readInt()));
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

  private static void write(DataOutputStream out, @Nullable String text) throws IOException {
    if (text == null) {
      out.writeInt(-1);
    } else {
      write(out, Bytes.of(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  private static void write(DataOutputStream out, Bytes bytes) throws IOException {
    out.writeInt(bytes.array().length);
    out.write(bytes.array());
  }

  private static String string(DataInputStream in) throws IOException {
    var text = nullable(in);
    if (text == null) {
      throw new IllegalArgumentException("null in group state where none may be");
    }
    return text;
  }

  private static @Nullable String nullable(DataInputStream in) throws IOException {
    int length = in.readInt();
    return length == -1 ? null : new String(bytes(in, length), StandardCharsets.UTF_8);
  }

  private static byte[] bytes(DataInputStream in, int length) throws IOException {
    if (length < 0 || length > in.available()) {
      throw new EOFException("length " + length + " with " + in.available() + " bytes left");
    }
    return in.readNBytes(length);
  }

  private static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > in.available()) {
      throw new EOFException("count " + count + " with " + in.available() + " bytes left");
    }
    return count;
  }

  private static void expect(String what, int expected, int found) {
    if (expected != found) {
      throw new IllegalArgumentException(
          "group state: " + what + " expected " + expected + ", found " + found);
    }
  }
}

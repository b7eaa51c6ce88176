package io.streamhouse.broker.storage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Where objects rest: named, written once, then only read or deleted.
///
/// Calls block, so they belong on virtual threads; implementations are thread-safe. An
/// [IOException] other than [ObjectMissing] says that the store did not do as asked *or* that its
/// answer got lost; any call may then be repeated.
///
/// A key is one or more names of `[A-Za-z0-9._=-]`, not beginning with a dot, joined by `/`; each
/// at most 200 bytes, all together at most [#MAX_KEY_BYTES]; no key may go on where another ends
/// (`a` and `a/b`), since directories cannot hold both. Any other form is an
/// [IllegalArgumentException].
public interface ObjectStore extends AutoCloseable {

  int MAX_KEY_BYTES = 900;

  /// Stores an object under a key that has none yet; durable when this returns, and until then not
  /// there at all. Never replaces anything.
  ///
  /// After an [IOException] the object may be there. The same call again then finds
  /// [PutResult.AlreadyExists], and [ObjectInfo#of] the content tells whether that is ours.
  ///
  /// @param content between position and limit of each buffer, which do not move
  /// @param metadata for people and tools; a store without room for it may leave it out
  PutResult putNew(String key, List<ByteBuffer> content, Map<String, String> metadata)
      throws IOException;

  sealed interface PutResult {
    record Created(ObjectInfo info) implements PutResult {}

    /// @param existing what is there, untouched
    record AlreadyExists(ObjectInfo existing) implements PutResult {}
  }

  /// Bytes of an object from `position` on, in memory that belongs to the caller: `length` of them,
  /// or fewer where the object ends.
  ///
  /// @throws ObjectMissing if there is no such object
  ByteBuffer get(String key, long position, int length) throws IOException;

  /// Reads an object from `position` on into buffers of the caller's, one after the other, whose
  /// positions move: all they have room for, or less where the object ends. Nobody writes to them
  /// after this returned or failed.
  ///
  /// @throws ObjectMissing if there is no such object
  default void read(String key, long position, List<ByteBuffer> into) throws IOException {
    var bytes = get(key, position, into.stream().mapToInt(ByteBuffer::remaining).sum());
    for (var buffer : into) {
      int length = Math.min(buffer.remaining(), bytes.remaining());
      buffer.put(bytes.slice(bytes.position(), length));
      bytes.position(bytes.position() + length);
    }
  }

  Optional<ObjectInfo> head(String key) throws IOException;

  /// Keys in ascending order.
  ///
  /// @param prefix what they begin with, perhaps empty
  /// @param startAfter only keys above it; empty for all
  /// @param limit at most as many
  List<String> list(String prefix, String startAfter, int limit) throws IOException;

  /// Deletes objects, each on its own, so that one failure does not hold up the others.
  ///
  /// @return for each key what became of it
  Map<String, DeleteResult> delete(Collection<String> keys);

  sealed interface DeleteResult {
    /// It is not there any more, or never was.
    record Gone() implements DeleteResult {}

    record Failed(IOException cause) implements DeleteResult {}
  }

  @Override
  void close();
}

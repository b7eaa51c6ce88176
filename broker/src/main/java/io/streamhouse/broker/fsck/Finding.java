package io.streamhouse.broker.fsck;

import java.util.Locale;

/// Something that is not as it must be.
///
/// @param where what it is about, without blanks at its ends: a partition, an object, a file
/// @param expected what should be there
/// @param found what is
public record Finding(Kind kind, String where, String expected, String found) {

  /// What can be wrong.
  public enum Kind {
    /// A topic without all of its partitions, or rows without their topic or partition.
    CATALOGUE,
    /// The log start, the segments' ranges and the committed end do not fit together.
    RANGE,
    /// Leader epochs of segments, `partition_epochs` and the lease epoch contradict each other.
    EPOCH,
    /// A segment refers to an object that the metadata or the object store does not have.
    MISSING,
    /// A segment's bytes are damaged, or are not what its row says.
    SEGMENT,
    /// An object's state or count of references is wrong.
    REFERENCES,
    /// An object in the store that the metadata does not know.
    ORPHAN,
    /// A tail in a write-ahead log that no agent ever had.
    TAIL,
    /// The write-ahead log is damaged, or acknowledged records in it do not continue a log.
    WAL,
    /// A committed offset of a partition that there is not.
    OFFSET,
    /// The database is older than the object store.
    OLD_DATABASE
  }

  @Override
  public String toString() {
    return "%s %s: expected %s, found %s"
        .formatted(kind.name().toLowerCase(Locale.ROOT).replace('_', ' '), where, expected, found);
  }
}

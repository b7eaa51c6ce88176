package io.streamhouse.compat.cluster;

/// What the log says about who wrote a record: the header of its batch, which consumers do not
/// show.
///
/// @param sequence of the batch's first record
record LogBatch(
    long baseOffset, long producerId, short producerEpoch, int sequence, int leaderEpoch) {

  /// Where headers are found.
  interface Lookup {

    /// The batch that holds an offset.
    ///
    /// @param partition its number in the [Layout]
    LogBatch at(int partition, long offset);
  }

  /// Whether this is the same producer's as `earlier`, under a later epoch: to a server another
  /// batch, whatever is in it.
  boolean rewrites(LogBatch earlier) {
    return producerId == earlier.producerId && producerEpoch > earlier.producerEpoch;
  }

  @Override
  public String toString() {
    return "batch %d of producer %d, epoch %d, sequence %d, leader epoch %d"
        .formatted(baseOffset, producerId, producerEpoch, sequence, leaderEpoch);
  }
}

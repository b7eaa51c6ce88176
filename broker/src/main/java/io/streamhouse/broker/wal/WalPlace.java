package io.streamhouse.broker.wal;

/// Where an entry stands in the log.
///
/// @param sequence of the file
/// @param position of the entry's frame in it
/// @param batchBytes how long the batch in it is
public record WalPlace(long sequence, long position, int batchBytes) {}

package io.streamhouse.segment;

import java.nio.ByteBuffer;
import java.util.UUID;

/// One record batch as it stands in the write-ahead log.
///
/// @param leaseEpoch under which it was appended
/// @param baseOffset of the batch, as stamped into it
/// @param batch its bytes; a view on the file's memory
public record WalEntry(
    UUID topicId, int partition, int leaseEpoch, long baseOffset, ByteBuffer batch) {}

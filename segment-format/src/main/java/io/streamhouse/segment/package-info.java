/// Bytes at rest: segments, the objects they are put into, and files of the write-ahead log. Knows
/// neither topics nor records; uses the JDK and LZ4 only. The broker writes and reads with it,
/// `streamctl` dumps with it.
@NullMarked
package io.streamhouse.segment;

import org.jspecify.annotations.NullMarked;

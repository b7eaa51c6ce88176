/// Bytes on the wire ↔ typed requests: frames, headers, in-order pipelined connections, record
/// batches. Knows nothing of logs or storage; `broker.api` implements its handlers.
@NullMarked
package io.streamhouse.protocol;

import org.jspecify.annotations.NullMarked;

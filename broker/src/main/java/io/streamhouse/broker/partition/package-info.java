/// One leader's log: order, producer state, high watermark, the unflushed tail, and its flush into
/// objects.
@NullMarked
package io.streamhouse.broker.partition;

import org.jspecify.annotations.NullMarked;

/// The command lines: `bin/streamhouse` ([Main]) and `bin/streamctl`.
///
/// `streamctl` speaks to an agent as any client does, with Kafka's own client; this is the one
/// package of the broker that uses it.
@NullMarked
package io.streamhouse.broker.cli;

import org.jspecify.annotations.NullMarked;

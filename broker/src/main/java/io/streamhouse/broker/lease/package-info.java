/// The agent's session and the leases it holds: when it may act as an owner, and when no longer.
@NullMarked
package io.streamhouse.broker.lease;

import org.jspecify.annotations.NullMarked;

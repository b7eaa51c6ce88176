/// Real clients and tools against running servers: StreamHouse, and Apache Kafka as the oracle.
///
/// Here is what starts, watches and ends those processes; the tests and the commands (`driver`,
/// `kill`, `bench`) stand on it. Nothing here knows a class of the agent: everything goes over
/// loopback, as a user's program would.
@NullMarked
package io.streamhouse.compat;

import org.jspecify.annotations.NullMarked;

/// Reads of a log, from its tail or from segments, and fetches parked until there is more.
@NullMarked
package io.streamhouse.broker.read;

import org.jspecify.annotations.NullMarked;

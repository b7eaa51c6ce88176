/// Raw requests over plain sockets, sent to the server under test and to Apache Kafka alike.
@NullMarked
package io.streamhouse.compat.wire;

import org.jspecify.annotations.NullMarked;

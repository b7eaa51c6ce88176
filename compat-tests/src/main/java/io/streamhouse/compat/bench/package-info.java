/// The benchmark `bin/bench`: StreamHouse and Apache Kafka side by side.
@NullMarked
package io.streamhouse.compat.bench;

import org.jspecify.annotations.NullMarked;

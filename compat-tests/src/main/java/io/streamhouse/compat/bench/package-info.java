/// A small benchmark against Apache Kafka, side by side.
@NullMarked
package io.streamhouse.compat.bench;

import org.jspecify.annotations.NullMarked;

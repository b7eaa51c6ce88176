/// Apache Kafka's command line tools, unmodified, against the server under test and against Apache
/// Kafka itself.
@NullMarked
package io.streamhouse.compat.tools;

import org.jspecify.annotations.NullMarked;

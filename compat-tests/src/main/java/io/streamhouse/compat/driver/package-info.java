/// What runs in a client's own process: the generator of JSON lines and a producer and consumer
/// driven by a command line.
///
/// Compiled against the newest kafka-clients but run with the jars of older ones too, so it uses
/// only what kafka-clients 2.8 already had, and nothing else but the JDK.
@NullMarked
package io.streamhouse.compat.driver;

import org.jspecify.annotations.NullMarked;

/// What every other package stands on: time, serial loops, failures, configuration. Imports no
/// other package of the broker.
@NullMarked
package io.streamhouse.broker.runtime;

import org.jspecify.annotations.NullMarked;

/// Where bytes rest: the data directory, the object store, and the cache of segment blocks.
@NullMarked
package io.streamhouse.broker.storage;

import org.jspecify.annotations.NullMarked;

/// How a server bears many partitions.
@NullMarked
package io.streamhouse.compat.scale;

import org.jspecify.annotations.NullMarked;

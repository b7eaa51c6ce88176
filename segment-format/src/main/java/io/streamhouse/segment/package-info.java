@NullMarked
package io.streamhouse.segment;

import org.jspecify.annotations.NullMarked;

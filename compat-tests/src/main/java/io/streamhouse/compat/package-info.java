@NullMarked
package io.streamhouse.compat;

import org.jspecify.annotations.NullMarked;

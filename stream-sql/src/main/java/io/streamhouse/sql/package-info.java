@NullMarked
package io.streamhouse.sql;

import org.jspecify.annotations.NullMarked;

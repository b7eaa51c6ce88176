/// The kill loop: load, `kill -9`, restart, again and again; then the whole history is judged.
@NullMarked
package io.streamhouse.compat.kill;

import org.jspecify.annotations.NullMarked;

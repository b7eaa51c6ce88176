/// Checks what is stored against itself: metadata, objects, write-ahead log. Used by `streamctl
/// fsck` and by tests.
@NullMarked
package io.streamhouse.broker.fsck;

import org.jspecify.annotations.NullMarked;

/// Deletes objects that nothing refers to, guarded against a database older than the objects. Used
/// by the agent, by `streamctl metadata adopt` and by `streamctl fsck`.
@NullMarked
package io.streamhouse.broker.sweep;

import org.jspecify.annotations.NullMarked;

/// The agent: the composition root and the command lines. Below it, imports go downward only: `api
/// → group → read → partition → {lease, wal, storage} → runtime`.
@NullMarked
package io.streamhouse.broker;

import org.jspecify.annotations.NullMarked;

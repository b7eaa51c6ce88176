/// The write-ahead log of one agent: group commit, replay, trimming.
@NullMarked
package io.streamhouse.broker.wal;

import org.jspecify.annotations.NullMarked;

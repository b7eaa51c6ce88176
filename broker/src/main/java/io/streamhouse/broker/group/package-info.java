/// Group coordination: who is in a group, what each member was assigned, what it has committed.
///
/// The rules are state machines without threads, clocks or I/O ([ClassicGroup], in which clients
/// assign partitions, and [ConsumerGroup], in which the coordinator does); [GroupShard] keeps the
/// groups of one shard and holds every answer back until what it reveals is stored;
/// [GroupCoordinator] takes the shards, and is what `broker.api` calls.
@NullMarked
package io.streamhouse.broker.group;

import org.jspecify.annotations.NullMarked;

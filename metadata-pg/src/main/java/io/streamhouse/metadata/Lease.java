package io.streamhouse.metadata;

import java.util.UUID;

/// Proof that `incarnation` took `key` at `epoch`: of ownership as of then, never of now. The fence
/// is the `WHERE` clause that compares it with the row.
///
/// @param key what is owned
/// @param incarnation the agent session that took it
/// @param epoch rises with every take, also across re-creation of a topic name; fits int32
public record Lease<K>(K key, UUID incarnation, int epoch) {}

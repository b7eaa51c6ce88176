package io.streamhouse.broker.group;

/// The time of an event.
///
/// @param nanos monotonic, not negative
/// @param wallMillis for what users see
record Now(long nanos, long wallMillis) {}

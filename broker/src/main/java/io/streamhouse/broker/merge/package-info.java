/// Makes few large segments out of many small ones, so that a partition's rows stay few and a
/// reader of old records finds them together. Used by the agent.
@NullMarked
package io.streamhouse.broker.merge;

import org.jspecify.annotations.NullMarked;

/// The metadata store in memory, for simulations and tests: the same promises as `metadata.db`,
/// held to them by the same contract suite, and nothing that a seed does not decide.
@NullMarked
package io.streamhouse.metadata.memory;

import org.jspecify.annotations.NullMarked;

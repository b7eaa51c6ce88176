/// What exists, who owns it, what is committed: four roles over one database. One method is one
/// transaction; every method that changes owned state takes a [Lease], checked in the `WHERE` of
/// the statement that changes it. `metadata.db` implements it; the broker uses it.
@NullMarked
package io.streamhouse.metadata;

import org.jspecify.annotations.NullMarked;

/// The metadata store in a database: one code base on jOOQ, whose types never leave this package.
/// Each role is a class, each of its methods a transaction, the fence visible in its `where`.
@NullMarked
package io.streamhouse.metadata.db;

import org.jspecify.annotations.NullMarked;

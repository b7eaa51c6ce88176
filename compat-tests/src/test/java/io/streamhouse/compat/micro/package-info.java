/// Benchmarks of single pieces of code, by JMH: compiled with the tests, run by `bin/bench
/// --micro`.
@NullMarked
package io.streamhouse.compat.micro;

import org.jspecify.annotations.NullMarked;

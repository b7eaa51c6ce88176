/// The cluster's load, nemesis and checker, and the short forms of its programs.
@NullMarked
package io.streamhouse.compat.cluster;

import org.jspecify.annotations.NullMarked;

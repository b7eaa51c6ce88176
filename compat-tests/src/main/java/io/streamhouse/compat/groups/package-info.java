/// Load on the coordinator of groups: thousands of members that speak the protocol itself, with
/// restarts of their server, and a judge of what was promised to them.
@NullMarked
package io.streamhouse.compat.groups;

import org.jspecify.annotations.NullMarked;

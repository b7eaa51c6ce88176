/// What people and monitoring ask an agent over HTTP: whether it is well, whether it serves, and
/// its metrics. Used by the agent alone.
@NullMarked
package io.streamhouse.broker.http;

import org.jspecify.annotations.NullMarked;

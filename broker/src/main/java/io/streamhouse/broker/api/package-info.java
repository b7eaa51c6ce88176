/// One handler per Kafka API: typed requests in, what the packages below answer out. The one place
/// where failures become Kafka's error codes.
@NullMarked
package io.streamhouse.broker.api;

import org.jspecify.annotations.NullMarked;

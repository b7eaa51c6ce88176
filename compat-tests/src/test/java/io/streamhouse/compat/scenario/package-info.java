/// What applications do, written once, played by every client library against StreamHouse and
/// against Apache Kafka. The scenarios are in `src/test/resources/scenarios`, the clients' drivers
/// in `clients/` and [io.streamhouse.compat.driver.ScenarioDriver].
@NullMarked
package io.streamhouse.compat.scenario;

import org.jspecify.annotations.NullMarked;

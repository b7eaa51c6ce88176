/// Configuration: Kafka's own names and meanings where Kafka has the setting, `streamhouse.` before
/// ours; one record per concern, every error reported together. Imports no other package of the
/// broker.
///
/// [AgentConfigs] and [TopicConfigs] hold the definitions, from which values are read
/// ([AgentConfig], [TopicConfig]), DescribeConfigs is answered and `docs/CONFIG.md` is written.
@NullMarked
package io.streamhouse.broker.config;

import org.jspecify.annotations.NullMarked;

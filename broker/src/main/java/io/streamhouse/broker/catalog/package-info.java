/// What this agent knows of the cluster: an immutable image of topics, configs, leaders and agents,
/// and the changes made to it. Every metadata answer comes from here; nothing here blocks.
@NullMarked
package io.streamhouse.broker.catalog;

import org.jspecify.annotations.NullMarked;

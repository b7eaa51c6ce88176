/// Several agents as processes with one PostgreSQL and one S3, clients at work on them, and a
/// nemesis that kills, pauses, drains, restarts and cuts off agents; what the clients were told and
/// saw is judged afterwards. Programs: [io.streamhouse.compat.cluster.ClusterLoop] and
/// [io.streamhouse.compat.cluster.FailoverTimes].
@NullMarked
package io.streamhouse.compat.cluster;

import org.jspecify.annotations.NullMarked;

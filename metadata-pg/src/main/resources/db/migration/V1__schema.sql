-- The metadata of one cluster. Logic is in Java; here is only what must never be wrong.
-- Placeholders stand for what SQLite and PostgreSQL call differently, and for how PostgreSQL is to
-- keep rows that change all the time: db/dialect/*.properties.

-- Who we are, chosen once.
CREATE TABLE cluster (
  one INT NOT NULL PRIMARY KEY CHECK (one = 1),
  cluster_id VARCHAR(22) NOT NULL
);

-- changes: raised by every transaction after which an agent's image of the catalogue is old.
-- sweep: raised before each deletion pass, so that a database restored from before it is noticed.
CREATE TABLE counters (
  name VARCHAR(16) NOT NULL PRIMARY KEY,
  counter BIGINT NOT NULL
) ${hot_few};
INSERT INTO counters (name, counter) VALUES ('changes', 0), ('sweep', 0);

-- One row per agent session. No clock is compared: renewals rises while the agent lives, and
-- `dead` is final. renewed_at is for people.
CREATE TABLE agents (
  incarnation ${uuid} NOT NULL PRIMARY KEY,
  node_id INT NOT NULL,
  wal_id ${uuid} NOT NULL,
  rack VARCHAR(255),
  renewals BIGINT NOT NULL,
  state VARCHAR(4) NOT NULL CHECK (state IN ('live', 'dead')),
  renewed_at ${moment} NOT NULL
) ${hot_few};
CREATE UNIQUE INDEX agents_live_node ON agents (node_id) WHERE state = 'live';
CREATE UNIQUE INDEX agents_live_wal ON agents (wal_id) WHERE state = 'live';

CREATE TABLE agent_listeners (
  incarnation ${uuid} NOT NULL,
  name VARCHAR(255) NOT NULL,
  address VARCHAR(512) NOT NULL,
  PRIMARY KEY (incarnation, name)
);

-- Dynamic configs; node -1 is the cluster-wide default.
CREATE TABLE agent_configs (
  node_id INT NOT NULL,
  name VARCHAR(255) NOT NULL,
  setting TEXT NOT NULL,
  PRIMARY KEY (node_id, name)
);

CREATE TABLE topics (
  topic_id ${uuid} NOT NULL PRIMARY KEY,
  name VARCHAR(255) NOT NULL UNIQUE,
  partitions INT NOT NULL CHECK (partitions > 0)
);

CREATE TABLE topic_configs (
  topic_id ${uuid} NOT NULL,
  name VARCHAR(255) NOT NULL,
  setting TEXT NOT NULL,
  PRIMARY KEY (topic_id, name)
);

-- Ids are never reused; an entry of a write-ahead log asks here whether its topic is deleted.
CREATE TABLE deleted_topics (
  topic_id ${uuid} NOT NULL PRIMARY KEY,
  name VARCHAR(255) NOT NULL
);

-- The highest lease epoch of deleted topics, by name: epochs rise across re-creation.
CREATE TABLE name_epochs (
  name VARCHAR(255) NOT NULL PRIMARY KEY,
  lease_epoch INT NOT NULL
);

-- incarnation: who holds the lease; free when null or when that session is dead.
-- lease_epoch: the last one given, -1 before the first.
-- tail_wal, tail_epoch: whose write-ahead log may hold acknowledged records beyond committed_end,
-- and the lowest epoch of its entries that count; null when the committed log is all there is.
CREATE TABLE partitions (
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  incarnation ${uuid},
  lease_epoch INT NOT NULL,
  log_start BIGINT NOT NULL,
  committed_end BIGINT NOT NULL,
  tail_wal ${uuid},
  tail_epoch INT,
  PRIMARY KEY (topic_id, partition),
  CHECK (0 <= log_start AND log_start <= committed_end),
  CHECK ((tail_wal IS NULL) = (tail_epoch IS NULL))
) ${by_key_hot};
CREATE INDEX partitions_incarnation ON partitions (incarnation);

-- Where each leader epoch begins, from its first committed segment on.
CREATE TABLE partition_epochs (
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  epoch INT NOT NULL,
  start_offset BIGINT NOT NULL,
  PRIMARY KEY (topic_id, partition, epoch)
) ${by_key};

-- Committed ranges, contiguous per partition. Keyed by the end, because a read asks for the first
-- segment that ends after an offset. No second index: merging keeps a partition's rows few enough
-- for a look through them by timestamp, and every flush would pay for it.
CREATE TABLE segments (
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  end_offset BIGINT NOT NULL,
  base_offset BIGINT NOT NULL,
  leader_epoch INT NOT NULL,
  object_id ${uuid} NOT NULL,
  position BIGINT NOT NULL,
  length BIGINT NOT NULL,
  records BIGINT NOT NULL,
  max_timestamp BIGINT NOT NULL,
  PRIMARY KEY (topic_id, partition, end_offset),
  CHECK (0 <= base_offset AND base_offset < end_offset)
) ${by_key};

-- pending: registered, perhaps being uploaded. committed: segments refer to it. abandoned: to be
-- deleted. segments counts the rows that refer to it; at none it is abandoned.
CREATE TABLE objects (
  sequence ${sequence},
  object_id ${uuid} NOT NULL UNIQUE,
  object_key VARCHAR(1024) NOT NULL,
  incarnation ${uuid} NOT NULL,
  state VARCHAR(9) NOT NULL CHECK (state IN ('pending', 'committed', 'abandoned')),
  segments INT NOT NULL CHECK (segments >= 0)
) ${hot};
CREATE INDEX objects_pending ON objects (incarnation) WHERE state = 'pending';
CREATE INDEX objects_abandoned ON objects (sequence) WHERE state = 'abandoned';

-- Groups and transactions are coordinated by the holder of their shard's lease.
CREATE TABLE shard_leases (
  shard INT NOT NULL PRIMARY KEY,
  incarnation ${uuid},
  lease_epoch INT NOT NULL
) ${hot_few};
INSERT INTO shard_leases (shard, lease_epoch)
  WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)
  SELECT i, -1 FROM n;

-- group_state is null when only offsets were ever committed.
CREATE TABLE groups (
  group_name TEXT NOT NULL PRIMARY KEY,
  shard INT NOT NULL,
  group_state ${bytes}
) ${hot};
CREATE INDEX groups_shard ON groups (shard);

CREATE TABLE consumer_offsets (
  group_name TEXT NOT NULL,
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  committed_offset BIGINT NOT NULL,
  leader_epoch INT,
  metadata TEXT,
  commit_millis BIGINT NOT NULL,
  PRIMARY KEY (group_name, topic_id, partition)
) ${by_key_hot};
CREATE INDEX consumer_offsets_topic ON consumer_offsets (topic_id);

-- For people. expires_at assumes the default session length.
CREATE VIEW partition_leases AS
  SELECT t.name AS topic, p.partition AS partition, a.node_id AS agent_id,
         p.lease_epoch AS lease_epoch, ${session_end} AS expires_at
    FROM partitions p
    JOIN topics t ON t.topic_id = p.topic_id
    JOIN agents a ON a.incarnation = p.incarnation AND a.state = 'live';

-- draining: whether the session was asked to give its leases to others; a new one begins without.
ALTER TABLE agents ADD COLUMN draining BOOLEAN NOT NULL DEFAULT FALSE;

-- wal_session: counts the sessions of one WAL, so that the newest is known without asking a clock;
-- 0 in rows older than this column. An agent that has no node id of its own gets that session's.
ALTER TABLE agents ADD COLUMN wal_session BIGINT NOT NULL DEFAULT 0;

-- No index of partitions by tail_wal. Who asks for the tails in one WAL (an agent that adopts it, or
-- wonders whether it may go) does so seldom, and 100,000 rows are looked through in some ten
-- milliseconds; while tail_wal itself changes whenever an idle partition is written to again, and
-- its index would cost each such change a new entry in the other indexes, too (no HOT update).

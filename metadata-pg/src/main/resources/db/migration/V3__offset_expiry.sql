-- When an offset is over, if the client that committed it said so: OffsetCommit 2 to 4 could.
ALTER TABLE consumer_offsets ADD COLUMN expire_millis BIGINT;

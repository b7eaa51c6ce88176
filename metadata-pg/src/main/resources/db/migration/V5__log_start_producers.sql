-- What is known of idempotent producers from batches below the log start: the segments that said it
-- may be gone. Written with every rise of the log start, the format is the agent's; no row where
-- there is nothing to say. log_start: which it belongs to; it says nothing of any other, since an
-- agent of an older version raises the log start without it.
CREATE TABLE log_start_producers (
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  log_start BIGINT NOT NULL,
  producers ${bytes} NOT NULL,
  PRIMARY KEY (topic_id, partition)
) ${by_key};

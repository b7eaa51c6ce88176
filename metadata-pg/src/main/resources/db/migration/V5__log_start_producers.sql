-- What is known of idempotent producers from batches below the log start: the segments that said it
-- may be gone. Written with every rise of the log start, the format is the agent's; no row where
-- there is nothing to say.
CREATE TABLE log_start_producers (
  topic_id ${uuid} NOT NULL,
  partition INT NOT NULL,
  producers ${bytes} NOT NULL,
  PRIMARY KEY (topic_id, partition)
) ${by_key};

-- oldest: the lowest schema version whose programs may use this schema. A migration that takes away
-- or changes what they rely on raises it to its own; one that only adds leaves it, so that programs
-- of both versions run side by side while a cluster is upgraded, and the older can come back.
INSERT INTO counters (name, counter) VALUES ('oldest', 7);

-- Nodes that were asked to give their leases to others, until that is taken back: what begins as
-- one of them takes none. agents.draining is of one session, which starts or stops.
CREATE TABLE drained_nodes (
  node_id INT NOT NULL PRIMARY KEY
);

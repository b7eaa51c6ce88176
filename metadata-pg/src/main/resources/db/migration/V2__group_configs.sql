-- What was set for one group, which need not exist.
CREATE TABLE group_configs (
  group_name TEXT NOT NULL,
  name VARCHAR(255) NOT NULL,
  setting TEXT NOT NULL,
  PRIMARY KEY (group_name, name)
);

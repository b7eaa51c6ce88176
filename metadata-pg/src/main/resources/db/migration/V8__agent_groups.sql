-- agent_group: which topics the session is to lead, those that name this group; empty: those that
-- name none.
ALTER TABLE agents ADD COLUMN agent_group VARCHAR(255) NOT NULL DEFAULT '';

-- When the tokens of a connection were given: those that a system refuses at once
-- are not renewed again and again.
ALTER TABLE connector_connection ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;

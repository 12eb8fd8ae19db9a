-- Tokens of doorbells that have rung, until they are over: each rings once.
CREATE TABLE connector_ring (
  org TEXT NOT NULL,
  system TEXT NOT NULL,
  token TEXT NOT NULL,                -- SHA-256 of its jti
  ends BIGINT NOT NULL,
  PRIMARY KEY (system, token)
);

-- The processes of the house, as each says of itself every few seconds.
CREATE TABLE console_node (
  node TEXT NOT NULL PRIMARY KEY,
  host TEXT NOT NULL,
  version TEXT NOT NULL,
  schema_of BIGINT NOT NULL,          -- newest migration that its binary knows
  started BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  lag BIGINT NOT NULL,                -- microseconds that the oldest record waits
  ahead BIGINT NOT NULL,              -- microseconds that the database's clock is before its own
  steps BIGINT NOT NULL,              -- steps of its clock since it started
  alarms TEXT NOT NULL                -- keys, separated by spaces
);

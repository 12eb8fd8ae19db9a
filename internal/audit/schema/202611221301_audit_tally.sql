-- How often what happened in an hour: counted by the sequencer in the write
-- that gives the records their place. It only helps to draw: the records are
-- the truth.
CREATE TABLE audit_tally (
  org TEXT NOT NULL,                  -- "" is the house itself, "*" is all together
  name TEXT NOT NULL,                 -- of the event
  hour BIGINT NOT NULL,               -- since 1970, UTC
  detail TEXT NOT NULL,               -- code of a refusal, way of a sign-in; "" for others
  n BIGINT NOT NULL,
  PRIMARY KEY (org, name, hour, detail)
) WITHOUT ROWID;

-- The leaves before this one are counted.
ALTER TABLE audit_head ADD COLUMN tallied BIGINT NOT NULL DEFAULT 0;

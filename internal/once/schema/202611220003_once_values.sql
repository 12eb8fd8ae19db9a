-- One row for each single-use value, spent ones until they are forgotten.
CREATE TABLE once_value (
  hash TEXT NOT NULL PRIMARY KEY,     -- SHA-256 over kind and value, hex; the value itself is nowhere
  kind TEXT NOT NULL,
  org TEXT NOT NULL,                  -- "" is the house itself
  subject TEXT NOT NULL,              -- whose it is, for revocation; "" if nobody's yet
  bound TEXT NOT NULL,                -- SHA-256 over kind, value and what it is bound to; "" if to nothing
  payload BLOB NOT NULL,
  outcome BLOB NOT NULL,              -- what its redemption led to, for kinds that tell
  slot BIGINT,                        -- place among the capped rows of its kind
  tries BIGINT NOT NULL,              -- wrong bindings that are still allowed
  used_at BIGINT NOT NULL,            -- 0: not used
  until BIGINT NOT NULL,              -- refused from this microsecond on
  forget_at BIGINT NOT NULL           -- the row may go
);
CREATE UNIQUE INDEX once_value_slot ON once_value (kind, slot) WHERE slot IS NOT NULL;
CREATE INDEX once_value_subject ON once_value (subject, kind) WHERE subject <> '';
CREATE INDEX once_value_forget ON once_value (forget_at);

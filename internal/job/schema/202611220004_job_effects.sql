-- What the house has decided to do outside, and how far that is.
CREATE TABLE job_effect (
  id TEXT NOT NULL PRIMARY KEY,       -- also the marker that the outside system is given
  org TEXT NOT NULL,                  -- "" is the house itself
  driver TEXT NOT NULL,
  target TEXT NOT NULL,               -- which outside system of the driver
  line TEXT NOT NULL,                 -- effects of one line go out in order; "" has none
  seq BIGINT NOT NULL,                -- place in the line
  waits BIGINT NOT NULL,              -- 1: another of its line goes first
  state TEXT NOT NULL,                -- intended, inflight, done, parked, skipped
  probe BIGINT NOT NULL,              -- 1: look for the marker before the next call
  payload TEXT NOT NULL,
  principal TEXT NOT NULL,            -- who decided it
  tries BIGINT NOT NULL,              -- calls that are known to have done nothing
  due BIGINT NOT NULL,                -- not before
  owner TEXT NOT NULL,                -- process that claimed it last
  fence_no BIGINT NOT NULL,           -- counts claims: only the last owner moves the row
  sent_at BIGINT NOT NULL,            -- stamp committed before the last call
  fence_until BIGINT NOT NULL,        -- before this nobody else acts on it
  intended_at BIGINT NOT NULL,
  first_at BIGINT NOT NULL,           -- first claim; 0 if none
  ended_at BIGINT NOT NULL,           -- done or skipped; 0 if open
  why TEXT NOT NULL,                  -- code of what went wrong last
  result TEXT NOT NULL                -- what the driver says of it, JSON
);
CREATE INDEX job_effect_ready ON job_effect (driver, target, due, id) WHERE state = 'intended' AND waits = 0;
CREATE INDEX job_effect_inflight ON job_effect (fence_until) WHERE state = 'inflight';
CREATE INDEX job_effect_waiting ON job_effect (driver, target, line, seq) WHERE waits = 1;
CREATE INDEX job_effect_open ON job_effect (org, state, driver, target) WHERE ended_at = 0;
CREATE INDEX job_effect_org ON job_effect (org, id);
CREATE INDEX job_effect_ended ON job_effect (ended_at) WHERE ended_at > 0;

-- One row for each line that was ever used: who is next, who came last.
CREATE TABLE job_line (
  driver TEXT NOT NULL,
  target TEXT NOT NULL,
  line TEXT NOT NULL,
  head BIGINT NOT NULL,
  tail BIGINT NOT NULL,
  PRIMARY KEY (driver, target, line)
);

-- What is to happen inside the house at a time.
CREATE TABLE job_timer (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,                -- waiting, fired, parked
  tries BIGINT NOT NULL,
  due BIGINT NOT NULL,                -- when it is tried next
  set_for BIGINT NOT NULL,            -- when it was to happen
  fired_at BIGINT NOT NULL,
  why TEXT NOT NULL
);
CREATE INDEX job_timer_due ON job_timer (kind, due, id) WHERE state = 'waiting';
CREATE INDEX job_timer_fired ON job_timer (fired_at) WHERE state = 'fired';

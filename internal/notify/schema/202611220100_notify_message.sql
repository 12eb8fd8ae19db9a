-- What was told to people outside, and what became of it.
CREATE TABLE notify_message (
  id TEXT NOT NULL PRIMARY KEY,       -- also the local part of the Message-ID
  org TEXT NOT NULL,                  -- "" is the house itself
  ref TEXT NOT NULL,                  -- what the room that sent it asks by
  kind TEXT NOT NULL,                 -- key of its sentences
  lang TEXT NOT NULL,
  addressee TEXT NOT NULL,            -- as people write it; shown to who sent it
  state TEXT NOT NULL,                -- queued, deferred, sent, refused, unsure, given-up
  effect TEXT NOT NULL,               -- the attempt that counts
  tries BIGINT NOT NULL,              -- attempts that the relay answered with "later"
  unsure BIGINT NOT NULL,             -- attempts that ended without an answer
  code BIGINT NOT NULL,               -- what the relay said last; 0 if nothing
  enhanced TEXT NOT NULL,
  said TEXT NOT NULL,
  queued_at BIGINT NOT NULL,
  until BIGINT NOT NULL,              -- given up then
  next_at BIGINT NOT NULL,            -- when deferred
  ended_at BIGINT NOT NULL,           -- 0 while it is under way
  sealed BLOB NOT NULL                -- what it says; empty once ended
);
CREATE INDEX notify_message_ref ON notify_message (org, ref, id);
CREATE INDEX notify_message_ended ON notify_message (ended_at) WHERE ended_at > 0;
CREATE INDEX notify_message_open ON notify_message (id) WHERE ended_at = 0;

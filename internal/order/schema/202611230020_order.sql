-- A request at an outside system that is a person's own: ordered from here, or
-- found there.
CREATE TABLE order_request (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  system TEXT NOT NULL,
  label TEXT NOT NULL,                -- how people call the system
  nonce TEXT NOT NULL,                -- of the form that it was ordered by; "" was not ordered here
  item TEXT NOT NULL,                 -- of the catalog
  quantity BIGINT NOT NULL,
  filled TEXT NOT NULL,               -- what was typed, as labels and values, JSON
  price TEXT NOT NULL,
  way TEXT NOT NULL,                  -- "" it is there; sending, refused
  effect TEXT NOT NULL,               -- that brings the order out
  sent BIGINT NOT NULL,               -- when it was first sent; 0: certainly not
  known TEXT NOT NULL,                -- orders that were there before, JSON
  unclear BIGINT NOT NULL,            -- 1: nobody can say which of several it became
  why TEXT NOT NULL,                  -- kind of problem that it was refused with
  said TEXT NOT NULL,                 -- the system's own words about it
  number TEXT NOT NULL,               -- as the system calls it; "" not yet
  url TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL,                -- open, waiting, approved, rejected, closed, cancelled, unknown
  native TEXT NOT NULL,               -- the system's own word
  asked TEXT NOT NULL,                -- who is asked to approve it, JSON
  stale BIGINT NOT NULL,              -- 1: who is asked is to be read again
  closed BIGINT NOT NULL,             -- 1: nothing more is expected
  steps TEXT NOT NULL,                -- what happened, JSON
  opened BIGINT NOT NULL,
  touched BIGINT NOT NULL,            -- last change there, as the system says it
  changed BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX order_nonce ON order_request (person, nonce) WHERE nonce <> '';
CREATE UNIQUE INDEX order_number ON order_request (person, system, number) WHERE number <> '';
CREATE INDEX order_list ON order_request (person, closed, opened, id);

-- How far the requests of a person at a system were read.
CREATE TABLE order_read (
  person TEXT NOT NULL,
  system TEXT NOT NULL,
  newest BIGINT NOT NULL,             -- last change there that was seen
  whole BIGINT NOT NULL,              -- when all of them were read
  PRIMARY KEY (person, system)
);

-- One question put before one person, whoever asks it.
CREATE TABLE card (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  person TEXT NOT NULL,               -- who is asked
  kind TEXT NOT NULL,                 -- outside, ask, app
  source TEXT NOT NULL,               -- connector, "hall", or who sent it
  label TEXT NOT NULL,                -- how people call the source
  backend TEXT NOT NULL,              -- the source's own name of the question
  ticket TEXT NOT NULL,               -- what it is about, as the source calls it
  state TEXT NOT NULL,                -- open, deciding, applied, failed, superseded, withdrawn, expired
  closed BIGINT NOT NULL,             -- 1: nothing is left to do
  title TEXT NOT NULL,
  requester TEXT NOT NULL,            -- as lists show them
  due BIGINT NOT NULL,                -- what is due first stands first; 4611686018427387904: never
  expires BIGINT NOT NULL,            -- 0: never by itself
  digest TEXT NOT NULL,               -- of everything shown
  sheet TEXT NOT NULL,                -- everything shown, JSON
  acted TEXT NOT NULL,                -- actions that were done, JSON
  decision TEXT NOT NULL,             -- approved, rejected, or action:ID; "" if none
  decided_at BIGINT NOT NULL,
  acr TEXT NOT NULL,
  amr TEXT NOT NULL,
  reason TEXT NOT NULL,
  effect TEXT NOT NULL,               -- that brings the decision out
  why TEXT NOT NULL,                  -- kind of problem that it ended with
  said TEXT NOT NULL,                 -- the source's own words about it
  other TEXT NOT NULL,                -- who decided elsewhere
  raised BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  ended BIGINT NOT NULL,              -- 0 while it is not closed
  version BIGINT NOT NULL,
  UNIQUE (person, source, backend)
);
CREATE INDEX card_list ON card (person, closed, due, id);
CREATE INDEX card_done ON card (person, closed, ended, id);
CREATE INDEX card_ticket ON card (org, source, ticket);
CREATE INDEX card_expires ON card (expires) WHERE closed = 0 AND expires > 0;

-- Whose cards changed last, so that open pages hear of it on every node.
CREATE TABLE card_stir (
  person TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX card_stir_at ON card_stir (at);

-- When a person's questions are read from an outside system next.
CREATE TABLE card_poll (
  system TEXT NOT NULL,
  person TEXT NOT NULL,               -- "" is the system's own connection
  org TEXT NOT NULL,
  due BIGINT NOT NULL,
  begun BIGINT NOT NULL,              -- last poll
  until BIGINT NOT NULL,              -- one poll at a time: nobody else before
  rung BIGINT NOT NULL,               -- when somebody last asked for it
  seen BIGINT NOT NULL,               -- when the person was last here
  idle BIGINT NOT NULL,               -- polls in a row while they were away
  failures BIGINT NOT NULL,           -- in a row
  why TEXT NOT NULL,                  -- kind of problem of the last poll
  PRIMARY KEY (system, person)
);
CREATE INDEX card_poll_due ON card_poll (due);
CREATE INDEX card_poll_person ON card_poll (person);

-- How surely cards of an organization are decided.
CREATE TABLE card_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,                 -- JSON
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

-- What somebody typed before they went to prove who they are.
CREATE TABLE card_draft (
  person TEXT NOT NULL,
  place TEXT NOT NULL,                -- card:ID, ask:ID
  session TEXT NOT NULL,              -- in which it was typed, and is shown again
  typed TEXT NOT NULL,                -- the form, JSON
  at BIGINT NOT NULL,
  PRIMARY KEY (person, place)
);

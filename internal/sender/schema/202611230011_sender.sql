-- Programs that may put cards before people.
CREATE TABLE sender (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,                -- as people read it on cards; "" is the name
  role TEXT NOT NULL,                 -- admin, creator, auditor
  callback TEXT NOT NULL,             -- where decisions are told; "" of one that sends nothing to decide
  signature TEXT NOT NULL,            -- jwt, http
  alg TEXT NOT NULL,                  -- ES256, RS256
  audience TEXT NOT NULL,             -- whom it may reach, JSON
  templates TEXT NOT NULL,            -- JSON
  networks TEXT NOT NULL,             -- CIDRs besides public ones that the callback may stand in
  urgent BIGINT NOT NULL,             -- 1: its urgent cards pass quiet hours
  rate BIGINT NOT NULL,               -- messages a minute
  enabled BIGINT NOT NULL,
  made BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE sender_token (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  sender TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  made BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ends BIGINT NOT NULL,
  used BIGINT NOT NULL
);
CREATE INDEX sender_token_sender ON sender_token (org, sender, id);

-- What was sent, once for all whom it reaches.
CREATE TABLE sender_message (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  sender TEXT NOT NULL,
  mark TEXT NOT NULL,                 -- the sender's own key of it: the same one again is the same message
  asked TEXT NOT NULL,                -- SHA-256 of how it was asked for
  content TEXT NOT NULL,              -- JSON
  digest TEXT NOT NULL,               -- SHA-256 of the content
  people TEXT NOT NULL,               -- whom it reaches, JSON; [] once all have it
  reached BIGINT NOT NULL,            -- how many people
  spread BIGINT NOT NULL,             -- how many of them have it
  state TEXT NOT NULL,                -- sent, withdrawn
  made BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  UNIQUE (sender, mark)
);
CREATE INDEX sender_message_list ON sender_message (org, id);
CREATE INDEX sender_message_own ON sender_message (org, sender, id);
CREATE INDEX sender_message_expires ON sender_message (expires);

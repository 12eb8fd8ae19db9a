CREATE TABLE ask (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  for_person TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  reason TEXT NOT NULL,
  starts BIGINT NOT NULL,
  length BIGINT NOT NULL,
  extends TEXT NOT NULL,
  broken BIGINT NOT NULL,
  held TEXT NOT NULL,
  state TEXT NOT NULL,
  revision BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  escalated BIGINT NOT NULL,
  policy TEXT NOT NULL,
  created BIGINT NOT NULL,
  due BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  rule TEXT NOT NULL,
  lease TEXT NOT NULL,
  ends BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  review TEXT NOT NULL,
  told TEXT NOT NULL,
  steps BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX ask_org ON ask (org, state, id);
CREATE INDEX ask_person ON ask (person, id);
CREATE INDEX ask_for ON ask (for_person, id);
CREATE INDEX ask_lease ON ask (org, lease) WHERE lease <> '';

CREATE TABLE ask_step (
  org TEXT NOT NULL,
  ask TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  name TEXT NOT NULL,
  seat TEXT NOT NULL,
  stage BIGINT NOT NULL,
  text TEXT NOT NULL,
  more TEXT NOT NULL,
  PRIMARY KEY (org, ask, seq)
);

-- One person votes once in a stage, and each seat is taken once.
CREATE TABLE ask_vote (
  org TEXT NOT NULL,
  ask TEXT NOT NULL,
  revision BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  person TEXT NOT NULL,
  seat TEXT NOT NULL,
  approve BIGINT NOT NULL,
  reason TEXT NOT NULL,
  digest TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (org, ask, revision, stage, person),
  UNIQUE (org, ask, revision, stage, seat)
);

CREATE TABLE approval_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  place BIGINT NOT NULL,
  spec TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE delegation (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  person TEXT NOT NULL,
  to_person TEXT NOT NULL,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  kinds TEXT NOT NULL,
  reason TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);
CREATE INDEX delegation_org ON delegation (org, ends);
CREATE INDEX delegation_person ON delegation (person, ends);
CREATE INDEX delegation_to ON delegation (to_person, ends);

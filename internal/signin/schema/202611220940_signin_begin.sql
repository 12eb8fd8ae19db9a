-- A session is who signed in, how strongly and where; of its cookie only the
-- hash stands here. An ended one is gone.
CREATE TABLE session (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  org TEXT NOT NULL,
  methods TEXT NOT NULL,
  begun BIGINT NOT NULL,
  strong BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  idle BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  browser TEXT NOT NULL,
  source TEXT NOT NULL,
  device TEXT NOT NULL
);
CREATE INDEX session_person ON session (person, begun);
CREATE INDEX session_ends ON session (ends);

-- What a person knows or holds, sealed: the password's hash, the secret of
-- one-time codes. step is the last time step that was used.
CREATE TABLE factor (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  sealed BLOB NOT NULL,
  step BIGINT NOT NULL,
  must_change BIGINT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL,
  UNIQUE (person, kind)
);

CREATE TABLE passkey (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  credential TEXT NOT NULL UNIQUE,
  public_key BLOB NOT NULL,
  algorithm BIGINT NOT NULL,
  aaguid TEXT NOT NULL,
  transports TEXT NOT NULL,
  attested BIGINT NOT NULL,
  format TEXT NOT NULL,
  counter BIGINT NOT NULL,
  eligible BIGINT NOT NULL,
  backed_up BIGINT NOT NULL,
  name TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL
);
CREATE INDEX passkey_person ON passkey (person);

CREATE TABLE recovery_code (
  person TEXT NOT NULL,
  hash TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (person, hash)
);

-- Wrong answers, per person and source; source '' is all sources together.
CREATE TABLE attempt (
  person TEXT NOT NULL,
  source TEXT NOT NULL,
  fails BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  PRIMARY KEY (person, source)
);

-- Browsers in which a person signed in before.
CREATE TABLE known_device (
  person TEXT NOT NULL,
  hash TEXT NOT NULL,
  browser TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (person, hash)
);

CREATE TABLE api_token (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  org TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  used BIGINT NOT NULL
);
CREATE INDEX api_token_person ON api_token (person);

CREATE TABLE signin_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  require TEXT NOT NULL,
  applies_to TEXT NOT NULL,
  idle BIGINT NOT NULL,
  absolute BIGINT NOT NULL,
  attestation BIGINT NOT NULL,
  allow TEXT NOT NULL,
  deny TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE invitation (
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  by_ TEXT NOT NULL,
  message TEXT NOT NULL,
  made BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  PRIMARY KEY (org, person)
);

CREATE TABLE preference (
  person TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL
);

-- An outside system of an organization. id is opaque and never changes: it
-- stands in the callback address that the other side was given.
CREATE TABLE connector_system (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  definition TEXT NOT NULL,
  document TEXT NOT NULL,
  digest TEXT NOT NULL,
  settings TEXT NOT NULL,
  mode TEXT NOT NULL,
  scheme TEXT NOT NULL,
  client_id TEXT NOT NULL,
  username TEXT NOT NULL,
  authorization_endpoint TEXT NOT NULL,
  token_endpoint TEXT NOT NULL,
  scope TEXT NOT NULL,
  networks TEXT NOT NULL,
  authorities TEXT NOT NULL,
  sealed BLOB NOT NULL,
  marks TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

-- How somebody, or the whole organization (person = ''), is connected to a
-- system. No row: off. revision grows with each pair of tokens; claim is held
-- by who refreshes them.
CREATE TABLE connector_connection (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  system TEXT NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,
  native_id TEXT NOT NULL,
  native_name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  sealed BLOB NOT NULL,
  refresh_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  since BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  warned BIGINT NOT NULL,
  trouble TEXT NOT NULL,
  by_ TEXT NOT NULL,
  revision BIGINT NOT NULL,
  claim TEXT NOT NULL,
  claim_until BIGINT NOT NULL,
  UNIQUE (org, system, person)
);
CREATE INDEX connector_connection_person ON connector_connection (person);
CREATE INDEX connector_connection_ends ON connector_connection (ends_at);

-- The ring: which key writes, and how the root key is recognised.
CREATE TABLE seal_ring (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  writes BIGINT NOT NULL,
  root_check TEXT NOT NULL,
  recipient TEXT NOT NULL,
  founded_at BIGINT NOT NULL
);
-- The root key under each unseal provider, and under the recovery recipient.
CREATE TABLE seal_wrapping (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  made_at BIGINT NOT NULL
);
-- The data keys under the root key. spent counts reserved messages.
CREATE TABLE seal_key (
  id BIGINT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('writes', 'reads', 'closing', 'destroyed')),
  wrapped BLOB NOT NULL,
  spent BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  retired_at BIGINT NOT NULL,
  destroyed_at BIGINT NOT NULL
);
-- Every set of sealed columns that was ever there: a binary that does not know
-- one of them destroys no key.
CREATE TABLE seal_holder (
  name TEXT NOT NULL PRIMARY KEY
);
-- The walk of the re-encryption: one for all nodes, fenced.
CREATE TABLE seal_pass (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  phase TEXT NOT NULL CHECK (phase IN ('moving', 'waiting', 'closing', 'stuck', 'done')),
  target BIGINT NOT NULL,
  holder TEXT NOT NULL,
  after TEXT NOT NULL,
  seen BIGINT NOT NULL,
  moved BIGINT NOT NULL,
  stuck BIGINT NOT NULL,
  told BIGINT NOT NULL,
  since BIGINT NOT NULL,
  owner TEXT NOT NULL,
  until BIGINT NOT NULL,
  fence BIGINT NOT NULL
);

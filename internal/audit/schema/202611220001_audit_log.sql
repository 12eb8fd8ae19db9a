-- What a write commits: the record, complete. The sequencer moves it on.
CREATE TABLE audit_pending (
  id TEXT NOT NULL PRIMARY KEY,
  leaf BLOB NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID;

-- A record that has its place in the tree. The columns beside body repeat what
-- body says, for looking it up; body and leaf hashes are the truth. Rows are
-- inserted in bulk with ON CONFLICT DO NOTHING and counted; without NOT NULL
-- SQLite then needs no journal for each statement.
CREATE TABLE audit_record (
  idx INTEGER PRIMARY KEY,
  id TEXT UNIQUE,
  org TEXT,
  name TEXT,
  by_ TEXT,
  target TEXT,
  body BLOB
);
CREATE INDEX audit_record_org ON audit_record (org, id);
CREATE INDEX audit_record_by ON audit_record (by_, id);
CREATE INDEX audit_record_target ON audit_record (target, id);

-- Up to 256 hashes of 32 bytes: hash n*256+i of the tree's level 8*level.
CREATE TABLE audit_tile (
  level BIGINT NOT NULL,
  n BIGINT NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, n)
);

-- How far the tree goes, and who may let it grow.
CREATE TABLE audit_head (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  size BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  beat BIGINT NOT NULL,
  owner TEXT NOT NULL
);
INSERT INTO audit_head (one, size, epoch, fence, beat, owner) VALUES (1, 0, 1, 0, 0, '');

CREATE TABLE audit_checkpoint (
  epoch BIGINT NOT NULL,
  size BIGINT NOT NULL,
  at BIGINT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (epoch, size)
);

CREATE TABLE audit_key (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  public TEXT NOT NULL,
  sealed BLOB NOT NULL,
  at BIGINT NOT NULL
);

-- What each place outside has.
CREATE TABLE audit_outside (
  name TEXT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  size BIGINT NOT NULL,
  pushed_at BIGINT NOT NULL,
  failed_at BIGINT NOT NULL,
  error TEXT NOT NULL
);

-- Refusals that are counted and not told one by one, until their minute is over.
CREATE TABLE audit_counted (
  minute BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  code TEXT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (minute, prefix, code)
);

-- The record, complete, written once by the write that it tells of.
CREATE TABLE audit_record (
  id TEXT NOT NULL PRIMARY KEY,
  body BLOB NOT NULL
) WITHOUT ROWID;

-- The records that have no place in the tree yet, and their leaves.
CREATE TABLE audit_pending (
  id TEXT NOT NULL PRIMARY KEY,
  leaf BLOB NOT NULL
) WITHOUT ROWID;

-- Which records stand where: the ids of leaves n*256 to n*256+255, one behind
-- the other, from the leaf "since" on; those before it are archived. All ids of
-- the row lie between low and high.
CREATE TABLE audit_place (
  n BIGINT NOT NULL PRIMARY KEY,
  since BIGINT NOT NULL,
  low TEXT NOT NULL,
  high TEXT NOT NULL,
  ids TEXT NOT NULL
);
CREATE INDEX audit_place_low ON audit_place (low);

-- In which seconds a term (whose organization, by whom, of what) is said by a
-- record. It only helps to find: body and leaf hashes are the truth.
CREATE TABLE audit_term (
  term TEXT NOT NULL,
  second TEXT NOT NULL,
  PRIMARY KEY (term, second)
) WITHOUT ROWID;

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

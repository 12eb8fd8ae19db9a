-- What administrators of an organization wrote, by kind and name.
CREATE TABLE paper (
  org TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, kind, name)
);

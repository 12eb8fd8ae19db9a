-- What each apply did.
CREATE TABLE manifest_apply (
  id TEXT NOT NULL PRIMARY KEY,
  at_ BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  door TEXT NOT NULL,
  digest TEXT NOT NULL,
  files TEXT NOT NULL,
  named BIGINT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  renamed BIGINT NOT NULL,
  deleted BIGINT NOT NULL
);

-- What the objects that applies brought about were last said to be: fields by
-- path, without secrets. org is the organization's identifier, '' for the house.
CREATE TABLE manifest_object (
  kind TEXT NOT NULL,
  org TEXT NOT NULL,
  id TEXT NOT NULL,
  org_name TEXT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  apply TEXT NOT NULL,
  at_ BIGINT NOT NULL,
  PRIMARY KEY (kind, org, id)
);
CREATE INDEX manifest_object_id ON manifest_object (id);

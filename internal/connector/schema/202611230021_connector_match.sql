-- Who a person is at a system that one connection serves for all: found by their
-- proven address, exactly one, or nobody.
CREATE TABLE connector_match (
  org TEXT NOT NULL,
  system TEXT NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,                -- found, none, ambiguous
  email TEXT NOT NULL,                -- folded, that was looked for
  native_id TEXT NOT NULL,
  native_name TEXT NOT NULL,
  at BIGINT NOT NULL,                 -- when the system was asked
  due BIGINT NOT NULL,                -- when it is asked again
  PRIMARY KEY (org, system, person)
);
CREATE INDEX connector_match_person ON connector_match (person);
CREATE INDEX connector_match_found ON connector_match (state, system);

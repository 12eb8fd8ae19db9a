CREATE TABLE lease (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  ask TEXT NOT NULL,
  by_ TEXT NOT NULL,
  state TEXT NOT NULL,
  since BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  timer TEXT NOT NULL,
  why TEXT NOT NULL,
  ended BIGINT NOT NULL,
  ended_by TEXT NOT NULL,
  tries BIGINT NOT NULL,
  trouble TEXT NOT NULL,
  retry BIGINT NOT NULL
);
CREATE INDEX lease_org ON lease (org, state, id);
CREATE INDEX lease_person ON lease (person, state, id);
CREATE INDEX lease_due ON lease (retry) WHERE state <> 'back' AND retry > 0;
-- A thing of which one has it is let out once to each person.
CREATE UNIQUE INDEX lease_once ON lease (org, kind, target, person) WHERE state <> 'back';

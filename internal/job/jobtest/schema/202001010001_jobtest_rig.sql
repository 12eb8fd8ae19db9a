CREATE TABLE rig_decision (
  n BIGINT NOT NULL PRIMARY KEY,
  effect TEXT NOT NULL,
  released BIGINT NOT NULL,
  reclaimed BIGINT NOT NULL
);
CREATE INDEX rig_decision_effect ON rig_decision (effect);

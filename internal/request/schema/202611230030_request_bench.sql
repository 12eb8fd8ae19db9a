-- Who decides in the stage that an ask is in, as it was when the question was put.
CREATE TABLE ask_bench (
  org TEXT NOT NULL,
  approver TEXT NOT NULL,
  ask TEXT NOT NULL,
  PRIMARY KEY (org, approver, ask)
);
CREATE INDEX ask_bench_ask ON ask_bench (org, ask);

-- How far what somebody asked for has changed, for open pages.
CREATE TABLE ask_stir (
  person TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX ask_stir_at ON ask_stir (at);

ALTER TABLE ask ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
ALTER TABLE ask ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX ask_changed ON ask (changed);

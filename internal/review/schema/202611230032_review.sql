-- One time that a campaign ran, by what it said then.
CREATE TABLE review_round (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  campaign TEXT NOT NULL,
  number BIGINT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  state TEXT NOT NULL,
  started BIGINT NOT NULL,
  due BIGINT NOT NULL,
  closed BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  filled TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, campaign, number)
);

-- What one person holds, and whether they keep it.
CREATE TABLE review_item (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  round TEXT NOT NULL,
  person TEXT NOT NULL,
  holder TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  lease TEXT NOT NULL,
  since BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  state TEXT NOT NULL,
  escalated BIGINT NOT NULL,
  silent BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  seat TEXT NOT NULL,
  reason TEXT NOT NULL,
  trouble TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, round, kind, target, person, lease)
);
CREATE INDEX review_item_round ON review_item (org, round, state, id);

-- Whom the question about an item is put to.
CREATE TABLE review_seat (
  org TEXT NOT NULL,
  round TEXT NOT NULL,
  item TEXT NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (org, item, person)
);
CREATE INDEX review_seat_round ON review_seat (org, round, person);

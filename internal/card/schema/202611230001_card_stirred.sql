-- How far a person's cards have changed, in several rows: which one a change
-- raises depends on the card, so that cards of one person which change at once
-- have no conflict. The version is the sum of all, with card_stir.
CREATE TABLE card_stirred (
  person TEXT NOT NULL,
  shard BIGINT NOT NULL,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (person, shard)
);
CREATE INDEX card_stirred_at ON card_stirred (at);

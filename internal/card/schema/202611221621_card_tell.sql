-- Who is to be told of new cards, and when: one row a person, so that many
-- questions are one mail.
CREATE TABLE card_tell (
  person TEXT NOT NULL PRIMARY KEY,
  due BIGINT NOT NULL,
  held BIGINT NOT NULL,               -- 1: it waited for its hour already
  fresh BIGINT NOT NULL               -- questions since the last mail
);
CREATE INDEX card_tell_due ON card_tell (due);

-- How a person wants to be told.
CREATE TABLE card_preference (
  person TEXT NOT NULL PRIMARY KEY,
  mail TEXT NOT NULL,                 -- each, digest, off
  quiet_from BIGINT NOT NULL,         -- minute of the day in the person's zone; -1: no quiet hours
  quiet_until BIGINT NOT NULL,
  digest_at BIGINT NOT NULL
);

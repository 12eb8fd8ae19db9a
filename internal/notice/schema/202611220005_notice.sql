CREATE TABLE notice (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  title_en TEXT NOT NULL,
  title_ja TEXT NOT NULL,
  text_en TEXT NOT NULL,
  text_ja TEXT NOT NULL,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX notice_ends ON notice (ends);

-- Until when the next answer is not looked at, and how what is over is found.
ALTER TABLE attempt ADD COLUMN until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX attempt_last ON attempt (last);

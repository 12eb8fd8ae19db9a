-- Whether a password is so short that it needs another factor beside it
-- (SP 800-63B-4 §3.1.1.2): that factor cannot be taken away before it is longer.
ALTER TABLE factor ADD COLUMN short BIGINT NOT NULL DEFAULT 0;

-- Wider tables that every request reads: what is new has a default, because the
-- older binary does not fill it.
ALTER TABLE session ADD COLUMN next_note TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN next_note TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN next_note TEXT;

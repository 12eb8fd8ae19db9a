-- Every row is written anew while others use it.
UPDATE session SET next_note = id;
UPDATE person SET next_note = login;
CREATE INDEX session_next_note ON session (next_note);

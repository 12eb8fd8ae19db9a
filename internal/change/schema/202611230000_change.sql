-- What an ask of the kind change would do, sealed: it can hold secrets. The row
-- goes with the question.
CREATE TABLE change_held (
  org TEXT NOT NULL,
  ask TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
);

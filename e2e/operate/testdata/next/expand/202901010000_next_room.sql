-- A room that does not exist yet.
CREATE TABLE next_room (
  org TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (org, id)
);
CREATE INDEX next_room_name ON next_room (org, name);

-- Browsers that people want to be told in, and the key that the house pushes with.
CREATE TABLE notify_device (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  session TEXT NOT NULL,              -- that it was added in; it ends with it
  mark TEXT NOT NULL UNIQUE,          -- SHA-256 of the endpoint: one browser has one owner
  name TEXT NOT NULL,                 -- of the browser, for people
  service TEXT NOT NULL,              -- host of the push service
  added_at BIGINT NOT NULL,
  told_at BIGINT NOT NULL,            -- the last push that its service took; 0 if none
  refused BIGINT NOT NULL,            -- status of the last push, if its service refused it; else 0
  sealed BLOB NOT NULL                -- endpoint and keys
);
CREATE INDEX notify_device_person ON notify_device (person, id);
CREATE TABLE notify_pusher (
  name TEXT NOT NULL PRIMARY KEY,     -- 'vapid'
  sealed BLOB NOT NULL                -- private key, P-256; another one ends every subscription
);

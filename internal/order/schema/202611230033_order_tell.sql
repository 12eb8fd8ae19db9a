-- Who is to be told later of requests that moved: at the end of their quiet hours,
-- or once a day.
CREATE TABLE order_tell (
  person TEXT NOT NULL PRIMARY KEY,
  orders TEXT NOT NULL,               -- of which, JSON
  nudged BIGINT NOT NULL,             -- 1: in their browsers they were told
  due BIGINT NOT NULL
);

-- Those whose requests are read through a connection that serves all.
CREATE INDEX order_shared ON order_request (org, system, person) WHERE closed = 0;

-- Who is told of an urgent card of an app although they want quiet.
CREATE TABLE card_urgent (
  person TEXT NOT NULL PRIMARY KEY,
  due BIGINT NOT NULL,
  fresh BIGINT NOT NULL               -- cards since they were told
);
CREATE INDEX card_urgent_due ON card_urgent (due);

-- Decisions that are on their way to apps.
CREATE INDEX card_app_deciding ON card (changed) WHERE kind = 'app' AND state = 'deciding';

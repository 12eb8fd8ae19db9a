-- Decisions that are on their way to apps.
CREATE INDEX card_app_deciding ON card (changed) WHERE kind = 'app' AND state = 'deciding';

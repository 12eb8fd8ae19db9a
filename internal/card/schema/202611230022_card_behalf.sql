-- Whose question it is, of one that a stand-in may decide in their place.
ALTER TABLE card ADD COLUMN behalf TEXT NOT NULL DEFAULT '';
CREATE INDEX card_behalf ON card (behalf, source) WHERE behalf <> '';

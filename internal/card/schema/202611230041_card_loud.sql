-- How loud what is new is: 0 usual, 1 urgent by a rule, 2 an alarm.
ALTER TABLE card_tell ADD COLUMN loud BIGINT NOT NULL DEFAULT 0;
-- 1: urgent cards may disturb quiet hours.
ALTER TABLE card_preference ADD COLUMN urgent BIGINT NOT NULL DEFAULT 1;

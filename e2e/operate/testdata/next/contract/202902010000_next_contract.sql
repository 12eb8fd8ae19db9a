-- What only older binaries read goes away, so they must not start any more.
ALTER TABLE person DROP COLUMN reading;
UPDATE schema_law SET oldest_binary = 202901010002;

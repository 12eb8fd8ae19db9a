-- The set-up link makes the first administrator; nobody acts as "setup" any
-- more.
DROP TABLE setup_session;

-- Who is signed in in an organization, the newest first: identifiers are in the
-- order of time.
CREATE INDEX session_org ON session (org, id);

-- The tokens that act in an organization, the newest first: identifiers are in
-- the order of time.
CREATE INDEX api_token_org ON api_token (org, id);

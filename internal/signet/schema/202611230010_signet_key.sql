-- The keys by which the house signs what it says to others.
CREATE TABLE signet_key (
  id TEXT NOT NULL PRIMARY KEY,       -- the thumbprint of the public half, RFC 7638
  alg TEXT NOT NULL,                  -- ES256, RS256
  sealed BLOB NOT NULL,               -- PKCS #8; empty once it is gone
  public TEXT NOT NULL,               -- PEM
  made BIGINT NOT NULL,
  signs BIGINT NOT NULL,              -- from when it signs
  ends BIGINT NOT NULL                -- until when it is published; 0: no other has followed it
);
CREATE INDEX signet_key_alg ON signet_key (alg, signs);

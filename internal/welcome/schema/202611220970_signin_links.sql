-- An address that waits for its proof.
CREATE TABLE mail_change (
  person TEXT NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  ends BIGINT NOT NULL
);

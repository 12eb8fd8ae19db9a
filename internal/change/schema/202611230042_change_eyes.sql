-- Whether the house holds what one alone may not do: from the first start with
-- four_eyes until two people have said otherwise, whatever a later configuration
-- says.
CREATE TABLE change_eyes (
  one BIGINT NOT NULL PRIMARY KEY,
  on_at BIGINT NOT NULL,
  off_at BIGINT NOT NULL -- 0: it is on
);

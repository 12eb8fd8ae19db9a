CREATE TABLE org (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  title TEXT COLLATE BINARY NOT NULL,
  fold TEXT NOT NULL,
  type TEXT NOT NULL,
  parent TEXT NOT NULL,
  state TEXT NOT NULL,
  parent_roles TEXT NOT NULL,
  created BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX org_parent ON org (parent, title, id);
CREATE INDEX org_title ON org (title, id);

CREATE TABLE person (
  id TEXT NOT NULL PRIMARY KEY,
  login TEXT NOT NULL,
  login_fold TEXT UNIQUE,
  email TEXT NOT NULL,
  email_fold TEXT NOT NULL,
  verified BIGINT NOT NULL,
  display_name TEXT NOT NULL,
  family_name TEXT NOT NULL,
  given_name TEXT NOT NULL,
  reading TEXT NOT NULL,
  locale TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  state TEXT NOT NULL,
  sort TEXT COLLATE BINARY NOT NULL,
  created BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE INDEX person_email ON person (email_fold);
CREATE INDEX person_sort ON person (sort, id);

CREATE TABLE member (
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  manager TEXT NOT NULL,
  state TEXT NOT NULL,
  sort TEXT COLLATE BINARY NOT NULL,
  since BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (org, person)
);
CREATE INDEX member_person ON member (person, org, state);
CREATE INDEX member_sort ON member (org, sort, person);
CREATE INDEX member_manager ON member (org, manager) WHERE manager <> '';

CREATE TABLE member_role (
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (org, person, role)
);
CREATE INDEX member_role_role ON member_role (role, org, person);
CREATE INDEX member_role_person ON member_role (person, org, role);

CREATE TABLE people_group (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT COLLATE BINARY NOT NULL,
  title TEXT NOT NULL,
  fold TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE group_member (
  org TEXT NOT NULL,
  group_id TEXT NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (org, group_id, person)
);
CREATE INDEX group_member_person ON group_member (org, person);

CREATE TABLE group_group (
  org TEXT NOT NULL,
  group_id TEXT NOT NULL,
  inner_id TEXT NOT NULL,
  PRIMARY KEY (org, group_id, inner_id)
);
CREATE INDEX group_group_inner ON group_group (org, inner_id);

CREATE TABLE role (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  permissions TEXT NOT NULL,
  includes TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

-- What a person is found by, in the whole house (org '') and in each of their
-- organizations: folded words of their names, and Japanese from every character
-- on, read by ranges. Ranges are of bytes: an order of some language would lose
-- people.
CREATE TABLE person_gram (
  org TEXT NOT NULL,
  gram TEXT COLLATE BINARY NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (org, gram, person)
) WITHOUT ROWID;
-- They are the same everywhere: whether a person has one is asked of the house.
CREATE INDEX person_gram_person ON person_gram (person, gram) WHERE org = '';

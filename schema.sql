CREATE TABLE api_token (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  org TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  used BIGINT NOT NULL
);

CREATE INDEX api_token_org ON api_token (org, id);

CREATE INDEX api_token_person ON api_token (person);

CREATE TABLE approval_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  place BIGINT NOT NULL,
  spec TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE ask (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  for_person TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  reason TEXT NOT NULL,
  starts BIGINT NOT NULL,
  length BIGINT NOT NULL,
  extends TEXT NOT NULL,
  broken BIGINT NOT NULL,
  held TEXT NOT NULL,
  state TEXT NOT NULL,
  revision BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  escalated BIGINT NOT NULL,
  policy TEXT NOT NULL,
  created BIGINT NOT NULL,
  due BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  rule TEXT NOT NULL,
  lease TEXT NOT NULL,
  ends BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  review TEXT NOT NULL,
  told TEXT NOT NULL,
  steps BIGINT NOT NULL,
  version BIGINT NOT NULL
, ticket TEXT NOT NULL DEFAULT '', changed BIGINT NOT NULL DEFAULT 0);

CREATE INDEX ask_changed ON ask (changed);

CREATE INDEX ask_for ON ask (for_person, id);

CREATE INDEX ask_lease ON ask (org, lease) WHERE lease <> '';

CREATE INDEX ask_org ON ask (org, state, id);

CREATE INDEX ask_person ON ask (person, id);

CREATE TABLE ask_bench (
  org TEXT NOT NULL,
  approver TEXT NOT NULL,
  ask TEXT NOT NULL,
  PRIMARY KEY (org, approver, ask)
);

CREATE INDEX ask_bench_ask ON ask_bench (org, ask);

CREATE TABLE ask_step (
  org TEXT NOT NULL,
  ask TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  name TEXT NOT NULL,
  seat TEXT NOT NULL,
  stage BIGINT NOT NULL,
  text TEXT NOT NULL,
  more TEXT NOT NULL,
  PRIMARY KEY (org, ask, seq)
);

CREATE TABLE ask_stir (
  person TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL
);

CREATE INDEX ask_stir_at ON ask_stir (at);

CREATE TABLE ask_vote (
  org TEXT NOT NULL,
  ask TEXT NOT NULL,
  revision BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  person TEXT NOT NULL,
  seat TEXT NOT NULL,
  approve BIGINT NOT NULL,
  reason TEXT NOT NULL,
  digest TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (org, ask, revision, stage, person),
  UNIQUE (org, ask, revision, stage, seat)
);

CREATE TABLE attempt (
  person TEXT NOT NULL,
  source TEXT NOT NULL,
  fails BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL, until BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (person, source)
);

CREATE INDEX attempt_last ON attempt (last);

CREATE TABLE audit_checkpoint (
  epoch BIGINT NOT NULL,
  size BIGINT NOT NULL,
  at BIGINT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (epoch, size)
);

CREATE TABLE audit_counted (
  minute BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  code TEXT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (minute, prefix, code)
);

CREATE TABLE audit_head (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  size BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  fence BIGINT NOT NULL,
  beat BIGINT NOT NULL,
  owner TEXT NOT NULL
, tallied BIGINT NOT NULL DEFAULT 0);

CREATE TABLE audit_key (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  public TEXT NOT NULL,
  sealed BLOB NOT NULL,
  at BIGINT NOT NULL
);

CREATE TABLE audit_outside (
  name TEXT NOT NULL PRIMARY KEY,
  epoch BIGINT NOT NULL,
  size BIGINT NOT NULL,
  pushed_at BIGINT NOT NULL,
  failed_at BIGINT NOT NULL,
  error TEXT NOT NULL
);

CREATE TABLE audit_pending (
  id TEXT NOT NULL PRIMARY KEY,
  leaf BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_place (
  n BIGINT NOT NULL PRIMARY KEY,
  since BIGINT NOT NULL,
  low TEXT NOT NULL,
  high TEXT NOT NULL,
  ids TEXT NOT NULL
);

CREATE INDEX audit_place_low ON audit_place (low);

CREATE TABLE audit_record (
  id TEXT NOT NULL PRIMARY KEY,
  body BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit_tally (
  org TEXT NOT NULL,                  -- "" is the house itself, "*" is all together
  name TEXT NOT NULL,                 -- of the event
  hour BIGINT NOT NULL,               -- since 1970, UTC
  detail TEXT NOT NULL,               -- code of a refusal, way of a sign-in; "" for others
  n BIGINT NOT NULL,
  PRIMARY KEY (org, name, hour, detail)
) WITHOUT ROWID;

CREATE TABLE audit_term (
  term TEXT NOT NULL,
  second TEXT NOT NULL,
  PRIMARY KEY (term, second)
) WITHOUT ROWID;

CREATE TABLE audit_tile (
  level BIGINT NOT NULL,
  n BIGINT NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (level, n)
);

CREATE TABLE card (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  person TEXT NOT NULL,               -- who is asked
  kind TEXT NOT NULL,                 -- outside, ask, app
  source TEXT NOT NULL,               -- connector, "hall", or who sent it
  label TEXT NOT NULL,                -- how people call the source
  backend TEXT NOT NULL,              -- the source's own name of the question
  ticket TEXT NOT NULL,               -- what it is about, as the source calls it
  state TEXT NOT NULL,                -- open, deciding, applied, failed, superseded, withdrawn, expired
  closed BIGINT NOT NULL,             -- 1: nothing is left to do
  title TEXT NOT NULL,
  requester TEXT NOT NULL,            -- as lists show them
  due BIGINT NOT NULL,                -- what is due first stands first; 4611686018427387904: never
  expires BIGINT NOT NULL,            -- 0: never by itself
  digest TEXT NOT NULL,               -- of everything shown
  sheet TEXT NOT NULL,                -- everything shown, JSON
  acted TEXT NOT NULL,                -- actions that were done, JSON
  decision TEXT NOT NULL,             -- approved, rejected, or action:ID; "" if none
  decided_at BIGINT NOT NULL,
  acr TEXT NOT NULL,
  amr TEXT NOT NULL,
  reason TEXT NOT NULL,
  effect TEXT NOT NULL,               -- that brings the decision out
  why TEXT NOT NULL,                  -- kind of problem that it ended with
  said TEXT NOT NULL,                 -- the source's own words about it
  other TEXT NOT NULL,                -- who decided elsewhere
  raised BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  ended BIGINT NOT NULL,              -- 0 while it is not closed
  version BIGINT NOT NULL, behalf TEXT NOT NULL DEFAULT '',
  UNIQUE (person, source, backend)
);

CREATE INDEX card_app_deciding ON card (changed) WHERE kind = 'app' AND state = 'deciding';

CREATE INDEX card_behalf ON card (behalf, source) WHERE behalf <> '';

CREATE INDEX card_done ON card (person, closed, ended, id);

CREATE INDEX card_expires ON card (expires) WHERE closed = 0 AND expires > 0;

CREATE INDEX card_list ON card (person, closed, due, id);

CREATE INDEX card_ticket ON card (org, source, ticket);

CREATE TABLE card_draft (
  person TEXT NOT NULL,
  place TEXT NOT NULL,                -- card:ID, ask:ID
  session TEXT NOT NULL,              -- in which it was typed, and is shown again
  typed TEXT NOT NULL,                -- the form, JSON
  at BIGINT NOT NULL,
  PRIMARY KEY (person, place)
);

CREATE TABLE card_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,                 -- JSON
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE card_poll (
  system TEXT NOT NULL,
  person TEXT NOT NULL,               -- "" is the system's own connection
  org TEXT NOT NULL,
  due BIGINT NOT NULL,
  begun BIGINT NOT NULL,              -- last poll
  until BIGINT NOT NULL,              -- one poll at a time: nobody else before
  rung BIGINT NOT NULL,               -- when somebody last asked for it
  seen BIGINT NOT NULL,               -- when the person was last here
  idle BIGINT NOT NULL,               -- polls in a row while they were away
  failures BIGINT NOT NULL,           -- in a row
  why TEXT NOT NULL,                  -- kind of problem of the last poll
  PRIMARY KEY (system, person)
);

CREATE INDEX card_poll_due ON card_poll (due);

CREATE INDEX card_poll_person ON card_poll (person);

CREATE TABLE card_preference (
  person TEXT NOT NULL PRIMARY KEY,
  mail TEXT NOT NULL,                 -- each, digest, off
  quiet_from BIGINT NOT NULL,         -- minute of the day in the person's zone; -1: no quiet hours
  quiet_until BIGINT NOT NULL,
  digest_at BIGINT NOT NULL
, urgent BIGINT NOT NULL DEFAULT 1);

CREATE TABLE card_stir (
  person TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL
);

CREATE INDEX card_stir_at ON card_stir (at);

CREATE TABLE card_stirred (
  person TEXT NOT NULL,
  shard BIGINT NOT NULL,
  version BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (person, shard)
);

CREATE INDEX card_stirred_at ON card_stirred (at);

CREATE TABLE card_tell (
  person TEXT NOT NULL PRIMARY KEY,
  due BIGINT NOT NULL,
  held BIGINT NOT NULL,               -- 1: it waited for its hour already
  fresh BIGINT NOT NULL               -- questions since the last mail
, loud BIGINT NOT NULL DEFAULT 0);

CREATE INDEX card_tell_due ON card_tell (due);

CREATE TABLE change_eyes (
  one BIGINT NOT NULL PRIMARY KEY,
  on_at BIGINT NOT NULL,
  off_at BIGINT NOT NULL -- 0: it is on
);

CREATE TABLE change_held (
  org TEXT NOT NULL,
  ask TEXT NOT NULL PRIMARY KEY,
  sealed BLOB NOT NULL
);

CREATE TABLE connector_connection (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  system TEXT NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,
  native_id TEXT NOT NULL,
  native_name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  sealed BLOB NOT NULL,
  refresh_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  since BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  warned BIGINT NOT NULL,
  trouble TEXT NOT NULL,
  by_ TEXT NOT NULL,
  revision BIGINT NOT NULL,
  claim TEXT NOT NULL,
  claim_until BIGINT NOT NULL, renewed_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE (org, system, person)
);

CREATE INDEX connector_connection_ends ON connector_connection (ends_at);

CREATE INDEX connector_connection_person ON connector_connection (person);

CREATE TABLE connector_match (
  org TEXT NOT NULL,
  system TEXT NOT NULL,
  person TEXT NOT NULL,
  state TEXT NOT NULL,                -- found, none, ambiguous
  email TEXT NOT NULL,                -- folded, that was looked for
  native_id TEXT NOT NULL,
  native_name TEXT NOT NULL,
  at BIGINT NOT NULL,                 -- when the system was asked
  due BIGINT NOT NULL,                -- when it is asked again
  PRIMARY KEY (org, system, person)
);

CREATE INDEX connector_match_found ON connector_match (state, system);

CREATE INDEX connector_match_person ON connector_match (person);

CREATE TABLE connector_ring (
  org TEXT NOT NULL,
  system TEXT NOT NULL,
  token TEXT NOT NULL,                -- SHA-256 of its jti
  ends BIGINT NOT NULL,
  PRIMARY KEY (system, token)
);

CREATE TABLE connector_system (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  definition TEXT NOT NULL,
  document TEXT NOT NULL,
  digest TEXT NOT NULL,
  settings TEXT NOT NULL,
  mode TEXT NOT NULL,
  scheme TEXT NOT NULL,
  client_id TEXT NOT NULL,
  username TEXT NOT NULL,
  authorization_endpoint TEXT NOT NULL,
  token_endpoint TEXT NOT NULL,
  scope TEXT NOT NULL,
  networks TEXT NOT NULL,
  authorities TEXT NOT NULL,
  sealed BLOB NOT NULL,
  marks TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE console_node (
  node TEXT NOT NULL PRIMARY KEY,
  host TEXT NOT NULL,
  version TEXT NOT NULL,
  schema_of BIGINT NOT NULL,          -- newest migration that its binary knows
  started BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  lag BIGINT NOT NULL,                -- microseconds that the oldest record waits
  ahead BIGINT NOT NULL,              -- microseconds that the database's clock is before its own
  steps BIGINT NOT NULL,              -- steps of its clock since it started
  alarms TEXT NOT NULL                -- keys, separated by spaces
);

CREATE TABLE delegation (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  person TEXT NOT NULL,
  to_person TEXT NOT NULL,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  kinds TEXT NOT NULL,
  reason TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE INDEX delegation_org ON delegation (org, ends);

CREATE INDEX delegation_person ON delegation (person, ends);

CREATE INDEX delegation_to ON delegation (to_person, ends);

CREATE TABLE factor (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  sealed BLOB NOT NULL,
  step BIGINT NOT NULL,
  must_change BIGINT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL, short BIGINT NOT NULL DEFAULT 0,
  UNIQUE (person, kind)
);

CREATE TABLE group_group (
  org TEXT NOT NULL,
  group_id TEXT NOT NULL,
  inner_id TEXT NOT NULL,
  PRIMARY KEY (org, group_id, inner_id)
);

CREATE INDEX group_group_inner ON group_group (org, inner_id);

CREATE TABLE group_member (
  org TEXT NOT NULL,
  group_id TEXT NOT NULL,
  person TEXT NOT NULL, lent TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (org, group_id, person)
);

CREATE INDEX group_member_person ON group_member (org, person);

CREATE TABLE invitation (
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  by_ TEXT NOT NULL,
  message TEXT NOT NULL,
  made BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  accepted BIGINT NOT NULL,
  PRIMARY KEY (org, person)
);

CREATE TABLE job_effect (
  id TEXT NOT NULL PRIMARY KEY,       -- also the marker that the outside system is given
  org TEXT NOT NULL,                  -- "" is the house itself
  driver TEXT NOT NULL,
  target TEXT NOT NULL,               -- which outside system of the driver
  line TEXT NOT NULL,                 -- effects of one line go out in order; "" has none
  seq BIGINT NOT NULL,                -- place in the line
  waits BIGINT NOT NULL,              -- 1: another of its line goes first
  state TEXT NOT NULL,                -- intended, inflight, done, parked, skipped
  probe BIGINT NOT NULL,              -- 1: look for the marker before the next call
  payload TEXT NOT NULL,
  principal TEXT NOT NULL,            -- who decided it
  tries BIGINT NOT NULL,              -- calls that are known to have done nothing
  due BIGINT NOT NULL,                -- not before
  owner TEXT NOT NULL,                -- process that claimed it last
  fence_no BIGINT NOT NULL,           -- counts claims: only the last owner moves the row
  sent_at BIGINT NOT NULL,            -- stamp committed before the last call
  fence_until BIGINT NOT NULL,        -- before this nobody else acts on it
  intended_at BIGINT NOT NULL,
  first_at BIGINT NOT NULL,           -- first claim; 0 if none
  ended_at BIGINT NOT NULL,           -- done or skipped; 0 if open
  why TEXT NOT NULL,                  -- code of what went wrong last
  result TEXT NOT NULL                -- what the driver says of it, JSON
);

CREATE INDEX job_effect_alive ON job_effect (id) WHERE ended_at = 0;

CREATE INDEX job_effect_ended ON job_effect (ended_at) WHERE ended_at > 0;

CREATE INDEX job_effect_inflight ON job_effect (fence_until) WHERE state = 'inflight';

CREATE INDEX job_effect_open ON job_effect (org, state, driver, target) WHERE ended_at = 0;

CREATE INDEX job_effect_org ON job_effect (org, id);

CREATE INDEX job_effect_ready ON job_effect (driver, target, due, id) WHERE state = 'intended' AND waits = 0;

CREATE INDEX job_effect_waiting ON job_effect (driver, target, line, seq) WHERE waits = 1;

CREATE TABLE job_line (
  driver TEXT NOT NULL,
  target TEXT NOT NULL,
  line TEXT NOT NULL,
  head BIGINT NOT NULL,
  tail BIGINT NOT NULL,
  PRIMARY KEY (driver, target, line)
);

CREATE TABLE job_timer (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,                -- waiting, fired, parked
  tries BIGINT NOT NULL,
  due BIGINT NOT NULL,                -- when it is tried next
  set_for BIGINT NOT NULL,            -- when it was to happen
  fired_at BIGINT NOT NULL,
  why TEXT NOT NULL
);

CREATE INDEX job_timer_due ON job_timer (kind, due, id) WHERE state = 'waiting';

CREATE INDEX job_timer_fired ON job_timer (fired_at) WHERE state = 'fired';

CREATE TABLE known_device (
  person TEXT NOT NULL,
  hash TEXT NOT NULL,
  browser TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (person, hash)
);

CREATE TABLE lease (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  ask TEXT NOT NULL,
  by_ TEXT NOT NULL,
  state TEXT NOT NULL,
  since BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  timer TEXT NOT NULL,
  why TEXT NOT NULL,
  ended BIGINT NOT NULL,
  ended_by TEXT NOT NULL,
  tries BIGINT NOT NULL,
  trouble TEXT NOT NULL,
  retry BIGINT NOT NULL
);

CREATE INDEX lease_due ON lease (retry) WHERE state <> 'back' AND retry > 0;

CREATE UNIQUE INDEX lease_once ON lease (org, kind, target, person) WHERE state <> 'back';

CREATE INDEX lease_org ON lease (org, state, id);

CREATE INDEX lease_person ON lease (person, state, id);

CREATE TABLE mail_change (
  person TEXT NOT NULL PRIMARY KEY,
  email TEXT NOT NULL,
  ends BIGINT NOT NULL
);

CREATE TABLE manifest_apply (
  id TEXT NOT NULL PRIMARY KEY,
  at_ BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  door TEXT NOT NULL,
  digest TEXT NOT NULL,
  files TEXT NOT NULL,
  named BIGINT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  renamed BIGINT NOT NULL,
  deleted BIGINT NOT NULL
);

CREATE TABLE manifest_object (
  kind TEXT NOT NULL,
  org TEXT NOT NULL,
  id TEXT NOT NULL,
  org_name TEXT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  apply TEXT NOT NULL,
  at_ BIGINT NOT NULL,
  PRIMARY KEY (kind, org, id)
);

CREATE INDEX manifest_object_id ON manifest_object (id);

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

CREATE INDEX member_manager ON member (org, manager) WHERE manager <> '';

CREATE INDEX member_person ON member (person, org, state);

CREATE INDEX member_sort ON member (org, sort, person);

CREATE TABLE member_role (
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL, lent TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (org, person, role)
);

CREATE INDEX member_role_person ON member_role (person, org, role);

CREATE INDEX member_role_role ON member_role (role, org, person);

CREATE TABLE notice (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  title_en TEXT NOT NULL,
  title_ja TEXT NOT NULL,
  text_en TEXT NOT NULL,
  text_ja TEXT NOT NULL,
  starts BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL
);

CREATE INDEX notice_ends ON notice (ends);

CREATE TABLE notify_device (
  id TEXT NOT NULL PRIMARY KEY,
  person TEXT NOT NULL,
  session TEXT NOT NULL,              -- that it was added in; it ends with it
  mark TEXT NOT NULL UNIQUE,          -- SHA-256 of the endpoint: one browser has one owner
  name TEXT NOT NULL,                 -- of the browser, for people
  service TEXT NOT NULL,              -- host of the push service
  added_at BIGINT NOT NULL,
  told_at BIGINT NOT NULL,            -- the last push that its service took; 0 if none
  refused BIGINT NOT NULL,            -- status of the last push, if its service refused it; else 0
  sealed BLOB NOT NULL                -- endpoint and keys
);

CREATE INDEX notify_device_person ON notify_device (person, id);

CREATE TABLE notify_message (
  id TEXT NOT NULL PRIMARY KEY,       -- also the local part of the Message-ID
  org TEXT NOT NULL,                  -- "" is the house itself
  ref TEXT NOT NULL,                  -- what the room that sent it asks by
  kind TEXT NOT NULL,                 -- key of its sentences
  lang TEXT NOT NULL,
  addressee TEXT NOT NULL,            -- as people write it; shown to who sent it
  state TEXT NOT NULL,                -- queued, deferred, sent, refused, unsure, given-up
  effect TEXT NOT NULL,               -- the attempt that counts
  tries BIGINT NOT NULL,              -- attempts that the relay answered with "later"
  unsure BIGINT NOT NULL,             -- attempts that ended without an answer
  code BIGINT NOT NULL,               -- what the relay said last; 0 if nothing
  enhanced TEXT NOT NULL,
  said TEXT NOT NULL,
  queued_at BIGINT NOT NULL,
  until BIGINT NOT NULL,              -- given up then
  next_at BIGINT NOT NULL,            -- when deferred
  ended_at BIGINT NOT NULL,           -- 0 while it is under way
  sealed BLOB NOT NULL                -- what it says; empty once ended
);

CREATE INDEX notify_message_ended ON notify_message (ended_at) WHERE ended_at > 0;

CREATE INDEX notify_message_open ON notify_message (id) WHERE ended_at = 0;

CREATE INDEX notify_message_ref ON notify_message (org, ref, id);

CREATE TABLE notify_pusher (
  name TEXT NOT NULL PRIMARY KEY,     -- 'vapid'
  sealed BLOB NOT NULL                -- private key, P-256; another one ends every subscription
);

CREATE TABLE once_value (
  hash TEXT NOT NULL PRIMARY KEY,     -- SHA-256 over kind and value, hex; the value itself is nowhere
  kind TEXT NOT NULL,
  org TEXT NOT NULL,                  -- "" is the house itself
  subject TEXT NOT NULL,              -- whose it is, for revocation; "" if nobody's yet
  bound TEXT NOT NULL,                -- SHA-256 over kind, value and what it is bound to; "" if to nothing
  payload BLOB NOT NULL,
  outcome BLOB NOT NULL,              -- what its redemption led to, for kinds that tell
  slot BIGINT,                        -- place among the capped rows of its kind
  tries BIGINT NOT NULL,              -- wrong bindings that are still allowed
  used_at BIGINT NOT NULL,            -- 0: not used
  until BIGINT NOT NULL,              -- refused from this microsecond on
  forget_at BIGINT NOT NULL           -- the row may go
);

CREATE INDEX once_value_forget ON once_value (forget_at);

CREATE UNIQUE INDEX once_value_slot ON once_value (kind, slot) WHERE slot IS NOT NULL;

CREATE INDEX once_value_subject ON once_value (subject, kind) WHERE subject <> '';

CREATE TABLE order_read (
  person TEXT NOT NULL,
  system TEXT NOT NULL,
  newest BIGINT NOT NULL,             -- last change there that was seen
  whole BIGINT NOT NULL,              -- when all of them were read
  PRIMARY KEY (person, system)
);

CREATE TABLE order_request (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  person TEXT NOT NULL,
  system TEXT NOT NULL,
  label TEXT NOT NULL,                -- how people call the system
  nonce TEXT NOT NULL,                -- of the form that it was ordered by; "" was not ordered here
  item TEXT NOT NULL,                 -- of the catalog
  quantity BIGINT NOT NULL,
  filled TEXT NOT NULL,               -- what was typed, as labels and values, JSON
  price TEXT NOT NULL,
  way TEXT NOT NULL,                  -- "" it is there; sending, refused
  effect TEXT NOT NULL,               -- that brings the order out
  sent BIGINT NOT NULL,               -- when it was first sent; 0: certainly not
  known TEXT NOT NULL,                -- orders that were there before, JSON
  unclear BIGINT NOT NULL,            -- 1: nobody can say which of several it became
  why TEXT NOT NULL,                  -- kind of problem that it was refused with
  said TEXT NOT NULL,                 -- the system's own words about it
  number TEXT NOT NULL,               -- as the system calls it; "" not yet
  url TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL,                -- open, waiting, approved, rejected, closed, cancelled, unknown
  native TEXT NOT NULL,               -- the system's own word
  asked TEXT NOT NULL,                -- who is asked to approve it, JSON
  stale BIGINT NOT NULL,              -- 1: who is asked is to be read again
  closed BIGINT NOT NULL,             -- 1: nothing more is expected
  steps TEXT NOT NULL,                -- what happened, JSON
  opened BIGINT NOT NULL,
  touched BIGINT NOT NULL,            -- last change there, as the system says it
  changed BIGINT NOT NULL,
  version BIGINT NOT NULL
);

CREATE INDEX order_list ON order_request (person, closed, opened, id);

CREATE UNIQUE INDEX order_nonce ON order_request (person, nonce) WHERE nonce <> '';

CREATE UNIQUE INDEX order_number ON order_request (person, system, number) WHERE number <> '';

CREATE INDEX order_shared ON order_request (org, system, person) WHERE closed = 0;

CREATE TABLE order_tell (
  person TEXT NOT NULL PRIMARY KEY,
  orders TEXT NOT NULL,               -- of which, JSON
  nudged BIGINT NOT NULL,             -- 1: in their browsers they were told
  due BIGINT NOT NULL
);

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

CREATE TABLE paper (
  org TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, kind, name)
);

CREATE TABLE passkey (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  credential TEXT NOT NULL UNIQUE,
  public_key BLOB NOT NULL,
  algorithm BIGINT NOT NULL,
  aaguid TEXT NOT NULL,
  transports TEXT NOT NULL,
  attested BIGINT NOT NULL,
  format TEXT NOT NULL,
  counter BIGINT NOT NULL,
  eligible BIGINT NOT NULL,
  backed_up BIGINT NOT NULL,
  name TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL
);

CREATE INDEX passkey_person ON passkey (person);

CREATE TABLE people_group (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT COLLATE BINARY NOT NULL,
  title TEXT NOT NULL,
  fold TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

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

CREATE TABLE person_gram (
  org TEXT NOT NULL,
  gram TEXT COLLATE BINARY NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (org, gram, person)
) WITHOUT ROWID;

CREATE INDEX person_gram_person ON person_gram (person, gram) WHERE org = '';

CREATE TABLE preference (
  person TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL
);

CREATE TABLE recovery_code (
  person TEXT NOT NULL,
  hash TEXT NOT NULL,
  created BIGINT NOT NULL,
  used BIGINT NOT NULL,
  PRIMARY KEY (person, hash)
);

CREATE TABLE review_item (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  round TEXT NOT NULL,
  person TEXT NOT NULL,
  holder TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  title TEXT NOT NULL,
  lease TEXT NOT NULL,
  since BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  state TEXT NOT NULL,
  escalated BIGINT NOT NULL,
  silent BIGINT NOT NULL,
  decided BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  seat TEXT NOT NULL,
  reason TEXT NOT NULL,
  trouble TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, round, kind, target, person, lease)
);

CREATE INDEX review_item_list ON review_item (org, round, id);

CREATE INDEX review_item_round ON review_item (org, round, state, id);

CREATE TABLE review_round (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  campaign TEXT NOT NULL,
  number BIGINT NOT NULL,
  name TEXT NOT NULL,
  spec TEXT NOT NULL,
  state TEXT NOT NULL,
  started BIGINT NOT NULL,
  due BIGINT NOT NULL,
  closed BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  filled TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, campaign, number)
);

CREATE TABLE review_seat (
  org TEXT NOT NULL,
  round TEXT NOT NULL,
  item TEXT NOT NULL,
  person TEXT NOT NULL,
  PRIMARY KEY (org, item, person)
);

CREATE INDEX review_seat_round ON review_seat (org, round, person);

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

CREATE TABLE schema_law (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  oldest_binary BIGINT NOT NULL
);

CREATE TABLE schema_migration (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);

CREATE TABLE seal_holder (
  name TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE seal_key (
  id BIGINT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('writes', 'reads', 'closing', 'destroyed')),
  wrapped BLOB NOT NULL,
  spent BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  retired_at BIGINT NOT NULL,
  destroyed_at BIGINT NOT NULL
);

CREATE TABLE seal_pass (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  phase TEXT NOT NULL CHECK (phase IN ('moving', 'waiting', 'closing', 'stuck', 'done')),
  target BIGINT NOT NULL,
  holder TEXT NOT NULL,
  after TEXT NOT NULL,
  seen BIGINT NOT NULL,
  moved BIGINT NOT NULL,
  stuck BIGINT NOT NULL,
  told BIGINT NOT NULL,
  since BIGINT NOT NULL,
  owner TEXT NOT NULL,
  until BIGINT NOT NULL,
  fence BIGINT NOT NULL
);

CREATE TABLE seal_ring (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  writes BIGINT NOT NULL,
  root_check TEXT NOT NULL,
  recipient TEXT NOT NULL,
  founded_at BIGINT NOT NULL
);

CREATE TABLE seal_wrapping (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  made_at BIGINT NOT NULL
);

CREATE TABLE sender (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,                -- as people read it on cards; "" is the name
  role TEXT NOT NULL,                 -- admin, creator, auditor
  callback TEXT NOT NULL,             -- where decisions are told; "" of one that sends nothing to decide
  signature TEXT NOT NULL,            -- jwt, http
  alg TEXT NOT NULL,                  -- ES256, RS256
  audience TEXT NOT NULL,             -- whom it may reach, JSON
  templates TEXT NOT NULL,            -- JSON
  networks TEXT NOT NULL,             -- CIDRs besides public ones that the callback may stand in
  urgent BIGINT NOT NULL,             -- 1: its urgent cards pass quiet hours
  rate BIGINT NOT NULL,               -- messages a minute
  enabled BIGINT NOT NULL,
  made BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  by_ TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE sender_message (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  sender TEXT NOT NULL,
  mark TEXT NOT NULL,                 -- the sender's own key of it: the same one again is the same message
  asked TEXT NOT NULL,                -- SHA-256 of how it was asked for
  content TEXT NOT NULL,              -- JSON
  digest TEXT NOT NULL,               -- SHA-256 of the content
  people TEXT NOT NULL,               -- whom it reaches, JSON; [] once all have it
  reached BIGINT NOT NULL,            -- how many people
  spread BIGINT NOT NULL,             -- how many of them have it
  state TEXT NOT NULL,                -- sent, withdrawn
  made BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  UNIQUE (sender, mark)
);

CREATE INDEX sender_message_expires ON sender_message (expires);

CREATE INDEX sender_message_list ON sender_message (org, id);

CREATE INDEX sender_message_own ON sender_message (org, sender, id);

CREATE TABLE sender_token (
  id TEXT NOT NULL PRIMARY KEY,
  org TEXT NOT NULL,
  sender TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  made BIGINT NOT NULL,
  made_by TEXT NOT NULL,
  ends BIGINT NOT NULL,
  used BIGINT NOT NULL
);

CREATE INDEX sender_token_sender ON sender_token (org, sender, id);

CREATE TABLE session (
  person TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  org TEXT NOT NULL,
  methods TEXT NOT NULL,
  begun BIGINT NOT NULL,
  strong BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  idle BIGINT NOT NULL,
  ends BIGINT NOT NULL,
  browser TEXT NOT NULL,
  source TEXT NOT NULL,
  device TEXT NOT NULL
);

CREATE INDEX session_ends ON session (ends);

CREATE INDEX session_org ON session (org, id);

CREATE INDEX session_person ON session (person, begun);

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

CREATE TABLE signin_policy (
  org TEXT NOT NULL,
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  require TEXT NOT NULL,
  applies_to TEXT NOT NULL,
  idle BIGINT NOT NULL,
  absolute BIGINT NOT NULL,
  attestation BIGINT NOT NULL,
  allow TEXT NOT NULL,
  deny TEXT NOT NULL,
  version BIGINT NOT NULL,
  UNIQUE (org, name)
);

CREATE TABLE topic (
  name TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL
);

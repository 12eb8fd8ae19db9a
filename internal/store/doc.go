// Package store is the one road to the database, on SQLite and PostgreSQL
// alike. It has two doors: Read, which the engine itself holds read-only, and
// Write, whose closure is pure, re-runnable and ends in one of three ways:
// Done, Refused or Abort. A write without a witness does not commit.
//
// Read first: end.go (how a write ends), tx.go (what a closure may do),
// sqlite.go (group commit) and postgres.go (SERIALIZABLE with retries).
//
// One SQL text serves both engines: $1… parameters, CAST instead of ::, BIGINT,
// TEXT, times as BIGINT microseconds (Micros, FromMicros), JSON as TEXT, ON
// CONFLICT, RETURNING, no SKIP LOCKED. In migrations BLOB becomes BYTEA on
// PostgreSQL, WITHOUT ROWID is dropped there, and INTEGER PRIMARY KEY (SQLite's
// own row number) becomes BIGINT PRIMARY KEY.
package store

import "embed"

// Words are the sentences of the problems.
//
//go:embed words
var Words embed.FS

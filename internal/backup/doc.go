// Package backup carries a whole house from one database to another: into an
// encrypted file and back, or straight from SQLite to PostgreSQL. A copy is one
// snapshot of one read transaction and knows no engine.
//
// A backup file is an age file (age-encryption.org/v1) around a gzip stream
// around frames. A frame is one byte of kind, the length of its content as
// uint32 big-endian, and the content:
//
//	H  once, first: the Header in JSON
//	T  for each table of the header, in its order: the table's name
//	R  for each of its rows: the values in the order of the header's columns,
//	   each one byte 0 (null), 1 (int64, 8 bytes big-endian), 2 (text) or
//	   3 (bytes); the last two with their length as uint32 big-endian
//	E  after the last row of a table: its count and digest, as uint64 big-endian
//	M  once, last: the manifest, a note signed with the key of the audit log,
//	   that holds the SHA-256 of all bytes before this frame
//
// The whole of it can be read without us: age -d -i KIT FILE | gunzip.
//
// Of the ways to unseal a house a file carries only the one of the recovery
// kit. Who restores proves with it that the signing key belongs to the house:
// the kit opens the root key, the root key a data key, and that the signing
// key; a file made by somebody without these keys is refused.
//
// Read first: format.go (what is written), then restore.go (what is verified
// before anything is replaced). Only store.go has SQL.
package backup

import "embed"

// Words are the sentences of the room.
//
//go:embed words
var Words embed.FS

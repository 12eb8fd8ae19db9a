// Package seal keeps what the house must be able to read back but nobody else
// may: an unseal key opens the root key, the root key opens a ring of data
// keys, and a data key seals one value for one place (AES-256-GCM).
//
// The ring is empty (never founded), sealed (no root key in memory) or open.
// A data key writes, then only reads while the re-encryption moves its values
// to its successor, is closing while a last walk looks for values that still
// use it, and is destroyed.
//
// Read first: ring.go (Seal and Open), then provider.go (how a ring is opened),
// rotate.go and walk.go (how keys follow each other). Only store.go has SQL.
package seal

import "embed"

// Schema holds the migrations of the ring.
//
//go:embed schema/*.sql
var Schema embed.FS

// Words holds the sentences of the ring: its problems and the recovery kit.
//
//go:embed words/*.yaml
var Words embed.FS

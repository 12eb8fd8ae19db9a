// Package once keeps every value that may be used one time: links, codes,
// tickets, nonces, challenges. It is the one place where such values live (R1):
// each has a declared kind, is stored as a hash keyed by the kind, and is
// compared and consumed by one SQL statement in the caller's own write, so that
// of any number of redemptions at once exactly one succeeds, on every node.
//
// A value travels like this: Kind.New outside any transaction (closures are
// re-runnable, so they make no random values), Mint in a write, Peek as often
// as a page is looked at (a GET never consumes), Redeem in the write that does
// what the value is for. Whatever is wrong with a value, the answer is the same
// once-invalid; only kinds that tell say that it was used, with the outcome
// that was recorded then.
//
// Everything here needs Write, never Append: at READ COMMITTED the refusal of a
// used value could be read from an older state than its redemption.
package once

import "embed"

// Schema is the table of the values.
//
//go:embed schema
var Schema embed.FS

// Words are the sentences of the problems.
//
//go:embed words
var Words embed.FS

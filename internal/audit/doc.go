// Package audit is the witness: every write of the house leaves a record in the
// same transaction, and the records are the leaves of a Merkle tree (RFC 6962)
// whose signed checkpoints go to places outside.
//
// A record is born complete (witness.go), is given its place in the
// tree within a second by one sequencer among all nodes (sequence.go, tree.go),
// is covered by the next checkpoint (checkpoint.go) and told outside
// (outside.go). Until it is covered by a checkpoint that somebody else keeps, it
// is not tamper-evident: whoever holds database and key can rewrite what nobody
// else has seen.
//
// Read first: leaf.go (what exactly is hashed), then verify.go (what exactly is
// proved).
package audit

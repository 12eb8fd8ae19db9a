// Package console is the room of those who keep the house: the audit log with
// its proofs, keys, effects and the state of the house itself. It is the door of
// the floors that have none: audit, seal, job and store.
//
// Read first: console.go.
package console

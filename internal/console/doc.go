// Package console is the room of those who keep the house: set-up before there
// are people, the audit log with its proofs, keys, effects and the state of
// the house itself. It is the door of the floors that have none: audit, seal,
// job and store.
//
// Read first: setup.go (who may act before there are people), then console.go.
package console

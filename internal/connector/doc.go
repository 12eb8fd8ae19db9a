// Package connector talks to ticket systems and catalogs of others as a document
// describes them: YAML for the shape of calls, CEL for what goes in and what
// comes out. One model of a ticket and of an approval stands here, whatever
// the system calls them.
//
// An answer is foreign text until it was mapped, and shown as text only. What the
// model leaves empty the system did not say; a state that is not mapped is
// Unmapped, and that never counts as a yes.
//
// Read first: model.go, then problem.go.
package connector

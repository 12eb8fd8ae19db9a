// Package definition reads the documents that describe outside systems, YAML for
// the shape of calls and CEL for what goes in and what comes out, and executes
// their operations. What comes out are plain values; package connector makes its
// model of them.
//
// A document is code of somebody else: everything it can name, build, loop over
// or wait for is checked when it is read (check.go, taint.go) and capped when it
// runs (run.go, budget.go). Only its hosts are ever called, and the credential is
// seen by its headers alone.
//
// Read first: definition.go, then run.go.
package definition

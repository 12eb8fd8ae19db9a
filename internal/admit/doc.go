// Package admit is the one gate of every issuance (R2): whatever yields a
// session, token, secret or assertion asks MayIssue in the transaction that
// issues, at redemption and not only at the start.
//
// A way to issue is declared once, as a Path; the registry of paths is what the
// matrix of the house walks: every path against every state that must stop it.
// A path without its row fails the build.
//
// Read admit.go.
package admit

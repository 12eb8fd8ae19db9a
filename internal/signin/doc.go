// Package signin is the room in which a person proves who they are: password,
// passkey, one-time codes and recovery codes, the sessions that come of it, and
// the ways back for whoever lost a factor.
//
// Read first: flow.go (the steps of signing in), then session.go.
package signin

// Package hub is the first page: what needs a person's attention, where they
// belong and where they are signed in; for everybody else, the way in. It knows
// the other rooms only by what they hand in.
//
// Read first: hub.go.
package hub

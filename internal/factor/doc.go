// Package factor keeps what people sign in with: passwords, passkeys, one-time
// codes and recovery codes. It judges answers, takes new factors in and old ones
// away, and has the pages on which people do that for themselves. Sessions,
// locks and policies are those of the rooms above, which use it.
//
// Read first: factor.go (the methods and the room), then judge.go.
package factor

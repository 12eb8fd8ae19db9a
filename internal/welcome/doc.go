// Package welcome is the room of the ways in and back, which are links of one
// use: set-up, invitation, proof of an address, reset, recovery, and what an
// administrator does for somebody who cannot get in any more. Looking at a link
// uses nothing up; redeeming one is a write that asks the gate.
//
// Read first: invite.go, then recover.go.
package welcome

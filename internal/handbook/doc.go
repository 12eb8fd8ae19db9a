// Package handbook is the room in which the house serves its own handbook: the
// pages for who runs it, from the binary itself, for a machine that reaches no
// other.
//
// Read first: handbook.go.
package handbook

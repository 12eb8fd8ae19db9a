// Package fake is what the simulators of outside systems stand on: a clock and
// a lock, effects that land later, the record of what was called and written,
// mischief that a switch turns on, and small web pages to sign in and look. It
// is for tests and for the demo; nothing of the product imports it.
//
// Read first: stage.go (Stage, Land), then switch.go.
package fake

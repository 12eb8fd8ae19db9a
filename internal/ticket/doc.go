// Package ticket is the room of outside systems: administrators add them, test
// them and let the organization be connected; people connect themselves, and
// are told when they must do it again; a system that rings is listened to, and
// never believed.
//
// Read first: room.go, then pages_connect.go (how somebody is connected) and
// probe.go (what a test shows).
package ticket

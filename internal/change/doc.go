// Package change holds what one person alone may not do where the configuration
// says four_eyes: an apply of manifests, a role, a definition of an outside
// system, a reset of somebody's factors. Each becomes an ask of the hall, is
// approved by somebody else who could do it themselves, and is made in the write
// that approves it, as who asked, if everything is as it was when they asked.
//
// The floors below call it where they are about to write (org.Holder,
// connector.Holder, manifest.Holder, welcome.Holder), and refuse the write
// itself unless this room has lifted it: a way that nobody thought of is shut,
// not open.
//
// Read first: change.go (what is held), release.go (what is let through), then
// one of role.go, system.go, reset.go, apply.go.
package change

// Package password hashes, verifies and judges passwords. It keeps nothing and
// knows no person: room signin brings the stored hash and the names that a
// password may not lean on.
//
// Read first: mill.go (how many hashes run at once, and who waits), then
// hash.go (what a stored hash looks like), then policy.go (which passwords are
// accepted).
package password

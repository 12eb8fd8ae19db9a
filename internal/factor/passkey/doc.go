// Package passkey is the driver of factor.Passkeys: it begins the ceremonies of
// WebAuthn Level 3 and judges their answers. It keeps nothing, knows no session
// and decides nothing about who may sign in.
//
// What the library checks is checked by the library; what it leaves to the
// relying party, tolerates or cannot know stands here: the exact origin, no
// framing, one spelling of every member, keys that are what they say, counters
// that count, models and their attestation.
//
// Read first: driver.go (the four steps), then reasons.go (why one refuses).
package passkey

// Package webpush is Web Push as it is on the wire: the message encrypted for one
// browser (RFC 8291 over RFC 8188) and the header by which a push service knows
// who sends it (VAPID, RFC 8292).
//
// The push service sees the endpoint, when, how large and how urgent, and
// nothing of what is said. The endpoint is a capability: who knows it, and has
// the key, can send.
//
// Read first: message.go, then vapid.go.
package webpush

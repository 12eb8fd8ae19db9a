// Package id holds the identifiers of the house as types of their own, so that
// an organization's id cannot be handed in where a person's is expected.
//
// An identifier is 26 characters of lower-case Crockford base32: 48 bits of
// milliseconds since 1970, then 80 random bits. It sorts by time (index
// locality), is never reused, and is no secret: nothing may be released because
// somebody knows one.
package id

import (
	"crypto/rand"
	"strings"
	"time"
)

// The identifiers. Those of rooms stand here too, because they cross doors.
type (
	Org    string // an organization; "" is the house itself
	Person string // a natural person
	Node   string // a running process
	Record string // a record of the witness
	Effect string // an effect on the outside
	Notice string // a house-wide announcement
	Group  string // a group of an organization
	Role   string // a role of an organization: an identifier, or the name of a built-in one

	Connector string // an outside system of an organization
	Lease     string // something that is out, until it is taken back
	Ask       string // a request for something, and its life
	Card      string // a question put before one person
	Sender    string // an app that may send cards
	Order     string // a request at an outside system that is a person's own
)

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// Len is the length of an identifier in characters.
const Len = 26

// New returns a fresh identifier of type T, made at the given time.
func New[T ~string](at time.Time) T {
	var b [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	_, _ = rand.Read(b[6:]) // never fails (crypto/rand, Go 1.24)
	return T(encode(b))
}

// encode writes 128 bits as 26 characters of five bits each, the first of
// which carries three.
func encode(b [16]byte) string {
	var out [Len]byte
	var acc uint32
	bits := 2 // 130 bits are written: two leading zero bits
	pos := 0
	for _, octet := range b {
		acc = acc<<8 | uint32(octet)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[pos] = alphabet[acc>>bits&31]
			pos++
		}
	}
	return string(out[:])
}

// Valid reports whether s has the form of an identifier. It says nothing about
// whether the thing exists.
func Valid(s string) bool {
	if len(s) != Len {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What we ask of Argon2id (RFC 9106): 19 MiB, two passes, one lane.
const (
	argonMemory  = 19456 // KiB
	argonTime    = 2
	argonThreads = 1
	saltSize     = 16
	tagSize      = 32
)

// The most that a stored hash may ask of us: an import or a damaged row must
// not take all memory or all time.
const (
	argonMemoryTop  = 256 << 10 // KiB
	argonTimeTop    = 10
	argonThreadsTop = 16
	saltLeast       = 8
	tagLeast        = 16
	sizeTop         = 64 // bytes of a salt or a tag

	bcryptBytes = 72 // what bcrypt looks at; the rest of a password it ignores
)

// hash is a stored hash of either kind.
type hash interface {
	matches(pw []byte) bool
	outdated() bool
	need() need
}

var (
	argonForm  = regexp.MustCompile(`^\$argon2id\$v=19\$m=([1-9][0-9]{0,5}),t=([1-9][0-9]?),p=([1-9][0-9]?)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$`)
	bcryptForm = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-5])\$[./A-Za-z0-9]{53}$`)
)

// Known reports whether stored is a hash that Verify takes: Argon2id version 19
// in the exact form of the PHC string format, with m ≤ 256 MiB, t ≤ 10 and
// p ≤ 16, or bcrypt as $2a$, $2b$ or $2y$ with a cost of 4 to 15. An import
// refuses every other line.
func Known(stored string) bool {
	_, ok := parse(stored)
	return ok
}

func parse(stored string) (hash, bool) {
	if bcryptForm.MatchString(stored) {
		return blowfish(stored), true
	}
	return parseArgon(stored)
}

// argon is Argon2id; memory in KiB.
type argon struct {
	memory, time uint32
	threads      uint8
	salt, tag    []byte
}

// ours returns our parameters with a new salt and no tag.
func ours() argon {
	a := argon{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, saltSize)}
	_, _ = rand.Read(a.salt) // never fails (crypto/rand, Go 1.24)
	return a
}

func parseArgon(stored string) (hash, bool) {
	part := argonForm.FindStringSubmatch(stored)
	if part == nil {
		return nil, false
	}
	number := func(i int) uint32 { n, _ := strconv.ParseUint(part[i], 10, 32); return uint32(n) } // digits by the pattern
	a := argon{memory: number(1), time: number(2), threads: uint8(number(3))}
	var errSalt, errTag error
	a.salt, errSalt = base64.RawStdEncoding.Strict().DecodeString(part[4])
	a.tag, errTag = base64.RawStdEncoding.Strict().DecodeString(part[5])
	return a, errSalt == nil && errTag == nil && a.bounded()
}

// bounded holds a to our bounds and to RFC 9106 §3.1: at least eight KiB a lane.
func (a argon) bounded() bool {
	return a.memory >= 8*uint32(a.threads) && a.memory <= argonMemoryTop &&
		a.time <= argonTimeTop && a.threads <= argonThreadsTop &&
		len(a.salt) >= saltLeast && len(a.salt) <= sizeTop && len(a.tag) >= tagLeast && len(a.tag) <= sizeTop
}

// String returns the PHC string.
func (a argon) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", a.memory, a.time, a.threads, b64(a.salt), b64(a.tag))
}

func (a argon) derive(pw []byte) []byte {
	size := len(a.tag)
	if size == 0 {
		size = tagSize
	}
	return argon2.IDKey(pw, a.salt, a.time, a.memory, a.threads, uint32(size))
}

func (a argon) matches(pw []byte) bool { return subtle.ConstantTimeCompare(a.derive(pw), a.tag) == 1 }

func (a argon) outdated() bool {
	return a.memory != argonMemory || a.time != argonTime || a.threads != argonThreads || len(a.salt) != saltSize || len(a.tag) != tagSize
}

func (a argon) need() need {
	return need{memory: int(a.memory+argonMemory-1) / argonMemory, threads: int(a.threads)}
}

// blowfish is a bcrypt hash as it stands. It is always outdated.
type blowfish string

// matches never accepts what bcrypt would not look at whole: beyond 72 bytes,
// or (in C, where the hash may come from) after a NUL, any rest would do. The
// work is done all the same.
func (b blowfish) matches(pw []byte) bool {
	whole := len(pw) <= bcryptBytes
	for _, c := range pw {
		whole = whole && c != 0
	}
	return bcrypt.CompareHashAndPassword([]byte(b), pw) == nil && whole
}

func (blowfish) outdated() bool { return true }
func (blowfish) need() need     { return need{memory: 1, threads: 1} }

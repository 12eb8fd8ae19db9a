package passkey

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// A ceremony is what is remembered between its two halves. Encoded it is
//
//	version 1 · kind 'c' or 'g' · flags · until (8, µs since 1970)
//	· challenge (32) · rp (2 + n) · owner (2 + n) · count (2) · { id (2 + n) }
//
// with numbers big-endian. A ceremony ends within minutes, so no version needs
// to be read that another binary wrote.
type ceremony struct {
	kind      byte
	attest    bool // attestation was asked for
	verify    bool // user verification was demanded
	until     time.Time
	challenge []byte
	party     string
	owner     []byte   // handle of the person it was begun for; empty: anybody's
	allowed   [][]byte // credential ids that were named; none: any discoverable one
}

const (
	version    = 1
	creating   = 'c'
	asserting  = 'g'
	flagAttest = 1
	flagVerify = 2

	challengeSize = 32
	lifetime      = 5 * time.Minute
	// maxCredential is the longest credential id (WebAuthn §4).
	maxCredential = 1023
)

var errState = errors.New("passkey: not the state of a ceremony")

// begin makes a ceremony with a challenge of its own.
func (d *Driver) begin(kind byte) *ceremony {
	c := &ceremony{kind: kind, verify: true, until: d.clock.Now().Add(lifetime), party: d.party, challenge: make([]byte, challengeSize)}
	_, _ = rand.Read(c.challenge) // never fails: crypto/rand ends the program instead
	return c
}

func (c *ceremony) encode() []byte {
	flags := byte(0)
	if c.attest {
		flags |= flagAttest
	}
	if c.verify {
		flags |= flagVerify
	}
	b := []byte{version, c.kind, flags}
	b = binary.BigEndian.AppendUint64(b, uint64(c.until.UnixMicro())) //nolint:gosec // after 1970
	b = append(b, c.challenge...)
	b = appendText(b, []byte(c.party))
	b = appendText(b, c.owner)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.allowed))) //nolint:gosec // BeginSignIn keeps it below
	for _, id := range c.allowed {
		b = appendText(b, id)
	}
	return b
}

func appendText(b, text []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(text))) //nolint:gosec // ids, handles and names are short
	return append(b, text...)
}

// recall reads a state back, and refuses one that is not of this kind of
// ceremony here and now.
func (d *Driver) recall(state []byte, kind byte) (*ceremony, *refusal) {
	c, err := decode(state)
	if err != nil || c.kind != kind || c.party != d.party || !c.verify {
		return nil, refuseFor(ReasonState, errState)
	}
	if !d.clock.Now().Before(c.until) {
		return nil, refuse(ReasonExpired)
	}
	return c, nil
}

func decode(state []byte) (*ceremony, error) {
	r := reader{rest: state}
	head := r.take(3)
	if r.bad || head[0] != version || head[2] > flagAttest|flagVerify {
		return nil, errState
	}
	c := &ceremony{kind: head[1], attest: head[2]&flagAttest != 0, verify: head[2]&flagVerify != 0}
	if until := r.take(8); !r.bad {
		c.until = time.UnixMicro(int64(binary.BigEndian.Uint64(until))) //nolint:gosec // a wrapped time is past or far
	}
	c.challenge = r.take(challengeSize)
	c.party = string(r.text())
	c.owner = r.text()
	for n := r.count(); n > 0 && !r.bad; n-- {
		c.allowed = append(c.allowed, r.text())
	}
	if r.bad || len(r.rest) > 0 {
		return nil, errState
	}
	return c, nil
}

// reader takes what is there; after a want it stays bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	out := r.rest[:n:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) count() int {
	if b := r.take(2); !r.bad {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) text() []byte { return r.take(r.count()) }

// names says whether the ceremony may be answered with the credential.
func (c *ceremony) names(credential []byte) bool {
	for _, id := range c.allowed {
		if bytes.Equal(id, credential) {
			return true
		}
	}
	return len(c.allowed) == 0
}

// session is the ceremony as the library wants it. Its own expiry stays unset:
// it would ask the machine's clock.
func (c *ceremony) session() webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: protocol.URLEncodedBase64(c.challenge).String(), RelyingPartyID: c.party,
		UserVerification: protocol.VerificationRequired, CredParams: offered,
	}
}

package passkey

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/sekisho/sekisho/internal/fault"
)

// The reasons of a refusal, in the argument "reason" of its fault. They are for
// the log and for tests; a person reads the sentence of the code.
const (
	ReasonState       = "state"        // what the ceremony remembered is of another kind, version or relying party
	ReasonExpired     = "expired"      // the answer came after five minutes
	ReasonOwner       = "owner"        // begun for one person, finished for another
	ReasonSize        = "size"         // of the answer
	ReasonFormat      = "format"       // the answer is not what WebAuthn defines
	ReasonType        = "type"         // an answer to the other ceremony
	ReasonChallenge   = "challenge"    // an answer to another challenge
	ReasonOrigin      = "origin"       // given on another site
	ReasonCrossOrigin = "cross-origin" // given inside a frame of another site
	ReasonParty       = "rp"           // made for another relying party
	ReasonPresence    = "presence"     // nobody touched the authenticator (UP)
	ReasonUnverified  = "unverified"   // nobody showed who they are to it (UV)
	ReasonBackup      = "backup"       // the flags BE and BS contradict each other or what was registered
	ReasonKey         = "key"          // an algorithm that was not offered, or a key that is not of it
	ReasonNotResident = "not-resident" // the key is not discoverable
	ReasonCredential  = "credential"   // not among the keys that were named, or an impossible id
	ReasonHandle      = "handle"       // the user handle is missing or is not the owner's
	ReasonCounter     = "counter"      // the counter did not rise: there may be two of this key
	ReasonSignature   = "signature"    // does not fit key and data
	ReasonStatement   = "statement"    // the attestation statement does not hold
	ReasonNone        = "none"         // no attestation where one is demanded
	ReasonSelf        = "self"         // the key attests itself only
	ReasonUntrusted   = "untrusted"    // a form of attestation that proves no model
	ReasonDenied      = "denied"       // the model is on the list of refused ones
	ReasonUnlisted    = "unlisted"     // the model is not on the list of allowed ones
)

// refusal is why an answer does not count: a reason, and what the library said.
type refusal struct {
	reason string
	cause  error
}

// asUnknown says a refused sign-in. Which check failed is no business of who
// asks: the code is always the same.
func (r *refusal) asUnknown() error {
	return fault.New(fault.Unknown, "passkey-refused", "reason", r.reason).Because(r.cause)
}

// asUnmet says a refused registration.
func (r *refusal) asUnmet() error {
	return fault.New(fault.Unmet, "passkey-refused", "reason", r.reason).Because(r.cause)
}

func refuse(reason string) *refusal { return &refusal{reason: reason} }

func refuseFor(reason string, cause error) *refusal {
	return &refusal{reason: reason, cause: told(cause)}
}

// maxTold is how much of a library's message goes to the log: parts of it are
// the sender's.
const maxTold = 240

// told is what the library said, short and in one line.
func told(err error) error {
	text := err.Error()
	if p := detail(err); p != nil && p.DevInfo != "" {
		text += ": " + p.DevInfo
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "…"
	}
	return errors.New(text)
}

func detail(err error) *protocol.Error {
	var p *protocol.Error
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// reasonOf sorts what the library refuses after our own checks have passed.
func reasonOf(err error) *refusal {
	p := detail(err)
	if p == nil {
		return refuseFor(ReasonFormat, err)
	}
	switch p.Type {
	case protocol.ErrAssertionSignature.Type:
		return refuseFor(ReasonSignature, err)
	case protocol.ErrAttestation.Type, protocol.ErrInvalidAttestation.Type, protocol.ErrAttestationCertificate.Type,
		protocol.ErrUnsupportedAlgorithm.Type, protocol.ErrNotSpecImplemented.Type:
		return refuseFor(ReasonStatement, err)
	}
	return refuseFor(ReasonFormat, err)
}

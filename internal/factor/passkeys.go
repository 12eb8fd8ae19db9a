package factor

import (
	"encoding/json"
	"time"

	"github.com/sekisho/sekisho/internal/id"
)

// Passkeys is what the room needs of WebAuthn (Level 3): how a ceremony begins
// and how its answer is judged. The driver signin/passkey implements it; it
// keeps nothing, and neither reads the database nor decides who may sign in.
//
// state is what a ceremony must remember between its two halves (challenge,
// relying party, what was demanded, until when). It is no secret; the room
// keeps it as the payload of a single-use value, so that no answer counts
// twice (A049).
type Passkeys interface {
	// BeginRegistration returns the options for navigator.credentials.create:
	// discoverable, user verification required, the keys that the person has
	// already excluded. It asks for attestation only if the wish demands it.
	BeginRegistration(who PasskeyOwner, have []Passkey, wish PasskeyWish) (options json.RawMessage, state []byte, err error)
	// FinishRegistration judges the browser's answer and returns the new key
	// without ID, Person, Name and times. A refusal is a fault of kind Unmet
	// (passkey-refused, passkey-attestation, passkey-model-not-allowed).
	FinishRegistration(who PasskeyOwner, state []byte, answer json.RawMessage, wish PasskeyWish) (Passkey, error)
	// BeginSignIn returns the options for navigator.credentials.get. With no
	// keys named any discoverable key of ours may answer (conditional UI).
	BeginSignIn(among []Passkey) (options json.RawMessage, state []byte, err error)
	// FinishSignIn judges the answer. find looks a key up by its credential id
	// and the user handle that came with it (the owner's handle; empty when the
	// keys were named); its error is returned as it is. The key comes back with
	// Counter, BackedUp and LastCounter as they are to be stored. A refusal is a
	// fault of kind Unknown (passkey-refused).
	FinishSignIn(state []byte, answer json.RawMessage, find func(credential, handle []byte) (Passkey, error)) (Passkey, error)
}

// PasskeyOwner is the person as an authenticator shows it. Handle is the user
// handle (at most 64 bytes): the person's id, which says nothing about who it
// is (WebAuthn §14.6.1).
type PasskeyOwner struct {
	Handle      []byte
	Login       string
	DisplayName string
}

// PasskeyWish is what the policy demands of a new key.
type PasskeyWish struct {
	// Attestation: a key that does not attest its model is refused (A050).
	Attestation bool
	// Allow and Deny list models by AAGUID, in the form
	// 00000000-0000-0000-0000-000000000000. A denied model is refused; with
	// Allow not empty every other is. They need Attestation to mean anything.
	Allow, Deny []string
}

// Passkey is a credential of a person.
type Passkey struct {
	ID         string // row; not the credential's own id
	Person     id.Person
	Credential []byte // the credential's own id, unguessable
	PublicKey  []byte // COSE
	Algorithm  int64  // COSE
	AAGUID     string // model, "" if the authenticator did not say
	Transports []string
	Attested   bool   // the model was proven by an attestation
	Format     string // of the attestation, "none" if there was none
	Counter    uint32 // of signatures; 0 for keys that do not count
	Eligible   bool   // may be synced between devices (BE); never changes
	BackedUp   bool   // is synced (BS)
	Verified   bool   // the user was verified in this ceremony (UV)
	Name       string // as the person calls it
	Created    time.Time
	LastUsed   time.Time
}

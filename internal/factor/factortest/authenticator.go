package factortest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// What a browser says instead of an answer.
var (
	ErrExcluded = errors.New("signintest: the authenticator already holds one of the excluded keys")
	ErrNoKey    = errors.New("signintest: no key here for that")
)

// The flags of authenticator data (WebAuthn §6.1).
const (
	FlagPresent  = 0x01
	FlagVerified = 0x04
	FlagEligible = 0x08
	FlagBackedUp = 0x10
	FlagAttested = 0x40
	FlagExtended = 0x80
)

// Statement is how an authenticator attests a new key when it is asked to.
type Statement string

// The statements.
const (
	StatementNone Statement = "none"
	StatementSelf Statement = "self" // packed, signed by the key itself
	StatementX5C  Statement = "x5c"  // packed, with a maker's certificate
	StatementU2F  Statement = "fido-u2f"
	// StatementTwice is compound, with two statements as X5C makes them.
	StatementTwice Statement = "compound"
)

// Authenticator is a browser at an origin with a security key in it.
type Authenticator struct {
	Origin    string // where the page stands
	AAGUID    [16]byte
	Algorithm int64 // of new keys
	Statement Statement
	Counts    bool // signatures; keys that are synced do not
	Synced    bool // new keys are eligible for backup, and backed up
	Keys      []*Key
	maker     *maker
}

// New returns an authenticator at a page of origin; its keys are ES256, count
// and stay on it.
func New(origin string) *Authenticator {
	return &Authenticator{
		Origin: origin, Algorithm: ES256, Statement: StatementX5C, Counts: true,
		AAGUID: [16]byte{0x53, 0x65, 0x6b, 0x69, 0x73, 0x68, 0x6f, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	}
}

// Model is the AAGUID as policies list it.
func (a *Authenticator) Model() string {
	h := fmt.Sprintf("%x", a.AAGUID)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Step is one ceremony on its way, open to lies. The texts are what goes into
// client data and authenticator data; the functions see what was made of them
// and return what is sent instead. What they change in time is signed, the
// signature and the answer come last.
type Step struct {
	Type, Challenge, Origin string
	More                    map[string]any // further members of the client data
	Client                  func([]byte) []byte

	RPID      string
	Flags     byte
	Counter   uint32
	COSE      []byte // of a new key
	ID        []byte // the credential's
	Extension []byte // CBOR, sets no flag by itself
	Data      func([]byte) []byte

	Statement   Statement
	Certificate Certificate
	Object      func([]byte) []byte // the attestation object

	Key       *Key
	Handle    []byte // of a sign-in
	Signature func([]byte) []byte
	Answer    func(answer, response map[string]any)
}

type options struct {
	Challenge string `json:"challenge"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	RPID string `json:"rpId"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Parameters []struct {
		Alg int64 `json:"alg"`
	} `json:"pubKeyCredParams"`
	Exclude     []descriptor `json:"excludeCredentials"`
	Allow       []descriptor `json:"allowCredentials"`
	Attestation string       `json:"attestation"`
}

type descriptor struct {
	ID string `json:"id"`
}

// Create answers the options of a registration: what
// PublicKeyCredential.toJSON gives the page. Lies change the step.
func (a *Authenticator) Create(raw json.RawMessage, lies ...func(*Step)) (json.RawMessage, error) {
	var o options
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	if a.held(o.Exclude, o.RP.ID) != nil {
		return nil, ErrExcluded
	}
	if !slices.ContainsFunc(o.Parameters, func(p struct {
		Alg int64 `json:"alg"`
	},
	) bool {
		return p.Alg == a.Algorithm
	}) {
		return nil, ErrNoKey
	}
	private, err := NewPrivate(a.Algorithm)
	if err != nil {
		return nil, err
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		return nil, err
	}
	key := &Key{ID: make([]byte, 32), RPID: o.RP.ID, Handle: handle, Private: private}
	_, _ = rand.Read(key.ID)
	s := a.step("webauthn.create", o.Challenge, key)
	s.Flags |= FlagAttested
	if a.Synced {
		s.Flags |= FlagEligible | FlagBackedUp
	}
	s.COSE = CBOR(COSE(private.Public()))
	if s.Statement = a.Statement; o.Attestation != "direct" {
		s.Statement = StatementNone
	}
	s.Certificate = makersCertificate(a.AAGUID)
	for _, lie := range lies {
		lie(s)
	}
	a.Keys = append(a.Keys, key)
	return a.created(s)
}

// Get answers the options of a sign-in, with the last key that fits.
func (a *Authenticator) Get(raw json.RawMessage, lies ...func(*Step)) (json.RawMessage, error) {
	var o options
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	key := a.held(o.Allow, o.RPID)
	if len(o.Allow) == 0 {
		key = a.last(o.RPID)
	}
	if key == nil {
		return nil, ErrNoKey
	}
	if a.Counts {
		key.Counter++
	}
	s := a.step("webauthn.get", o.Challenge, key)
	s.Handle = key.Handle
	if a.Synced {
		s.Flags |= FlagEligible | FlagBackedUp
	}
	for _, lie := range lies {
		lie(s)
	}
	return a.got(s)
}

func (a *Authenticator) held(list []descriptor, rpID string) *Key {
	for _, key := range a.Keys {
		for _, d := range list {
			if d.ID == encode(key.ID) && key.RPID == rpID {
				return key
			}
		}
	}
	return nil
}

func (a *Authenticator) last(rpID string) *Key {
	for _, key := range slices.Backward(a.Keys) {
		if key.RPID == rpID {
			return key
		}
	}
	return nil
}

func (a *Authenticator) step(kind, challenge string, key *Key) *Step {
	rpID := key.RPID
	if rpID == "" {
		if u, err := url.Parse(a.Origin); err == nil {
			rpID = u.Hostname()
		}
	}
	return &Step{
		Type: kind, Challenge: challenge, Origin: a.Origin, More: map[string]any{"crossOrigin": false}, RPID: rpID,
		Flags: FlagPresent | FlagVerified, Counter: key.Counter, ID: key.ID, Key: key,
	}
}

// client writes the client data as browsers do: the known members first.
func (s *Step) client() []byte {
	text := fmt.Appendf(nil, `{"type":%q,"challenge":%q,"origin":%q`, s.Type, s.Challenge, s.Origin)
	for name, value := range s.More {
		member, err := json.Marshal(value)
		if err != nil {
			panic(err) // a test's own value
		}
		text = fmt.Appendf(text, `,%q:%s`, name, member)
	}
	return through(s.Client, append(text, '}'))
}

// data writes authenticator data (§6.1).
func (s *Step) data(aaguid [16]byte) []byte {
	party := sha256.Sum256([]byte(s.RPID))
	b := append(party[:], s.Flags)
	b = binary.BigEndian.AppendUint32(b, s.Counter)
	if s.Flags&FlagAttested != 0 {
		b = append(b, aaguid[:]...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(s.ID))) //nolint:gosec // a test's own id
		b = append(append(b, s.ID...), s.COSE...)
	}
	return through(s.Data, append(b, s.Extension...))
}

func through(change func([]byte) []byte, b []byte) []byte {
	if change == nil {
		return b
	}
	return change(b)
}

func (a *Authenticator) got(s *Step) (json.RawMessage, error) {
	client, data := s.client(), s.data(a.AAGUID)
	signature, err := sign(s.Key.Private, signed(data, client))
	if err != nil {
		return nil, err
	}
	response := map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(through(s.Signature, signature)),
	}
	if s.Handle != nil {
		response["userHandle"] = encode(s.Handle)
	}
	return s.answer(response)
}

func (s *Step) answer(response map[string]any) (json.RawMessage, error) {
	answer := map[string]any{
		"id": encode(s.ID), "rawId": encode(s.ID), "type": "public-key", "authenticatorAttachment": "cross-platform",
		"clientExtensionResults": map[string]any{}, "response": response,
	}
	if s.Answer != nil {
		s.Answer(answer, response)
	}
	return json.Marshal(answer)
}

// signed is what an authenticator signs: its data and the hash of the client's.
func signed(data, client []byte) []byte {
	hash := sha256.Sum256(client)
	return append(slices.Clone(data), hash[:]...)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

package passkey

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
)

// Words are the driver's sentences.
//
//go:embed words
var Words embed.FS

// Config is what a relying party is made of.
type Config struct {
	BaseURL string // of the house: relying party id and the one origin come from it
	Name    string // of the house, as an authenticator shows it
	Clock   clock.Clock
}

// Driver implements factor.Passkeys.
type Driver struct {
	clock  clock.Clock
	party  string // relying party id: the host of the base URL
	origin string
	lib    *webauthn.WebAuthn
}

var _ factor.Passkeys = (*Driver)(nil)

// offered are the algorithms that new keys may have, best first: ES256, EdDSA,
// RS256 (WebAuthn §5.8.5).
var offered = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// New returns the driver for the house's base URL. Under an address that no
// passkey can be bound to (an IP literal, plain http, no proper name) there are
// none: that is a fault of kind Unmet, passkeys-off, with the host; the house
// runs without them.
//
// A passkey belongs to the host name for ever: under another name it is gone.
func New(c Config) (*Driver, error) {
	party, origin, err := partyOf(c.BaseURL)
	if err != nil {
		return nil, err
	}
	lib, err := webauthn.New(&webauthn.Config{
		RPID: party, RPOrigins: []string{origin}, RPDisplayName: c.Name,
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Timeout: lifetime}, Registration: webauthn.TimeoutConfig{Timeout: lifetime},
		},
		// Clients and password managers answer extensions that nobody asked for;
		// none of those outputs is read here (§9.2 wants them tolerated).
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	return &Driver{clock: c.Clock, party: party, origin: origin, lib: lib}, nil
}

// partyOf returns the relying party id and the origin of a base URL (§5.1.3).
func partyOf(base string) (party, origin string, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", "", fault.New(fault.Unmet, "passkeys-off", "host", "?").Because(err)
	}
	party = strings.ToLower(u.Hostname())
	off := fault.New(fault.Unmet, "passkeys-off", "host", party)
	local := party == "localhost" || strings.HasSuffix(party, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", "", off
	}
	if err := protocol.ValidateRPID(party); err != nil { // addresses too
		return "", "", off.Because(err)
	}
	return party, u.Scheme + "://" + authority(party, u.Scheme, u.Port()), nil
}

// authority leaves out the scheme's own port, as browsers do.
func authority(host, scheme, port string) string {
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// BeginRegistration implements factor.Passkeys. The options are the JSON form
// that PublicKeyCredential.parseCreationOptionsFromJSON takes (§5.1.8).
func (d *Driver) BeginRegistration(who factor.PasskeyOwner, have []factor.Passkey, wish factor.PasskeyWish) (json.RawMessage, []byte, error) {
	c := d.begin(creating)
	c.attest, c.owner = wish.Attestation, who.Handle
	conveyance := protocol.PreferNoAttestation
	if wish.Attestation {
		conveyance = protocol.PreferDirectAttestation
	}
	creation, _, err := d.lib.BeginRegistration(owner{handle: who.Handle, login: who.Login, display: who.DisplayName},
		webauthn.WithCredentialParameters(offered),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			RequireResidentKey: protocol.ResidentKeyRequired(), ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		}),
		webauthn.WithConveyancePreference(conveyance),
		webauthn.WithExclusions(descriptors(have)),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge, o.Extensions.CredProps = c.challenge, true
			return nil
		})
	if err != nil {
		return nil, nil, fmt.Errorf("passkey: %w", err)
	}
	options, err := json.Marshal(creation.Response)
	return options, c.encode(), err
}

// FinishRegistration implements factor.Passkeys. That nobody else has the same
// credential is for the room's table to hold: its column is unique (§7.1, 26).
//
// Attested means: the statement is of a form whose certificate speaks for a
// make of authenticator (packed with a certificate, tpm, android-key, apple,
// fido-u2f), its signature covers this key and this ceremony, the certificate
// has the shape that §8 demands, and the model it names, if it names one, is
// the AAGUID. Only android-key and apple are chained to roots, those that the
// library was built with. The chains of packed, tpm and fido-u2f are NOT
// anchored: no list of makers' roots (FIDO metadata) is kept here, so whoever
// writes software that makes up a maker's certificate is taken for that maker.
// Lists of models keep honest people to the models on them; they are no proof
// against somebody who wants in with a key of their own making.
//
// Certificates are held against the machine's clock, which the library reads.
func (d *Driver) FinishRegistration(who factor.PasskeyOwner, state []byte, answer json.RawMessage, wish factor.PasskeyWish) (factor.Passkey, error) {
	c, no := d.recall(state, creating)
	if no != nil {
		return factor.Passkey{}, no.asUnmet()
	}
	if !bytes.Equal(c.owner, who.Handle) {
		return factor.Passkey{}, refuse(ReasonOwner).asUnmet()
	}
	parsed, no := d.readCreation(c, answer)
	if no != nil {
		return factor.Passkey{}, no.asUnmet()
	}
	session := c.session()
	session.UserID = who.Handle
	made, err := d.lib.CreateCredential(owner{handle: who.Handle}, session, parsed)
	if err != nil {
		return factor.Passkey{}, refusedKey(reasonOf(err), c.attest || wish.Attestation)
	}
	key, no := fromLibrary(made)
	if no != nil {
		return factor.Passkey{}, no.asUnmet()
	}
	if err := judgeModel(made, key, c.attest || wish.Attestation, wish); err != nil {
		return factor.Passkey{}, err
	}
	return key, nil
}

// BeginSignIn implements factor.Passkeys. The options are the JSON form that
// PublicKeyCredential.parseRequestOptionsFromJSON takes (§5.1.9). Keys that are
// named must be one person's. With none, whoever owns a key of ours may answer:
// a step-up must compare the key's person with the session's.
func (d *Driver) BeginSignIn(among []factor.Passkey) (json.RawMessage, []byte, error) {
	c := d.begin(asserting)
	for _, key := range among {
		if len(key.Credential) == 0 || len(key.Credential) > maxCredential || key.Person != among[0].Person || len(among) > 1000 {
			return nil, nil, fmt.Errorf("passkey: %d keys named for a sign-in, of more than one person or without ids", len(among))
		}
		c.allowed, c.owner = append(c.allowed, key.Credential), []byte(key.Person)
	}
	assertion, _, err := d.lib.BeginDiscoverableLogin(
		webauthn.WithChallenge(c.challenge),
		webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithAllowedCredentials(descriptors(among)))
	if err != nil {
		return nil, nil, fmt.Errorf("passkey: %w", err)
	}
	options, err := json.Marshal(assertion.Response)
	return options, c.encode(), err
}

// FinishSignIn implements factor.Passkeys. A counter that does not rise is
// refused (§6.1.1 leaves it to the relying party): two copies of a key that is
// said to exist once are an incident, not a sign-in. Keys that never count stay
// at 0 and pass.
func (d *Driver) FinishSignIn(state []byte, answer json.RawMessage, find func(credential, handle []byte) (factor.Passkey, error)) (factor.Passkey, error) {
	c, no := d.recall(state, asserting)
	if no != nil {
		return factor.Passkey{}, no.asUnknown()
	}
	parsed, no := d.readAssertion(c, answer)
	if no != nil {
		return factor.Passkey{}, no.asUnknown()
	}
	handle := []byte(parsed.Response.UserHandle)
	sought := handle
	if len(c.allowed) > 0 {
		sought = nil
	}
	key, err := find(bytes.Clone(parsed.RawID), bytes.Clone(sought))
	if err != nil {
		return factor.Passkey{}, err
	}
	if no := judgeOwner(c, key, parsed.RawID, handle); no != nil {
		return factor.Passkey{}, no.asUnknown()
	}
	if no := d.judgeAssertion(c, &key, parsed); no != nil {
		return factor.Passkey{}, no.asUnknown()
	}
	return key, nil
}

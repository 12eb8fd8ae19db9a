package passkey

import (
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
)

type webauthnKey = webauthn.Credential

// owner is a person as the library asks for one.
type owner struct {
	handle         []byte
	login, display string
	keys           []webauthnKey
}

func (o owner) WebAuthnID() []byte                 { return o.handle }
func (o owner) WebAuthnName() string               { return o.login }
func (o owner) WebAuthnDisplayName() string        { return o.display }
func (o owner) WebAuthnCredentials() []webauthnKey { return o.keys }

// fromLibrary takes a new key over into our columns.
func fromLibrary(made *webauthnKey) (factor.Passkey, *refusal) {
	algorithm, no := algorithmOf(made.PublicKey)
	if no != nil {
		return factor.Passkey{}, no
	}
	return factor.Passkey{
		Credential: made.ID, PublicKey: made.PublicKey, Algorithm: algorithm,
		AAGUID: modelName(made.Authenticator.AAGUID), Transports: transports(made.Transport),
		Attested: attested(made), Format: made.AttestationFormat, Counter: made.Authenticator.SignCount,
		Eligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState, Verified: made.Flags.UserVerified,
	}, nil
}

// toLibrary is the way back.
func toLibrary(key factor.Passkey) webauthnKey {
	flags := protocol.FlagUserPresent
	for _, f := range []struct {
		set  bool
		flag protocol.AuthenticatorFlags
	}{{key.Verified, protocol.FlagUserVerified}, {key.Eligible, protocol.FlagBackupEligible}, {key.BackedUp, protocol.FlagBackupState}} {
		if f.set {
			flags |= f.flag
		}
	}
	return webauthnKey{
		ID: key.Credential, PublicKey: key.PublicKey, AttestationFormat: key.Format, Flags: webauthn.NewCredentialFlags(flags),
		Authenticator: webauthn.Authenticator{SignCount: key.Counter},
	}
}

func descriptors(keys []factor.Passkey) []protocol.CredentialDescriptor {
	var list []protocol.CredentialDescriptor
	for _, key := range keys {
		d := protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: key.Credential}
		for _, t := range key.Transports {
			d.Transport = append(d.Transport, protocol.AuthenticatorTransport(t))
		}
		list = append(list, d)
	}
	return list
}

// known transports (§5.8.4). They come from the page, unsigned, and are kept as
// hints: a name that is not one of these is dropped.
var known = []protocol.AuthenticatorTransport{
	protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal,
}

func transports(said []protocol.AuthenticatorTransport) []string {
	var out []string
	for _, t := range known {
		if slices.Contains(said, t) {
			out = append(out, string(t))
		}
	}
	return out
}

// judgeKey holds that a COSE key is one of an offered algorithm, on its curve,
// and long enough. The library looks at a new key only where a statement makes
// it verify a signature with it.
func judgeKey(cose []byte) *refusal {
	_, no := algorithmOf(cose)
	return no
}

// Bounds of an RSA key: below the first it can be factored, above the second a
// signature takes long to verify, and the exponent is the one that keys have.
const minModulus, maxModulus, exponent = 2048, 4096, 65537

func algorithmOf(cose []byte) (int64, *refusal) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return 0, refuseFor(ReasonKey, err)
	}
	switch key := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		if key.Algorithm == int64(webauthncose.AlgES256) {
			return key.Algorithm, nil
		}
	case webauthncose.OKPPublicKeyData:
		if key.Algorithm == int64(webauthncose.AlgEdDSA) {
			return key.Algorithm, nil
		}
	case webauthncose.RSAPublicKeyData:
		e, err := webauthncose.ParseRSAPublicKeyDataExponent(&key)
		n := new(big.Int).SetBytes(key.Modulus).BitLen()
		if err == nil && key.Algorithm == int64(webauthncose.AlgRS256) && e == exponent && n >= minModulus && n <= maxModulus {
			return key.Algorithm, nil
		}
	}
	return 0, refuse(ReasonKey)
}

// modelName writes an AAGUID as people list it; "" for the zero one, which
// names no model.
func modelName(aaguid []byte) string {
	if len(aaguid) != 16 || !slices.ContainsFunc(aaguid, func(b byte) bool { return b != 0 }) {
		return ""
	}
	h := hex.EncodeToString(aaguid)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// vouching are the formats with a certificate that speaks for a make of
// authenticator. A statement by SafetyNet says something about a telephone, a
// compound one needs a judgement of its own.
var vouching = []protocol.AttestationFormat{
	protocol.AttestationFormatPacked, protocol.AttestationFormatTPM, protocol.AttestationFormatAndroidKey,
	protocol.AttestationFormatApple, protocol.AttestationFormatFIDOUniversalSecondFactor,
}

// attested says whether a verified statement proves a model; what that is worth
// stands at FinishRegistration.
func attested(made *webauthnKey) bool {
	switch metadata.AuthenticatorAttestationType(made.AttestationType) {
	case metadata.BasicFull, metadata.AttCA, metadata.AnonCA:
		return slices.Contains(vouching, protocol.AttestationFormat(made.AttestationFormat))
	}
	return false
}

// judgeModel holds a new key against what the policy demands (A050). A model
// that is not named is on no list of allowed ones.
func judgeModel(made *webauthnKey, key factor.Passkey, demanded bool, wish factor.PasskeyWish) error {
	if demanded && !key.Attested {
		return refusedKey(refuse(unattested(made)), true)
	}
	listed := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), model(key)) })
	}
	reason := ""
	switch {
	case listed(wish.Deny):
		reason = ReasonDenied
	case len(wish.Allow) > 0 && (key.AAGUID == "" || !listed(wish.Allow)):
		reason = ReasonUnlisted
	default:
		return nil
	}
	return fault.New(fault.Unmet, "passkey-model-not-allowed", "reason", reason, "model", model(key))
}

// model is never empty: it stands in a sentence and in lists of refused ones.
func model(key factor.Passkey) string {
	if key.AAGUID == "" {
		return "00000000-0000-0000-0000-000000000000"
	}
	return key.AAGUID
}

func unattested(made *webauthnKey) string {
	switch {
	case made.AttestationFormat == string(protocol.AttestationFormatNone):
		return ReasonNone
	case made.AttestationType == string(metadata.BasicSurrogate):
		return ReasonSelf
	}
	return ReasonUntrusted
}

// refusedKey says a refused registration; where attestation is demanded, a
// statement that does not hold is told as such.
func refusedKey(r *refusal, demanded bool) error {
	about := slices.Contains([]string{ReasonStatement, ReasonNone, ReasonSelf, ReasonUntrusted}, r.reason)
	if demanded && about {
		return fault.New(fault.Unmet, "passkey-attestation", "reason", r.reason).Because(r.cause)
	}
	return r.asUnmet()
}

package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/web"
)

// maxAnswer is far above the largest honest answer: a TPM's statement with its
// certificates has about 6 KiB.
const maxAnswer = 64 << 10

// strict refuses what two readers of JSON could take for two things: members
// twice, text after the end, broken UTF-8, endless nesting (A031). Members that
// are new to us pass: clients add some (§5.8.1).
func strict(text []byte) (map[string]json.RawMessage, *refusal) {
	var members map[string]json.RawMessage
	if err := web.Decode(text, &members); err != nil {
		return nil, refuseFor(ReasonFormat, err)
	}
	return members, nil
}

func (d *Driver) readCreation(c *ceremony, answer json.RawMessage) (*protocol.ParsedCredentialCreationData, *refusal) {
	if no := whole(answer); no != nil {
		return nil, no
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return nil, refuseFor(ReasonFormat, err)
	}
	if no := d.judgeClient(c, parsed.Raw.AttestationResponse.ClientDataJSON, protocol.CreateCeremony); no != nil {
		return nil, no
	}
	object := parsed.Response.AttestationObject
	if no := d.judgeFlags(&object.AuthData); no != nil {
		return nil, no
	}
	if rk := parsed.ClientExtensionResults.CredProps; rk != nil && rk.RK != nil && !*rk.RK {
		return nil, refuse(ReasonNotResident)
	}
	return parsed, judgeKey(object.AuthData.AttData.CredentialPublicKey)
}

func (d *Driver) readAssertion(c *ceremony, answer json.RawMessage) (*protocol.ParsedCredentialAssertionData, *refusal) {
	if no := whole(answer); no != nil {
		return nil, no
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, refuseFor(ReasonFormat, err)
	}
	if no := d.judgeClient(c, parsed.Raw.AssertionResponse.ClientDataJSON, protocol.AssertCeremony); no != nil {
		return nil, no
	}
	if no := d.judgeFlags(&parsed.Response.AuthenticatorData); no != nil {
		return nil, no
	}
	if len(parsed.RawID) > maxCredential || !c.names(parsed.RawID) {
		return nil, refuse(ReasonCredential)
	}
	if len(c.allowed) == 0 && len(parsed.Response.UserHandle) == 0 {
		return nil, refuse(ReasonHandle)
	}
	return parsed, nil
}

func whole(answer json.RawMessage) *refusal {
	if len(answer) > maxAnswer {
		return refuse(ReasonSize)
	}
	_, no := strict(answer)
	return no
}

// judgeClient reads what the browser signed (§5.8.1). The library compares
// origins leniently (case, user names, paths); a browser writes ours in exactly
// one way.
func (d *Driver) judgeClient(c *ceremony, text []byte, kind protocol.CeremonyType) *refusal {
	members, no := strict(text)
	if no != nil {
		return no
	}
	for _, want := range []struct{ member, value, reason string }{
		{"type", string(kind), ReasonType},
		{"challenge", protocol.URLEncodedBase64(c.challenge).String(), ReasonChallenge},
		{"origin", d.origin, ReasonOrigin},
	} {
		var got string
		if err := json.Unmarshal(members[want.member], &got); err != nil || got != want.value {
			return refuse(want.reason)
		}
	}
	if framed, said := members["crossOrigin"]; said && string(framed) != "false" {
		return refuse(ReasonCrossOrigin)
	}
	if _, said := members["topOrigin"]; said {
		return refuse(ReasonCrossOrigin)
	}
	return nil
}

// judgeFlags reads what the authenticator signed (§6.1).
func (d *Driver) judgeFlags(data *protocol.AuthenticatorData) *refusal {
	party := sha256.Sum256([]byte(d.party))
	switch {
	case !bytes.Equal(data.RPIDHash, party[:]):
		return refuse(ReasonParty)
	case !data.Flags.HasUserPresent():
		return refuse(ReasonPresence)
	case !data.Flags.HasUserVerified():
		return refuse(ReasonUnverified)
	case data.Flags.HasBackupState() && !data.Flags.HasBackupEligible():
		return refuse(ReasonBackup)
	}
	return nil
}

// judgeOwner holds that the key that was found is the one that answers, and
// that it is the person's for whom the ceremony was begun.
func judgeOwner(c *ceremony, key factor.Passkey, credential, handle []byte) *refusal {
	switch {
	case !bytes.Equal(key.Credential, credential):
		return refuse(ReasonCredential)
	case len(handle) > 0 && !bytes.Equal(handle, []byte(key.Person)):
		return refuse(ReasonHandle)
	case len(c.owner) > 0 && !bytes.Equal(c.owner, []byte(key.Person)):
		return refuse(ReasonOwner)
	}
	return nil
}

// judgeAssertion verifies the signature and takes over what has changed.
func (d *Driver) judgeAssertion(c *ceremony, key *factor.Passkey, parsed *protocol.ParsedCredentialAssertionData) *refusal {
	if no := judgeKey(key.PublicKey); no != nil {
		return no
	}
	if parsed.Response.AuthenticatorData.Flags.HasBackupEligible() != key.Eligible {
		return refuse(ReasonBackup)
	}
	session := c.session()
	session.UserID, session.AllowedCredentialIDs = []byte(key.Person), [][]byte{key.Credential}
	seen, err := d.lib.ValidateLogin(owner{handle: session.UserID, keys: []webauthnKey{toLibrary(*key)}}, session, parsed)
	if err != nil {
		return reasonOf(err)
	}
	if seen.Authenticator.CloneWarning {
		return refuse(ReasonCounter)
	}
	key.Counter, key.BackedUp, key.Verified = seen.Authenticator.SignCount, seen.Flags.BackupState, true
	return nil
}

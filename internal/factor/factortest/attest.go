package factortest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"slices"
	"time"
)

// Certificate is what a maker's attestation certificate says (WebAuthn §8.2.1).
type Certificate struct {
	Country, Unit string
	Authority     bool   // a CA certificate: not allowed
	Model         []byte // in the extension; nil: none
	Critical      bool   // the extension: not allowed
	From, Until   time.Time
}

func makersCertificate(aaguid [16]byte) Certificate {
	return Certificate{
		Country: "JP", Unit: "Authenticator Attestation", Model: aaguid[:],
		From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// maker signs for all authenticators of a model.
type maker struct{ private crypto.Signer }

// modelOID is id-fido-gen-ce-aaguid.
var modelOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

func (a *Authenticator) made() (*maker, error) {
	if a.maker == nil {
		private, err := NewPrivate(ES256)
		if err != nil {
			return nil, err
		}
		a.maker = &maker{private: private}
	}
	return a.maker, nil
}

// certificate is issued by itself: nobody looks at the chain.
func (m *maker) certificate(c Certificate) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: c.From, NotAfter: c.Until, IsCA: c.Authority, BasicConstraintsValid: true,
		Subject: pkix.Name{
			Country: []string{c.Country}, Organization: []string{"Works of Sekisho"},
			OrganizationalUnit: []string{c.Unit}, CommonName: "Security Key",
		},
	}
	if c.Model != nil {
		value, err := asn1.Marshal(c.Model)
		if err != nil {
			return nil, err
		}
		template.ExtraExtensions = []pkix.Extension{{Id: modelOID, Critical: c.Critical, Value: value}}
	}
	return x509.CreateCertificate(rand.Reader, template, template, m.private.Public(), m.private)
}

func (a *Authenticator) created(s *Step) (json.RawMessage, error) {
	aaguid := a.AAGUID
	if s.Statement == StatementU2F {
		aaguid = [16]byte{}
	}
	client, data := s.client(), s.data(aaguid)
	format, statement, err := a.state(s, client, data)
	if err != nil {
		return nil, err
	}
	object := through(s.Object, CBOR(Map{{"fmt", format}, {"attStmt", statement}, {"authData", data}}))
	return s.answer(map[string]any{
		"clientDataJSON": encode(client), "attestationObject": encode(object),
		"authenticatorData": encode(data), "publicKeyAlgorithm": algorithmOf(s.Key.Private),
		"transports": []string{"usb", "hybrid"},
	})
}

// state makes the attestation statement.
func (a *Authenticator) state(s *Step, client, data []byte) (format string, statement any, err error) {
	if s.Statement == StatementNone {
		return "none", Map{}, nil
	}
	if s.Statement == StatementSelf {
		sig, err := sign(s.Key.Private, signed(data, client))
		return "packed", Map{{"alg", algorithmOf(s.Key.Private)}, {"sig", through(s.Signature, sig)}}, err
	}
	m, err := a.made()
	if err != nil {
		return "", nil, err
	}
	certificate, err := m.certificate(s.Certificate)
	if err != nil {
		return "", nil, err
	}
	x5c := Pair{"x5c", []any{certificate}}
	if s.Statement == StatementU2F {
		sig, err := sign(m.private, s.oldMessage(client))
		return "fido-u2f", Map{{"sig", through(s.Signature, sig)}, x5c}, err
	}
	sig, err := sign(m.private, signed(data, client))
	packed := Map{{"alg", ES256}, {"sig", through(s.Signature, sig)}, x5c}
	if s.Statement == StatementTwice {
		one := Map{{"fmt", "packed"}, {"attStmt", packed}}
		return "compound", []any{one, one}, err
	}
	return "packed", packed, err
}

// oldMessage is what a FIDO U2F key signs (§8.6); the key must be ES256.
func (s *Step) oldMessage(client []byte) []byte {
	party, hash := sha256.Sum256([]byte(s.RPID)), sha256.Sum256(client)
	cose := COSE(s.Key.Private.Public())
	x, _ := cose[3][1].([]byte)
	y, _ := cose[4][1].([]byte)
	return slices.Concat([]byte{0}, party[:], hash[:], s.ID, []byte{4}, x, y)
}

package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"io"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/secret"
)

type ageFile struct{ path string }

// AgeFile is the provider whose unseal key is an age identity (X25519) in a
// file of mode 0600. The recovery kit is such a file: it opens the ring too.
func AgeFile(path string) Provider { return ageFile{path} }

func (ageFile) Kind() string           { return KindAge }
func (ageFile) opens(kind string) bool { return kind == KindAge || kind == KindRecovery }
func (f ageFile) prepare() error       { _, err := f.identities(); return err }

func (f ageFile) wrap(root secret.Text) (wrapping, error) {
	all, err := f.identities()
	if err != nil {
		return wrapping{}, err
	}
	return wrapToIdentity(all[0], KindAge, root)
}

func (f ageFile) unwrap(w wrapping) (secret.Text, error) {
	all, err := f.identities()
	if err != nil {
		return secret.Text{}, err
	}
	for _, identity := range all {
		if identity.Recipient().String() == w.params.Recipient {
			return unwrapByIdentity(identity, w)
		}
	}
	return secret.Text{}, errKeyWrong(w.kind)
}

// identities reads the file's X25519 identities: at least one. age's own errors
// are dropped, they may quote the file.
func (f ageFile) identities() ([]*age.X25519Identity, error) {
	text, err := readPrivate(f.path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	all, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, errFileDamaged(f.path)
	}
	var ours []*age.X25519Identity
	for _, one := range all {
		if identity, ok := one.(*age.X25519Identity); ok {
			ours = append(ours, identity)
		}
	}
	if len(ours) == 0 {
		return nil, errFileDamaged(f.path)
	}
	return ours, nil
}

// wrapToIdentity encrypts the root key to the identity's recipient. age does
// not say who encrypted: without the MAC, whoever can write to the database
// could put a root key there that they know.
func wrapToIdentity(identity *age.X25519Identity, kind string, root secret.Text) (wrapping, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, identity.Recipient())
	if err != nil {
		return wrapping{}, err
	}
	if _, err := w.Write(root.RevealBytes()); err != nil {
		return wrapping{}, err
	}
	if err := w.Close(); err != nil {
		return wrapping{}, err
	}
	with := params{Recipient: identity.Recipient().String(), MAC: ageMAC(identity, kind, out.Bytes())}
	return wrapping{kind: kind, params: with, wrapped: out.Bytes()}, nil
}

func unwrapByIdentity(identity *age.X25519Identity, w wrapping) (secret.Text, error) {
	if !hmac.Equal(ageMAC(identity, w.kind, w.wrapped), w.params.MAC) {
		return secret.Text{}, errWrappingDamaged(w.kind)
	}
	plain, err := age.Decrypt(bytes.NewReader(w.wrapped), identity)
	if err != nil {
		return secret.Text{}, errWrappingDamaged(w.kind)
	}
	root, err := io.ReadAll(io.LimitReader(plain, keySize+1))
	if err != nil || len(root) != keySize {
		return secret.Text{}, errWrappingDamaged(w.kind)
	}
	return secret.OfBytes(root), nil
}

func ageMAC(identity *age.X25519Identity, kind string, wrapped []byte) []byte {
	mac := hmac.New(sha256.New, derive([]byte(identity.String()), "age wrapping "+kind, keySize))
	mac.Write(wrapped)
	return mac.Sum(nil)
}

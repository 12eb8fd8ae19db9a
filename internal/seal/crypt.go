package seal

import (
	"bytes"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Encrypt returns a writer that encrypts to age recipients ("age1…"), of which
// each can decrypt alone: "seal-recipient-malformed" names one that is none.
// Close ends the ciphertext and leaves w open.
func Encrypt(w io.Writer, recipients ...string) (io.WriteCloser, error) {
	var all []age.Recipient
	for _, text := range recipients {
		recipient, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "seal-recipient-malformed", "recipient", text)
		}
		all = append(all, recipient)
	}
	return age.Encrypt(w, all...)
}

// Decrypt reads what Encrypt wrote with the identities in a file of mode 0600,
// such as the recovery kit. If none of them fits it is "seal-key-wrong"; other
// errors say that the ciphertext is damaged.
func Decrypt(r io.Reader, identityFile string) (io.Reader, error) {
	ours, err := ageFile{identityFile}.identities()
	if err != nil {
		return nil, err
	}
	return decrypt(r, ours)
}

func decrypt(r io.Reader, identities []*age.X25519Identity) (io.Reader, error) {
	var all []age.Identity
	for _, one := range identities {
		all = append(all, one)
	}
	plain, err := age.Decrypt(r, all...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, errKeyWrong(KindAge)
	}
	return plain, err
}

// WrapFor encrypts the root key to age recipients that the house does not know
// otherwise, for a backup that they can restore. The ring must be open.
func (r *Ring) WrapFor(recipients ...string) ([]byte, error) {
	k := r.open.Load()
	if k == nil {
		return nil, errSealed()
	}
	var out bytes.Buffer
	w, err := Encrypt(&out, recipients...)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(k.root.RevealBytes())
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// Bearer opens a restored ring with an identity file: the recovery kit, as
// AgeFile does, or an identity to which the backup carries the root key (what
// WrapFor made). Age does not say who encrypted, so with the latter alone
// anybody could have made the whole house: Unproven says so, and who restores
// needs another proof.
type Bearer struct {
	file     ageFile
	carried  []byte
	unproven bool
}

// NewBearer makes the provider; carried may be nil.
func NewBearer(identityFile string, carried []byte) *Bearer {
	return &Bearer{file: ageFile{identityFile}, carried: carried}
}

// Unproven says that the ring was opened by what the backup carried.
func (b *Bearer) Unproven() bool { return b.unproven }

// Kind is KindAge.
func (*Bearer) Kind() string           { return KindAge }
func (*Bearer) opens(kind string) bool { return kind == KindRecovery }
func (b *Bearer) prepare() error       { return b.file.prepare() }

func (b *Bearer) wrap(root secret.Text) (wrapping, error) { return b.file.wrap(root) }

func (b *Bearer) unwrap(w wrapping) (secret.Text, error) {
	root, err := b.file.unwrap(w)
	if fault.Code(err) != "seal-key-wrong" || len(b.carried) == 0 {
		return root, err
	}
	identities, err := b.file.identities()
	if err != nil {
		return secret.Text{}, err
	}
	plain, err := decrypt(bytes.NewReader(b.carried), identities)
	if err != nil {
		return secret.Text{}, err
	}
	key, err := io.ReadAll(io.LimitReader(plain, keySize+1))
	if err != nil || len(key) != keySize {
		return secret.Text{}, errWrappingDamaged(w.kind)
	}
	b.unproven = true
	return secret.OfBytes(key), nil
}

// Ready says whether a provider has an unseal key that can be read, without
// making one.
func Ready(p Provider) error {
	_, err := p.wrap(newKey())
	return err
}

package seal

import (
	"errors"
	"io"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/fault"
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
	var all []age.Identity
	for _, one := range ours {
		all = append(all, one)
	}
	plain, err := age.Decrypt(r, all...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, errKeyWrong(KindAge)
	}
	return plain, err
}

// Ready says whether a provider has an unseal key that can be read, without
// making one.
func Ready(p Provider) error {
	_, err := p.wrap(newKey())
	return err
}

package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

// Kit is the recovery kit: the one identity that opens the ring and every
// backup when all unseal keys are lost. It exists once, when the ring is
// founded; the server keeps the recipient only.
type Kit struct {
	Recipient string // "age1…"
	FoundedAt time.Time
	// Behind one more pointer than secret.Text has: where a verb does not fit,
	// fmt prints what the first pointer points to, even in an unexported field.
	identity *secret.Text
}

func newKit(at time.Time) (*Kit, *age.X25519Identity, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, fmt.Errorf("seal: recovery identity: %w", err)
	}
	text := secret.Of(identity.String())
	kit := &Kit{Recipient: identity.Recipient().String(), FoundedAt: at, identity: &text}
	return kit, identity, nil
}

// Render writes the kit in English and Japanese. Every line but the identity
// is a comment, so that the text is an age identity file as it stands.
// auditKey is the public key of the witness in its own text form.
func (k *Kit) Render(w io.Writer, book *words.Book, auditKey string) error {
	var out bytes.Buffer
	args := map[string]any{"recipient": k.Recipient, "audit": auditKey, "date": k.FoundedAt.Format("2006-01-02 15:04 UTC")}
	for _, lang := range words.Langs {
		for line := range strings.Lines(strings.TrimSpace(book.Say(lang, "seal.kit", args))) {
			out.WriteString(strings.TrimRight("# "+strings.TrimRight(line, "\n"), " ") + "\n")
		}
		out.WriteString("#\n")
	}
	out.WriteString(k.identity.Reveal() + "\n")
	defer clear(out.Bytes())
	_, err := w.Write(out.Bytes())
	return err
}

// Save writes the kit into a new file of mode 0600 and never over another.
func (k *Kit) Save(path string, book *words.Book, auditKey string) error {
	var out bytes.Buffer
	if err := k.Render(&out, book, auditKey); err != nil {
		return err
	}
	defer clear(out.Bytes())
	err := writePrivate(path, out.Bytes())
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "seal-file-there", "path", path)
	}
	return err
}

// Wipe forgets the identity.
func (k *Kit) Wipe() { k.identity.Wipe() }

package audit

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Fork is OpenEpoch for a restored copy that nobody uses yet. Whoever was the
// sequencer of the original does not sit here, and records that still wait
// belong to the new epoch: the original may have given them another place. The
// epoch's number is the time (20261122090000) or more: a backup restored twice
// becomes two epochs, so that the checkpoints of the first are shown as a fork
// and not as a contradiction.
func (l *Log) Fork(ctx context.Context, by id.Principal, reason string) (int64, error) {
	err := l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		if _, err := tx.Exec("UPDATE audit_head SET owner = '', beat = beat + 1 WHERE one = 1"); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	if err != nil {
		return 0, err
	}
	least, err := strconv.ParseInt(l.clock.Now().UTC().Format("20060102150405"), 10, 64)
	if err != nil {
		return 0, err
	}
	return l.openEpoch(ctx, by, reason, least)
}

// Newest returns the newest checkpoint in v, with an empty Note if there is
// none, and the public key; store.ErrNoRow if that is not there.
func Newest(v *store.View) (c Checkpoint, key string, err error) {
	if c, err = newestCheckpoint(v); err != nil {
		return c, "", err
	}
	err = v.Row("SELECT public FROM audit_key WHERE one = 1").Scan(&key)
	return c, key, err
}

// Sign signs a statement of the house that is no checkpoint, as a signed note.
// text ends with a newline, and its first line says what it is.
func (l *Log) Sign(ctx context.Context, text string) (string, error) {
	if _, err := parseText(text); err == nil {
		return "", errors.New("audit: a checkpoint is signed by the sequencer only")
	}
	if l.options.Sealer == nil {
		return "", fault.New(fault.Unmet, "audit-key-missing")
	}
	key, err := l.key(ctx)
	if err != nil {
		return "", err
	}
	signed, err := note.Sign(&note.Note{Text: text}, key.signer)
	return string(signed), err
}

// Signed returns the text of a note that Sign made under the public key. A note
// that another key signed is refused (audit-note-foreign).
func Signed(signedNote, publicKey string) (string, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return "", fault.New(fault.Invalid, "audit-key-malformed").Because(err)
	}
	opened, err := note.Open([]byte(signedNote), note.VerifierList(verifier))
	if err != nil {
		return "", fault.New(fault.Unmet, "audit-note-foreign").Because(err)
	}
	return opened.Text, nil
}

// Holds says whether the sealed signing key of the log is the one that
// publicKey belongs to (else audit-note-foreign). It needs the keys of the
// house, so whoever forged the copy without them does not pass.
func (l *Log) Holds(ctx context.Context, publicKey string) error {
	signed, err := l.Sign(ctx, "sekisho key check\n")
	if err != nil {
		return err
	}
	_, err = Signed(signed, publicKey)
	return err
}

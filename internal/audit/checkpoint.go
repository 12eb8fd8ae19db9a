package audit

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Checkpoint is a signed statement of what the log held at a time.
type Checkpoint struct {
	Origin string
	Epoch  int64 // raised by every restore
	Size   int64 // records
	Root   tlog.Hash
	At     time.Time
	// Note is the whole signed note: origin, size and root in base64 (as
	// C2SP's tlog-checkpoint has them), "epoch N", "time T", a blank line and
	// the Ed25519 signature.
	Note string
}

func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\nepoch %d\ntime %s\n", c.Origin, c.Size, c.Root, c.Epoch, c.At.UTC().Format(atLayout))
}

// ParseCheckpoint opens a signed note with a public key (as PublicKey gives
// it). A note that another key signed is refused.
func ParseCheckpoint(signedNote, publicKey string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "audit-key-malformed").Because(err)
	}
	opened, err := note.Open([]byte(signedNote), note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fault.New(fault.Unmet, "audit-checkpoint-foreign").Because(err)
	}
	c, err := parseText(opened.Text)
	if err == nil {
		_, err = base64.StdEncoding.Strict().DecodeString(opened.Sigs[0].Base64)
	}
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "audit-checkpoint-malformed").Because(err)
	}
	c.Note = signedNote
	return c, nil
}

// parseText reads what text writes, and nothing else.
func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 {
		return c, errors.New("audit: a checkpoint has five lines")
	}
	c.Origin = lines[0]
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	epoch, err3 := strconv.ParseInt(strings.TrimPrefix(lines[3], "epoch "), 10, 64)
	at, err4 := time.Parse(atLayout, strings.TrimPrefix(lines[4], "time "))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return c, err
	}
	c.Size, c.Epoch, c.At = size, epoch, at
	copy(c.Root[:], root)
	if c.text() != text || size < 0 || epoch < 1 {
		return c, errors.New("audit: the checkpoint is not written as we write it")
	}
	return c, nil
}

// sign makes a checkpoint of t if there is something new and it is time or
// asked for; nil if not. A key that is sealed away delays it.
func (l *Log) sign(ctx context.Context, t *tree, asked bool) (*Checkpoint, error) {
	s := &l.seat
	if l.options.Sealer == nil || t.size <= s.signed.size {
		return nil, nil
	}
	now := l.clock.Now()
	age := now.Sub(s.signed.at)
	if !asked && t.size-s.signed.size < l.options.CheckpointRecords && age < l.options.CheckpointEvery && age >= 0 {
		return nil, nil
	}
	key, err := l.key(ctx)
	if err != nil {
		if asked {
			return nil, err
		}
		l.log.Debug("no checkpoint: the signing key is not there", "err", err)
		return nil, nil
	}
	root, err := t.root()
	if err != nil {
		return nil, err
	}
	cp := &Checkpoint{Origin: l.options.Origin, Epoch: s.epoch, Size: t.size, Root: root, At: now}
	signedNote, err := note.Sign(&note.Note{Text: cp.text()}, key.signer)
	cp.Note = string(signedNote)
	return cp, err
}

func insertCheckpoint(tx *store.Tx, cp *Checkpoint) error {
	_, err := tx.Exec("INSERT INTO audit_checkpoint (epoch, size, at, note) VALUES ($1, $2, $3, $4)",
		cp.Epoch, cp.Size, store.Micros(cp.At), cp.Note)
	return err
}

// Checkpoint integrates what is committed, signs the tree if it has grown since
// it was signed last, and returns the newest checkpoint. If another node is the
// sequencer it is that node's newest.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	if err := l.Integrate(ctx); err != nil {
		return Checkpoint{}, err
	}
	if _, err := l.step(ctx, false, true); err != nil && !errors.Is(err, errUnseated) {
		return Checkpoint{}, err
	}
	var newest Checkpoint
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		newest, err = newestCheckpoint(v)
		return err
	})
	return newest, err
}

// newestCheckpoint is the zero Checkpoint if there is none.
func newestCheckpoint(v *store.View) (Checkpoint, error) {
	return oneCheckpoint(v, "SELECT note FROM audit_checkpoint ORDER BY epoch DESC, size DESC LIMIT 1")
}

// oneCheckpoint reads our own note without checking its signature.
func oneCheckpoint(v *store.View, query string, args ...any) (Checkpoint, error) {
	var text string
	err := v.Row(query, args...).Scan(&text)
	if errors.Is(err, store.ErrNoRow) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return unchecked(text)
}

func unchecked(signedNote string) (Checkpoint, error) {
	body, _, _ := strings.Cut(signedNote, "\n\n")
	c, err := parseText(body + "\n")
	c.Note = signedNote
	return c, err
}

var keyPlace = Place{Table: "audit_key", Column: "sealed", Row: "1"}

// key returns the signing key, made and sealed at the first call of all.
func (l *Log) key(ctx context.Context) (*keyPair, error) {
	if key := l.signer.Load(); key != nil {
		return key, nil
	}
	l.keyMu.Lock()
	defer l.keyMu.Unlock()
	public, sealed, err := l.storedKey(ctx)
	if errors.Is(err, store.ErrNoRow) {
		if err = l.makeKey(ctx); err == nil {
			public, sealed, err = l.storedKey(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	plain, err := l.options.Sealer.Open(ctx, keyPlace, sealed)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(string(plain))
	clear(plain)
	if err != nil {
		return nil, fmt.Errorf("audit: the signing key: %w", err)
	}
	key := &keyPair{signer: signer, public: public}
	l.signer.Store(key)
	return key, nil
}

func (l *Log) storedKey(ctx context.Context) (public string, sealed []byte, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT public, sealed FROM audit_key WHERE one = 1").Scan(&public, &sealed)
	})
	return public, sealed, err
}

// makeKey makes the key, unless another node was faster.
func (l *Log) makeKey(ctx context.Context) error {
	private, public, err := note.GenerateKey(rand.Reader, l.options.Origin)
	if err != nil {
		return err
	}
	sealed, err := l.options.Sealer.Seal(ctx, keyPlace, []byte(private))
	if err != nil {
		return err
	}
	return l.store.House().Write(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("INSERT INTO audit_key (one, public, sealed, at) VALUES (1, $1, $2, $3) ON CONFLICT (one) DO NOTHING",
			public, sealed, store.Micros(tx.Now()))
		if err != nil {
			return store.Abort(err)
		}
		if n == 0 {
			return store.Quietly(store.QuietSequence)
		}
		return store.Done(store.Event{Name: "audit.key-made", By: id.System("audit"), Fields: map[string]string{"public-key": public}})
	})
}

// PublicKey returns the key that checks the checkpoints: NAME+HASH+BASE64, as
// golang.org/x/mod/sumdb/note has it. The key pair is made if there is none.
func (l *Log) PublicKey(ctx context.Context) (string, error) {
	public, _, err := l.storedKey(ctx)
	if !errors.Is(err, store.ErrNoRow) {
		return public, err
	}
	if l.options.Sealer == nil {
		return "", fault.New(fault.Unmet, "audit-key-missing")
	}
	key, err := l.key(ctx)
	if err != nil {
		return "", err
	}
	return key.public, nil
}

// CheckpointAge returns how old the newest checkpoint is, and how many records
// the tree holds beyond it. Age is 0 if there is none.
func (l *Log) CheckpointAge(ctx context.Context) (age time.Duration, records int64, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		head, err := readHead(v)
		if err != nil {
			return err
		}
		newest, err := newestCheckpoint(v)
		if !newest.At.IsZero() {
			age = l.clock.Now().Sub(newest.At)
		}
		records = head.size - newest.Size
		return err
	})
	return age, records, err
}

// SealedKey returns the sealed signing key and its place, for the walk that
// seals all values anew; ok is false if there is none.
func SealedKey(v *store.View) (at Place, sealed []byte, ok bool, err error) {
	err = v.Row("SELECT sealed FROM audit_key WHERE one = 1").Scan(&sealed)
	if errors.Is(err, store.ErrNoRow) {
		return keyPlace, nil, false, nil
	}
	return keyPlace, sealed, err == nil, err
}

// ReplaceSealedKey puts the signing key, sealed anew, in the place of old, and
// says whether old still stood there.
func ReplaceSealedKey(tx *store.Tx, old, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE audit_key SET sealed = $1 WHERE one = 1 AND sealed = $2", sealed, old)
	return n == 1, err
}

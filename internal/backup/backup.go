package backup

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/org"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// Permission is what a backup needs: it holds everything there is.
const Permission = "house.backup"

// Permissions lists the permissions of the room.
func Permissions() []org.Permission { return []org.Permission{{Name: Permission, House: true}} }

// Options is what the room stands on.
type Options struct {
	Store   *store.Store
	Clock   clock.Clock
	Audit   *audit.Log
	Ring    *seal.Ring
	Version string // of the program
}

// Room makes backups of a house.
type Room struct{ options Options }

// New makes the room.
func New(o Options) *Room { return &Room{o} }

// Progress is told now and then how far a copy is, in rows; total is 0 while
// nobody knows it.
type Progress func(done, total int64)

const progressEvery = 1 << 12

// Report is what a backup holds and how its file is recognised.
type Report struct {
	MadeAt     time.Time `json:"made_at"`
	Bytes      int64     `json:"bytes"`  // of the file
	SHA256     string    `json:"sha256"` // of the file, hexadecimal
	Tables     int       `json:"tables"`
	Rows       int64     `json:"rows"`
	AuditSize  int64     `json:"audit_size"` // records under the checkpoint that is carried
	AuditRoot  string    `json:"audit_root"`
	Epoch      int64     `json:"epoch"`
	Recipients []string  `json:"recipients"`
}

// Write writes an encrypted backup to w: of one snapshot, while the house goes
// on, to the recovery recipient and those given. Everything that was committed
// before the call is in it. The keys of the house must be open.
func (r *Room) Write(ctx context.Context, by id.Principal, w io.Writer, recipients []string, progress Progress) (Report, error) {
	all, err := r.recipients(ctx, recipients)
	if err != nil {
		return Report{}, err
	}
	if _, err := r.options.Audit.Checkpoint(ctx); err != nil {
		return Report{}, err
	}
	// Before the first byte leaves the house: whoever cuts the stream short has
	// the rest of it all the same.
	if err := r.tell(ctx, by, "backup.begun", "recipients", strings.Join(all, " ")); err != nil {
		return Report{}, err
	}
	out := &measured{w: w, hash: sha256.New()}
	h, err := r.encrypted(ctx, out, all, progress)
	if err != nil {
		return Report{}, err
	}
	report, err := reportOf(h)
	if err != nil {
		return Report{}, err
	}
	report.Bytes, report.SHA256 = out.n, hex.EncodeToString(out.hash.Sum(nil))
	return report, r.tell(ctx, by, "backup.made", "sha256", report.SHA256, "rows", strconv.FormatInt(report.Rows, 10),
		"audit_size", strconv.FormatInt(report.AuditSize, 10), "recipients", strings.Join(all, " "))
}

// recipients are the recovery recipient and those given, once each.
func (r *Room) recipients(ctx context.Context, given []string) ([]string, error) {
	recovery, err := r.options.Ring.Recipient(ctx)
	if err != nil {
		return nil, err
	}
	if r.options.Ring.State() != seal.Opened {
		return nil, fault.New(fault.Busy, "sealed")
	}
	all := []string{recovery}
	for _, one := range given {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	_, err = seal.Encrypt(io.Discard, all...)
	return all, err
}

// encrypted writes the snapshot through gzip and age.
func (r *Room) encrypted(ctx context.Context, w io.Writer, recipients []string, progress Progress) (*Header, error) {
	sealed, err := seal.Encrypt(w, recipients...)
	if err != nil {
		return nil, err
	}
	packed, err := gzip.NewWriterLevel(sealed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	sign := func(text string) (string, error) { return r.options.Audit.Sign(ctx, text) }
	h := &Header{MadeAt: r.options.Clock.Now(), Version: r.options.Version, Recipients: recipients}
	if len(recipients) > 1 {
		if h.Root, err = r.options.Ring.WrapFor(recipients[1:]...); err != nil {
			return nil, err
		}
	}
	if err := dump(ctx, r.options.Store, packed, h, sign, progress); err != nil {
		return nil, err
	}
	return h, errors.Join(packed.Close(), sealed.Close())
}

func (r *Room) tell(ctx context.Context, by id.Principal, name string, pairs ...string) error {
	fields := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return r.options.Store.House().Write(ctx, func(*store.Tx) store.End {
		return store.Done(store.Event{Name: name, By: by, Fields: fields})
	})
}

func reportOf(h *Header) (Report, error) {
	c, err := audit.ParseCheckpoint(h.Checkpoint, h.AuditKey)
	return Report{
		MadeAt: h.MadeAt, Tables: len(h.Tables), Rows: h.rows(), AuditSize: c.Size, AuditRoot: c.Root.String(),
		Epoch: c.Epoch, Recipients: h.Recipients,
	}, err
}

// measured counts and hashes what it hands on.
type measured struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (m *measured) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.hash.Write(p[:n])
	m.n += int64(n)
	return n, err
}

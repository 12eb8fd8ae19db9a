package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Ender ends something that must not outlive a restore, such as sessions
// (A160), and returns how many there were.
type Ender struct {
	Name string
	End  func(*store.Tx) (int64, error)
}

// Ground is what a copy is put on. The caller holds the lock of the data
// folder.
type Ground struct {
	URL     secret.Text // of the database that the copy becomes
	Clock   clock.Clock
	Log     *slog.Logger
	Node    id.Node
	By      id.Principal
	Schemas []fs.FS
	// Holders returns all sets of sealed columns, whose first values are opened.
	Holders  func(*audit.Log) []seal.Sealed
	Enders   []Ender
	Progress Progress
}

// RestoreOptions say what is restored and how it is opened afterwards.
type RestoreOptions struct {
	Ground
	File     string // the backup
	Identity string // file with the age identity, such as the recovery kit
	// AuditKey is the public key of the audit log that must have signed the
	// backup, as the recovery kit has it. Needed if the identity is not the kit.
	AuditKey string
	// Provider opens the restored house; a key file that it names is made anew.
	Provider seal.Provider
	// KeyFile is the path of that key file; "" if the provider has none.
	KeyFile string
	// Replace lets a database be replaced that is not empty. It is kept aside.
	Replace bool
	Limits  Limits
}

// Restored says what was verified before anything was put in place.
type Restored struct {
	MadeAt    time.Time        `json:"made_at"`
	Version   string           `json:"version"`
	From      string           `json:"from"` // engine
	To        string           `json:"to"`
	Tables    int              `json:"tables"`
	Rows      int64            `json:"rows"`
	AuditKey  string           `json:"audit_key"`
	AuditSize int64            `json:"audit_size"` // records verified
	AuditRoot string           `json:"audit_root"`
	Epoch     int64            `json:"epoch"`
	Ended     map[string]int64 `json:"ended"`
	KeyFile   string           `json:"key_file,omitempty"`
	Aside     string           `json:"aside,omitempty"`     // the database that was there before
	KeyAside  string           `json:"key_aside,omitempty"` // its key file
}

// Restore puts a backup in the place of a database. Everything is verified on
// a copy beside it, and only then put in place at once: who is killed leaves
// what was there before, or the restored house.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	file, err := os.Open(o.File)
	if err != nil {
		return Restored{}, fault.New(fault.Unmet, "backup-file-unreadable", "path", o.File).Because(err)
	}
	defer file.Close() //nolint:errcheck // only read
	plain, err := unpack(file, o.Identity, o.Limits)
	if err != nil {
		return Restored{}, err
	}
	keys, err := stageKey(o.KeyFile, o.Provider, o.Clock)
	if err != nil {
		return Restored{}, err
	}
	defer keys.discard()
	r := &restorer{ground: o.Ground, replace: o.Replace, identity: o.Identity, auditKey: o.AuditKey, keys: keys, reason: "restored"}
	return r.run(ctx, plain)
}

// restorer puts a copy in place.
type restorer struct {
	ground  Ground
	replace bool
	// What opens the copy's root key: an identity if it is a backup, which is
	// signed then, or the provider of the house that moves.
	identity string
	auditKey string
	opens    seal.Provider
	keys     *stagedKey // nil: the unseal keys of the original go on
	reason   string

	target target
	stage  *stage
	report Restored
}

func (r *restorer) run(ctx context.Context, plain io.Reader) (report Restored, err error) {
	if r.target, err = newTarget(ctx, r.ground.URL.Reveal(), r.ground.Clock); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, r.target.close()) }()
	there, err := r.target.occupied(ctx)
	if err != nil {
		return report, err
	}
	if there && !r.replace {
		return report, fault.New(fault.Conflict, "backup-target-not-empty")
	}
	if err := r.prepare(ctx, plain); err != nil {
		// The context may be what ended it.
		return report, errors.Join(err, r.target.discard(context.WithoutCancel(ctx)))
	}
	if r.report.KeyAside, err = r.keys.place(); err != nil {
		return report, errors.Join(err, r.target.discard(context.WithoutCancel(ctx)))
	}
	if r.report.Aside, err = r.target.swap(ctx); err != nil {
		return report, errors.Join(err, r.target.discard(context.WithoutCancel(ctx)))
	}
	err = r.takeKey(ctx)
	return r.report, err
}

// prepare reads the copy into the stage, brings it up to date and verifies it.
func (r *restorer) prepare(ctx context.Context, plain io.Reader) error {
	url, err := r.target.stage(ctx)
	if err != nil {
		return err
	}
	g := r.ground
	r.stage = &stage{ctx: ctx, url: url, schemas: g.Schemas, clock: g.Clock, log: g.Log, progress: g.Progress}
	h, err := read(plain, r.identity != "", r.stage)
	if err == nil {
		err = r.stage.settle()
	}
	if err = errors.Join(err, r.stage.close()); err != nil {
		return err
	}
	r.report = Restored{
		MadeAt: h.MadeAt, Version: h.Version, From: h.Engine, Tables: len(h.Tables), Rows: h.rows(), AuditKey: h.AuditKey,
	}
	if err := r.inspect(ctx, url, func(f *floors) error { return r.awaken(ctx, f, h) }); err != nil {
		return err
	}
	if r.keys == nil {
		return nil
	}
	return r.inspect(ctx, url, func(f *floors) error { // as whoever starts the house
		return errors.Join(f.ring.Unseal(ctx, r.ground.By, r.keys.provider), f.ring.Probe(ctx))
	})
}

// floors are what the copy stands on while it is looked at.
type floors struct {
	store *store.Store
	audit *audit.Log
	ring  *seal.Ring
}

// inspect opens a database with everything that the house opens it with.
func (r *restorer) inspect(ctx context.Context, url string, f func(*floors) error) (err error) {
	g := r.ground
	s, err := store.Open(ctx, store.Options{URL: url, Clock: g.Clock, Log: g.Log, Schemas: g.Schemas, Conns: 4, Overrun: patience})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	keys := &sealer{}
	log := audit.New(audit.Options{Store: s, Clock: g.Clock, Log: g.Log, Node: g.Node, Sealer: keys})
	var holders []seal.Sealed
	if g.Holders != nil {
		holders = g.Holders(log)
	}
	ring := seal.New(seal.Options{Store: s, Clock: g.Clock, Log: g.Log, Node: g.Node}, holders...)
	keys.ring = ring
	defer ring.Close()
	if err := f(&floors{store: s, audit: log, ring: ring}); err != nil {
		return err
	}
	return log.Stop(ctx)
}

// awaken makes the copy a house of its own: a new epoch, open keys that prove
// who signed it, nothing that should have ended since, a new unseal key. Then
// the log is verified as a whole.
func (r *restorer) awaken(ctx context.Context, f *floors, h *Header) error {
	epoch, err := f.audit.Fork(ctx, r.ground.By, r.reason)
	if err != nil {
		return err
	}
	if err := r.unseal(ctx, f, h); err != nil {
		return err
	}
	if err := r.end(ctx, f.store, h, epoch); err != nil {
		return err
	}
	if r.keys != nil {
		if err := f.ring.Rekey(ctx, r.ground.By, r.keys.providers()...); err != nil {
			return err
		}
	}
	if err := f.ring.Probe(ctx); err != nil {
		return err
	}
	return r.verify(ctx, f, h, epoch)
}

// unseal opens the keys of the copy and holds its signer against them: the one
// that the recovery kit proves, or the one that the operator names.
func (r *restorer) unseal(ctx context.Context, f *floors, h *Header) error {
	if r.auditKey != "" && strings.TrimSpace(r.auditKey) != h.AuditKey {
		return fault.New(fault.Unmet, "backup-signature-wrong")
	}
	if r.identity == "" {
		if err := f.ring.Unseal(ctx, r.ground.By, r.opens); err != nil {
			return err
		}
	} else {
		bearer := seal.NewBearer(r.identity, h.Root)
		if err := f.ring.Unseal(ctx, r.ground.By, bearer); err != nil {
			return err
		}
		if bearer.Unproven() && r.auditKey == "" {
			return fault.New(fault.Unmet, "backup-audit-key-needed")
		}
	}
	if h.AuditKey == "" {
		return nil
	}
	if err := f.audit.Holds(ctx, h.AuditKey); err != nil {
		return fault.New(fault.Unmet, "backup-signature-wrong").Because(err)
	}
	return nil
}

// end ends what must not go on, and says what was restored.
func (r *restorer) end(ctx context.Context, s *store.Store, h *Header, epoch int64) error {
	enders := append([]Ender{{"once-values", once.EndAll}, {"effects-in-doubt", job.Doubt}}, r.ground.Enders...)
	return s.House().Write(ctx, func(tx *store.Tx) store.End {
		fields := map[string]string{
			"made-at": h.MadeAt.UTC().Format(time.RFC3339), "from": h.Engine, "rows": strconv.FormatInt(h.rows(), 10),
			"epoch": strconv.FormatInt(epoch, 10), "reason": r.reason,
		}
		r.report.Ended = map[string]int64{}
		for _, e := range enders {
			n, err := e.End(tx)
			if err != nil {
				return store.Abort(err)
			}
			r.report.Ended[e.Name], fields[e.Name] = n, strconv.FormatInt(n, 10)
		}
		return store.Done(store.Event{Name: "house.restored", By: r.ground.By, Fields: fields})
	})
}

// verify holds the whole log against the checkpoint that the copy carries.
func (r *restorer) verify(ctx context.Context, f *floors, h *Header, epoch int64) error {
	options := audit.VerifyOptions{}
	var err error
	if options.Key, err = f.audit.PublicKey(ctx); err != nil {
		return err
	}
	if h.Checkpoint != "" {
		options.Checkpoints = []string{h.Checkpoint}
	}
	report, err := f.audit.VerifyStore(ctx, options)
	if err != nil {
		return err
	}
	if report.Outside != int64(len(options.Checkpoints)) || report.Epoch != epoch {
		return fault.New(fault.Unmet, "backup-log-differs")
	}
	r.report.To, r.report.Epoch = f.store.Engine(), epoch
	r.report.AuditSize, r.report.AuditRoot = report.Size, report.Root.String()
	return nil
}

// sealer lets the witness keep its key under the ring.
type sealer struct{ ring *seal.Ring }

// Seal implements audit.Sealer.
func (s *sealer) Seal(_ context.Context, at audit.Place, plain []byte) ([]byte, error) {
	return s.ring.Seal(seal.Place(at), plain)
}

// Open implements audit.Sealer.
func (s *sealer) Open(_ context.Context, at audit.Place, sealed []byte) ([]byte, error) {
	return s.ring.Open(seal.Place(at), sealed)
}

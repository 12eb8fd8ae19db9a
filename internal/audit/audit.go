package audit

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Schema holds the tables, for store.Options.
//
//go:embed schema
var Schema embed.FS

// Words holds the sentences of the problems, for words.Load.
//
//go:embed words
var Words embed.FS

// Place is where a sealed value stands; it cannot be opened anywhere else.
type Place struct {
	Table, Column, Row string
	Org                id.Org
}

// Sealer keeps the signing key. While the house is sealed both fail; then no
// checkpoint is made, and writes go on.
type Sealer interface {
	Seal(ctx context.Context, at Place, plain []byte) ([]byte, error)
	Open(ctx context.Context, at Place, sealed []byte) ([]byte, error)
}

// Outside is one place that keeps checkpoints where this house cannot change
// them. Send returns once the place has said that it has it, or, where the
// protocol has no answer, once it is handed over.
type Outside interface {
	Name() string
	Send(ctx context.Context, c Checkpoint) error
}

// Options says what a Log stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	Node  id.Node // this process
	// Origin names the log in its checkpoints and its key: no spaces, no "+".
	// "sekisho-audit" when it is empty.
	Origin string
	// Sealer keeps the signing key; without it there are no checkpoints.
	Sealer Sealer
	// Outside are the places that get the checkpoints.
	Outside []Outside
	// CheckpointEvery and CheckpointRecords are how long and how many records
	// the tree grows until it is signed: 60 s or 1,000 when they are 0.
	CheckpointEvery   time.Duration
	CheckpointRecords int64
}

// Log is the witness of one house on one node. It is safe for use by many
// goroutines.
type Log struct {
	options  Options
	store    *store.Store
	clock    clock.Clock
	log      *slog.Logger
	node     id.Node
	sequence atomic.Uint64
	seat     seat
	signer   atomic.Pointer[keyPair]
	keyMu    sync.Mutex
	counter  counter
	outside  []*pusher
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

type keyPair struct {
	signer note.Signer
	public string
}

// New makes the log and becomes the store's witness. Nothing runs by itself
// before Start; without it records wait in the database, and Integrate takes
// them into the tree.
func New(o Options) *Log {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Origin == "" {
		o.Origin = "sekisho-audit"
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = time.Minute
	}
	if o.CheckpointRecords == 0 {
		o.CheckpointRecords = 1000
	}
	l := &Log{options: o, store: o.Store, clock: o.Clock, log: o.Log, node: o.Node}
	for _, place := range o.Outside {
		l.outside = append(l.outside, &pusher{log: l, place: place, wake: make(chan struct{}, 1)})
	}
	o.Store.SetWitness(l.witness)
	return l
}

// Start runs the sequencer, the pushers and the counter until Stop.
func (l *Log) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	watch := l.store.Watch(topicPending)
	l.wg.Go(func() {
		defer watch.Close()
		l.sequenceUntil(ctx, watch.C)
	})
	l.wg.Go(func() { l.countUntil(ctx) })
	for _, p := range l.outside {
		l.wg.Go(func() { p.until(ctx) })
	}
}

// Stop ends what Start began: counted refusals are written, what is committed
// is integrated and signed, and another node may take over at once. A place
// outside that does not answer is not waited for longer than ctx.
func (l *Log) Stop(ctx context.Context) error {
	if l.stop != nil {
		l.stop()
		l.wg.Wait()
		l.stop = nil
	}
	err := l.flush(ctx, true)
	if _, cerr := l.Checkpoint(ctx); err == nil {
		err = cerr
	}
	for _, p := range l.outside {
		p.last(ctx)
	}
	if rerr := l.release(ctx); err == nil {
		err = rerr
	}
	return err
}

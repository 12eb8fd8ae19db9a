package seal

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Options is what a ring stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Node names this process among those that share the database.
	Node id.Node
	// RotateAfter is the age at which a data key is followed: 90 days if 0.
	RotateAfter time.Duration
	// RotateAt is the count of messages at which a data key is followed: 2^31
	// if 0, half of what GCM with random nonces bears.
	RotateAt int64
	// Grace is how long a key that no longer writes is kept at least, for
	// values that were sealed before and are written late: 10 minutes if 0.
	Grace time.Duration
	// Look is how often the ring in the database is looked at, beside being
	// woken: 2 seconds if 0.
	Look time.Duration
}

// Bounds that no option moves.
const (
	reserveSize = 1 << 20 // messages reserved at a time
	ahead       = 16      // unknown key ids that are worth a look in the database
)

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&o.RotateAfter, 90*24*time.Hour)
	set(&o.Grace, 10*time.Minute)
	set(&o.Look, 2*time.Second)
	if o.RotateAt == 0 {
		o.RotateAt = 1 << 31
	}
	if o.Node == "" {
		o.Node = id.New[id.Node](o.Clock.Now())
	}
}

// Ring seals and opens values. It is safe for use by many goroutines. No
// formatter sees what it holds (R9).
type Ring struct {
	options Options
	holders map[string]Sealed
	open    atomic.Pointer[keyring]
	seen    atomic.Int64 // monotonic time of the last look at the database
	mu      sync.Mutex   // changes of open
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// keyring is an open ring; it is never changed, only replaced.
type keyring struct {
	root    secret.Text
	writes  uint32
	keys    map[uint32]dataKey
	highest uint32
	budget  *budget
}

type dataKey struct {
	aead    cipher.AEAD
	made    time.Time
	spent   int64
	retired time.Time // zero while it writes
}

// budget is what this process may still seal with the key that writes: it was
// reserved in the database before, so that a killed process never makes the
// count too small.
type budget struct {
	left   atomic.Int64
	asking atomic.Bool
}

// New makes a ring that is not open yet. holders are all sets of sealed columns
// of the house; without one of them no old key is ever destroyed.
func New(o Options, holders ...Sealed) *Ring {
	o.fill()
	r := &Ring{options: o, holders: map[string]Sealed{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	for _, h := range holders {
		r.holders[h.Name()] = h
	}
	return r
}

// Close seals the ring in this process and wipes the root key.
func (r *Ring) Close() {
	r.stop()
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.open.Swap(nil); k != nil {
		k.root.Wipe()
	}
}

// State is how the ring stands in this process.
type State string

// The states.
const (
	Shut   State = "sealed"
	Opened State = "open"
)

// State says whether values can be sealed and opened.
func (r *Ring) State() State {
	if r.open.Load() == nil {
		return Shut
	}
	return Opened
}

// Seal seals plain for a place, under the key that writes. A sealed ring is
// Busy "sealed". Call it before the write closure, never inside.
func (r *Ring) Seal(place Place, plain []byte) ([]byte, error) {
	if err := place.complete(); err != nil {
		return nil, err
	}
	k := r.open.Load()
	if k == nil {
		return nil, errSealed()
	}
	// A process that slept longer than a key is kept must not write with it.
	if r.options.Clock.Mono()-time.Duration(r.seen.Load()) > r.options.Grace/2 {
		return nil, errStale()
	}
	left := k.budget.left.Add(-1)
	if left < reserveSize/2 && k.budget.asking.CompareAndSwap(false, true) {
		r.background(func() { r.topUp(k) })
	}
	if left < 0 {
		return nil, errSpent()
	}
	return sealUnder(k.keys[k.writes].aead, k.writes, place, plain), nil
}

// Open returns what was sealed for that place. What was moved, changed or never
// sealed is Broken "seal-value-damaged".
func (r *Ring) Open(place Place, sealed []byte) ([]byte, error) {
	k := r.open.Load()
	if k == nil {
		return nil, errSealed()
	}
	key, err := KeyOf(sealed)
	if err != nil {
		return nil, errValueDamaged(place).Because(err)
	}
	data, found := k.keys[key]
	if !found {
		if data, err = r.lookFor(key); err != nil {
			return nil, err
		}
	}
	plain, err := openUnder(data.aead, key, place, sealed)
	if err != nil {
		return nil, errValueDamaged(place)
	}
	return plain, nil
}

// MAC returns a keyed hash (HMAC-SHA-256, 32 bytes) of data for one purpose,
// under which a row can be looked up without its value standing in clear. It
// stays the same for the life of the ring.
func (r *Ring) MAC(purpose string, data []byte) ([]byte, error) {
	k := r.open.Load()
	if k == nil {
		return nil, errSealed()
	}
	mac := hmac.New(sha256.New, derive(k.root.RevealBytes(), "mac "+purpose, keySize))
	mac.Write(data)
	return mac.Sum(nil), nil
}

// Live refuses, in the transaction that writes a sealed value, a key that has
// gone out of use since the value was sealed: Conflict "seal-key-retired", seal
// again. Together with the last walk before a key is destroyed it makes sure
// that no value outlives its key however long a process slept.
func (r *Ring) Live(tx *store.Tx, sealed []byte) error {
	key, err := KeyOf(sealed)
	if err != nil {
		return err
	}
	state, err := stateOf(tx.View.House(), key)
	if err != nil {
		return err
	}
	if state != stateWrites && state != stateReads {
		return errKeyRetired(key)
	}
	return nil
}

// background runs f unless the ring is being closed.
func (r *Ring) background(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil {
		r.wg.Go(f)
	}
}

// topUp reserves the next messages of the key that writes.
func (r *Ring) topUp(k *keyring) {
	defer k.budget.asking.Store(false)
	if _, err := r.reserve(r.ctx, k.writes, k.budget); err != nil && r.ctx.Err() == nil {
		r.options.Log.Warn("no messages could be reserved for the data key", "key", k.writes, "err", err)
	}
}

// reserve adds to the budget what it could reserve; false if the key does not
// write any more.
func (r *Ring) reserve(ctx context.Context, key uint32, b *budget) (ours bool, err error) {
	err = r.options.Store.House().Append(ctx, func(tx *store.Tx) store.End {
		var err error
		if ours, err = reserve(tx, key, reserveSize); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietCount)
	})
	if err == nil && ours {
		b.left.Add(reserveSize)
	}
	return ours && err == nil, err
}

// lookFor looks for a key that another node may have made meanwhile. It is
// called inside write closures too: it reads and never writes.
func (r *Ring) lookFor(key uint32) (dataKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.open.Load()
	if k == nil {
		return dataKey{}, errSealed()
	}
	if data, found := k.keys[key]; found {
		return data, nil
	}
	if key <= k.highest || key > k.highest+ahead {
		return dataKey{}, errKeyUnknown(key)
	}
	ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
	defer cancel()
	next, err := r.look(ctx, k)
	if err != nil {
		return dataKey{}, err
	}
	next.writes, next.budget = k.writes, k.budget
	r.open.Store(next)
	if data, found := next.keys[key]; found {
		return data, nil
	}
	return dataKey{}, errKeyUnknown(key)
}

// look reads the keys of the database into a new keyring; what k has already is
// taken from there.
func (r *Ring) look(ctx context.Context, k *keyring) (*keyring, error) {
	var ring ringRow
	var rows []keyRow
	err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		if ring, err = loadRing(v); err != nil {
			return err
		}
		rows, err = loadKeys(v)
		return err
	})
	if err != nil {
		return nil, err
	}
	next := &keyring{root: k.root, writes: ring.writes, keys: make(map[uint32]dataKey, len(rows))}
	for _, row := range rows {
		data, err := unwrapped(k, row)
		if err != nil {
			return nil, err
		}
		data.made, data.spent, data.retired = row.made, row.spent, row.retired
		next.keys[row.id] = data
		next.highest = max(next.highest, row.id)
	}
	if _, found := next.keys[next.writes]; !found {
		return nil, errRingDamaged(next.writes)
	}
	return next, nil
}

func unwrapped(k *keyring, row keyRow) (dataKey, error) {
	if data, found := k.keys[row.id]; found {
		return data, nil
	}
	key, err := unwrapKey(k.root, row.id, row.wrapped)
	if err != nil {
		return dataKey{}, err
	}
	defer key.Wipe()
	aead, err := gcm(key.RevealBytes())
	return dataKey{aead: aead}, err
}

// refresh takes over what the database says: new keys, another writer, keys
// that are gone.
func (r *Ring) refresh(ctx context.Context) error {
	k := r.open.Load()
	if k == nil {
		return nil
	}
	next, began, err := r.ready(ctx, k)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.open.Load(); now == nil || now.highest > next.highest || now.writes > next.writes {
		return nil // closed, or somebody was faster
	}
	r.open.Store(next)
	r.seen.Store(int64(began))
	return nil
}

// ready reads the ring until messages of the key that writes are reserved: it
// may have been followed between the look and the reservation.
func (r *Ring) ready(ctx context.Context, k *keyring) (next *keyring, began time.Duration, err error) {
	for range 16 {
		began = r.options.Clock.Mono()
		if next, err = r.look(ctx, k); err != nil {
			return nil, 0, err
		}
		if k.budget != nil && next.writes == k.writes {
			next.budget = k.budget
			return next, began, nil
		}
		next.budget = &budget{}
		if ours, err := r.reserve(ctx, next.writes, next.budget); err != nil || ours {
			return next, began, err
		}
	}
	return nil, 0, errRotatedMeanwhile()
}

// String keeps the ring's keys from formatters, as Format, MarshalJSON and
// LogValue do.
func (r *Ring) String() string { return "seal.Ring(" + string(r.State()) + ")" }

// Format writes String for every verb.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// MarshalJSON returns String.
func (r *Ring) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", r.String()), nil }

// LogValue returns String.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// names of the holders in order.
func (r *Ring) names() []string { return sorted(maps.Keys(r.holders)) }

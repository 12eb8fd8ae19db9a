package signet

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// Words are the sentences of the problems, Schema the table.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

const (
	// Ahead is how long a key is published before it signs: longer than anybody
	// should keep a set of keys.
	Ahead = time.Hour
	// Kept is how long a key stays published after its last signature: longer
	// than any token lives, and than a call waits for an answer.
	Kept = 24 * time.Hour
	// Age is when a key is followed by a new one, by itself.
	Age = 90 * 24 * time.Hour
	// Fresh is how long a node believes what it read of the keys.
	Fresh = 10 * time.Second
)

// Topic changes with the keys.
const Topic = "signet"

// Key is one of the house's keys, without what signs.
type Key struct {
	ID    string // kid
	Alg   jws.Alg
	PEM   string // of the public half
	Made  time.Time
	Signs time.Time // from when it signs
	Ends  time.Time // until when it is published; zero: no other has followed it

	sealed []byte
}

// State is where a key is in its life.
type State string

// The states.
const (
	Next    State = "next"    // published, and signs later
	Signing State = "signing" // it signs
	Before  State = "before"  // published for what it has signed
	Gone    State = "gone"
)

// Options is what the keys stand on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	Ring  *seal.Ring
}

// Case holds the keys.
type Case struct {
	Options

	mu     sync.Mutex
	known  []Key
	opened map[string]*jws.Private
	at     time.Duration
	read   bool
}

// New makes a case; Run follows old keys by new ones.
func New(o Options) *Case {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Case{Options: o, opened: map[string]*jws.Private{}}
}

// algs are the algorithms that the house signs by.
var algs = []jws.Alg{jws.ES256, jws.RS256}

// Keys lists all keys with their states, the newest first.
func (c *Case) Keys(ctx context.Context) (all []Key, err error) {
	if all, err = c.keys(ctx, true); err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Key) int { return b.Made.Compare(a.Made) })
	return all, nil
}

// State says where a key is now, among all.
func (k Key) State(all []Key, now time.Time) State {
	switch signing, _ := pick(all, k.Alg, now); {
	case !k.Ends.IsZero() && !now.Before(k.Ends):
		return Gone
	case signing.ID == k.ID:
		return Signing
	case now.Before(k.Signs):
		return Next
	}
	return Before
}

// pick returns the key that signs now, and the one that did before it and is
// published still.
func pick(all []Key, alg jws.Alg, now time.Time) (signing, before Key) {
	for _, k := range all {
		switch {
		case k.Alg != alg || now.Before(k.Signs) || !k.Ends.IsZero() && !now.Before(k.Ends):
		case signing.ID == "" || !k.Signs.Before(signing.Signs):
			signing, before = k, signing
		case before.ID == "" || k.Signs.After(before.Signs):
			before = k
		}
	}
	return signing, before
}

// Published are the public keys of an algorithm that somebody may need now, those
// that sign later among them; all algorithms for "". Those that there are no keys
// of yet are made: whoever asks for them is about to verify.
func (c *Case) Published(ctx context.Context, alg jws.Alg) (keys []jws.Public, err error) {
	for _, one := range algs {
		if alg != "" && alg != one {
			continue
		}
		if _, _, err := c.Signers(ctx, one); err != nil {
			return nil, err
		}
	}
	all, err := c.keys(ctx, false)
	if err != nil {
		return nil, err
	}
	now := c.Clock.Now()
	for _, k := range all {
		if alg != "" && k.Alg != alg || !k.Ends.IsZero() && !now.Before(k.Ends) {
			continue
		}
		p, err := jws.ParsePEM(k.Alg, []byte(k.PEM))
		if err != nil {
			return nil, err
		}
		keys = append(keys, p)
	}
	return keys, nil
}

// Signers returns the key that signs by an algorithm now, made if there is none,
// and the one before while it is published: who verifies may know no other yet.
// Busy sealed while the house's keys are away.
func (c *Case) Signers(ctx context.Context, alg jws.Alg) (signing, before *jws.Private, err error) {
	if !slices.Contains(algs, alg) {
		return nil, nil, fault.New(fault.Invalid, "signature-unknown", "alg", string(alg))
	}
	all, err := c.keys(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	now, last := pick(all, alg, c.Clock.Now())
	if now.ID == "" {
		if err := c.first(ctx, alg); err != nil {
			return nil, nil, err
		}
		if all, err = c.keys(ctx, true); err != nil {
			return nil, nil, err
		}
		if now, last = pick(all, alg, c.Clock.Now()); now.ID == "" {
			return nil, nil, errors.New("signet: a key was made and is not there")
		}
	}
	if signing, err = c.open(now); err != nil || last.ID == "" {
		return signing, nil, err
	}
	before, err = c.open(last)
	return signing, before, err
}

// open opens a key once.
func (c *Case) open(k Key) (*jws.Private, error) {
	c.mu.Lock()
	kept := c.opened[k.ID]
	c.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	plain, err := c.Ring.Open(k.place(), k.sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	p, err := jws.Parse(plain)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened[k.ID] = p
	return p, nil
}

func (k Key) place() seal.Place {
	return seal.Place{Table: "signet_key", Column: "sealed", Row: k.ID}
}

// keys are those of the house in the order in which they sign, as fresh as a
// node needs them.
func (c *Case) keys(ctx context.Context, anew bool) ([]Key, error) {
	c.mu.Lock()
	all, fresh := c.known, c.read && c.Clock.Mono()-c.at < Fresh
	c.mu.Unlock()
	if fresh && !anew {
		return all, nil
	}
	at := c.Clock.Mono()
	err := c.Store.House().Read(ctx, func(v *store.View) (err error) {
		all, err = keysIn(v)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.at, c.read = all, at, true
	for which := range c.opened {
		if !slices.ContainsFunc(all, func(k Key) bool { return k.ID == which && len(k.sealed) > 0 }) {
			delete(c.opened, which)
		}
	}
	return all, nil
}

// make makes a key that is sealed and stands nowhere yet.
func (c *Case) make(alg jws.Alg, signs time.Time) (Key, error) {
	p, err := jws.Make(alg)
	if err != nil {
		return Key{}, err
	}
	plain, err := p.Bytes()
	if err != nil {
		return Key{}, err
	}
	defer clear(plain)
	public, err := p.Public().PEM()
	if err != nil {
		return Key{}, err
	}
	k := Key{ID: p.KID(), Alg: alg, PEM: string(public), Made: c.Clock.Now(), Signs: signs}
	k.sealed, err = c.Ring.Seal(k.place(), plain)
	return k, err
}

var keeper = id.System("signet")

func (k Key) event(name string, by id.Principal, fields map[string]string) store.Event {
	all := map[string]string{"alg": string(k.Alg), "signs": k.Signs.UTC().Format(time.RFC3339)}
	for key, value := range fields {
		all[key] = value
	}
	return store.Event{Name: name, By: by, Target: "signing-key:" + k.ID, Fields: all}
}

// first makes the first key of an algorithm; of several nodes one does.
func (c *Case) first(ctx context.Context, alg jws.Alg) error {
	k, err := c.make(alg, c.Clock.Now())
	if err != nil {
		return err
	}
	err = c.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		all, err := keysIn(&tx.View)
		if err != nil {
			return store.Abort(err)
		}
		if there, _ := pick(all, alg, tx.Now()); there.ID != "" {
			return store.Abort(errThere)
		}
		if err := errors.Join(c.Ring.Live(tx, k.sealed), insert(tx, k)); err != nil {
			return store.Abort(err)
		}
		return store.Done(k.event("signing-key.made", keeper, nil))
	})
	if errors.Is(err, errThere) {
		err = nil
	}
	return err
}

var errThere = errors.New("signet: there is a key")

// Follow makes a key that follows the one that signs by an algorithm: in an hour,
// so that everybody knows it by then, or with atOnce now, and those before it
// count no more. Conflict signing-key-followed if one has been made that does not
// sign yet: two presses make one key. after is the key that signs, as the caller
// knows it; "" is any.
func (c *Case) Follow(ctx context.Context, by id.Principal, alg jws.Alg, after string, atOnce bool) (Key, error) {
	if !slices.Contains(algs, alg) {
		return Key{}, fault.New(fault.Invalid, "signature-unknown", "alg", string(alg))
	}
	signs := c.Clock.Now()
	if !atOnce {
		signs = signs.Add(Ahead)
	}
	k, err := c.make(alg, signs)
	if err != nil {
		return k, err
	}
	err = c.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		all, err := keysIn(&tx.View)
		if err != nil {
			return store.Abort(err)
		}
		signing, _ := pick(all, alg, tx.Now())
		waits := slices.ContainsFunc(all, func(one Key) bool { return one.Alg == alg && tx.Now().Before(one.Signs) })
		if waits && !atOnce || after != "" && signing.ID != after {
			return store.Abort(fault.New(fault.Conflict, "signing-key-followed"))
		}
		ends := signs.Add(Kept)
		if atOnce {
			ends = tx.Now()
		}
		if err := errors.Join(c.Ring.Live(tx, k.sealed), end(tx, alg, ends), insert(tx, k)); err != nil {
			return store.Abort(err)
		}
		name := "signing-key.followed"
		if atOnce {
			name = "signing-key.replaced"
		}
		return store.Done(k.event(name, by, map[string]string{"after": signing.ID}))
	})
	if err != nil {
		return k, err
	}
	_, err = c.keys(ctx, true)
	return k, err
}

// Run follows keys that are old and erases what is gone, until ctx ends.
func (c *Case) Run(ctx context.Context) {
	watch := c.Store.Watch(Topic)
	defer watch.Close()
	for ctx.Err() == nil {
		if err := c.look(ctx); err != nil && ctx.Err() == nil && fault.Code(err) != "sealed" && fault.Code(err) != "signing-key-followed" {
			c.Log.Warn("signing keys were not looked after; trying again", "err", err)
		}
		select {
		case <-watch.C:
		case <-c.Clock.After(time.Hour):
		case <-ctx.Done():
		}
	}
}

func (c *Case) look(ctx context.Context) error {
	all, err := c.keys(ctx, true)
	if err != nil {
		return err
	}
	now := c.Clock.Now()
	for _, alg := range algs {
		signing, _ := pick(all, alg, now)
		next := slices.ContainsFunc(all, func(k Key) bool { return k.Alg == alg && now.Before(k.Signs) })
		if signing.ID == "" || next || now.Sub(signing.Signs) < Age {
			continue
		}
		if _, err := c.Follow(ctx, keeper, alg, signing.ID, false); err != nil {
			return err
		}
	}
	return c.erase(ctx, all, now)
}

// erase takes the private halves of keys that are gone.
func (c *Case) erase(ctx context.Context, all []Key, now time.Time) error {
	for _, k := range all {
		if k.Ends.IsZero() || now.Before(k.Ends) || len(k.sealed) == 0 {
			continue
		}
		err := c.Store.House().Write(ctx, func(tx *store.Tx) store.End {
			if err := wipe(tx, k.ID); err != nil {
				return store.Abort(err)
			}
			return store.Done(k.event("signing-key.erased", keeper, nil))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

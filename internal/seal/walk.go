package seal

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Sealed is a set of sealed values that one room owns. The room implements it
// beside its other statements, so that nobody else knows its tables.
type Sealed interface {
	// Name is stable and unique in the house: "vault.secret".
	Name() string
	// Next returns at most limit values whose After is greater than after, in
	// the order of After, which the database compares; "" is before all of
	// them. Rows that hold no value are left out.
	Next(v *store.View, after string, limit int) ([]Cell, error)
	// Replace puts sealed in the place of cell.Sealed if that is still what
	// stands there (AND column = $old), and says whether it was.
	Replace(tx *store.Tx, cell Cell, sealed []byte) (bool, error)
}

// Cell is one sealed value and where the walk stands behind it.
type Cell struct {
	Place  Place
	After  string
	Sealed []byte
}

// Bounds of the walk: values in one write (a closure has 250 ms), and values
// looked at before the place is noted although none had to move.
const (
	batchSize = 128
	noteEvery = 16 * batchSize
)

// errLost ends a walk that another node has taken over, or whose target is no
// longer the key that writes.
var errLost = errors.New("seal: the walk belongs to another node or key")

// walker is this process's part in the walk.
type walker struct {
	ring    *Ring
	pass    pass
	unsaved int64
	// When this process first saw the phase it waits in: a wall clock that
	// steps ahead must not shorten a wait.
	waits   pass
	waiting time.Duration
}

// walkOn walks whenever there is something to move, until ctx ends.
func (r *Ring) walkOn(ctx context.Context) {
	watch := r.options.Store.Watch(topic)
	defer watch.Close()
	w := &walker{ring: r}
	registered := false
	for ctx.Err() == nil {
		if !registered {
			registered = r.logged(ctx, r.register(ctx))
		}
		if registered && r.logged(ctx, w.turn(ctx)) && w.pass.phase == phaseMoving {
			continue
		}
		select {
		case <-ctx.Done():
		case <-watch.C:
		case <-r.options.Clock.After(r.options.Look):
		}
	}
}

// logged says whether there was no error.
func (r *Ring) logged(ctx context.Context, err error) bool {
	if err != nil && ctx.Err() == nil && !errors.Is(err, errLost) && fault.Code(err) != "sealed" {
		r.options.Log.Warn("the re-encryption waits", "err", err)
	}
	return err == nil
}

// register notes our holders, so that a binary without them destroys no key.
func (r *Ring) register(ctx context.Context) error {
	var there []string
	err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		there, err = holders(v)
		return err
	})
	if err != nil {
		return err
	}
	fresh := without(r.names(), there)
	if len(fresh) == 0 {
		return nil
	}
	return r.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		var events []store.Event
		for _, name := range fresh {
			if err := insertHolder(tx, name); err != nil {
				return store.Abort(err)
			}
			events = append(events, event("seal.holder-added", id.System("seal"), "name", name))
		}
		return store.Done(events[0], events[1:]...)
	})
}

// without returns the names of all that are not in some.
func without(all, some []string) []string {
	set := map[string]bool{}
	for _, name := range some {
		set[name] = true
	}
	var rest []string
	for _, name := range all {
		if !set[name] {
			rest = append(rest, name)
		}
	}
	return rest
}

// turn claims the walk if there is one to be done and walks it to its end.
func (w *walker) turn(ctx context.Context) error {
	w.pass = pass{}
	k := w.ring.open.Load()
	if k == nil {
		return nil
	}
	var p pass
	err := w.ring.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		p, err = loadPass(v)
		return err
	})
	if err != nil || !w.due(p, k.writes) {
		return err
	}
	if err := w.claim(ctx, p, k.writes); err != nil || w.pass.phase == phaseDone {
		return err
	}
	if w.pass.phase == phaseClosing && !w.waited(w.pass, w.ring.options.Grace/10) {
		return nil
	}
	return w.walk(ctx)
}

// lease is how long a node that says nothing keeps the walk.
func (w *walker) lease() time.Duration { return 5 * w.ring.options.Look }

// due says whether this process should take the walk up.
func (w *walker) due(p pass, writes uint32) bool {
	now := w.ring.options.Clock.Now()
	if p.owner != string(w.ring.options.Node) && p.until.After(now) {
		return false
	}
	if p.target != writes {
		return p.target < writes // a greater one: we have not heard of it yet
	}
	switch p.phase {
	case phaseMoving:
		return true
	case phaseWaiting:
		return w.waited(p, w.ring.options.Grace)
	case phaseClosing:
		// Who wrote before the keys were closed has committed by then: the
		// store bounds how long a write takes.
		return w.waited(p, w.ring.options.Grace/10)
	case phaseStuck:
		return now.Sub(p.since) >= 10*w.ring.options.Look
	}
	return false
}

// waited says whether d has passed since the phase began, by the wall clock and
// by what this process has lived through.
func (w *walker) waited(p pass, d time.Duration) bool {
	c := w.ring.options.Clock
	if w.waits.phase != p.phase || w.waits.target != p.target || !w.waits.since.Equal(p.since) {
		w.waits, w.waiting = p, c.Mono()
	}
	return c.Mono()-w.waiting >= d && c.Now().Sub(p.since) >= d
}

// claim takes the walk over with a new fence and sets out: to a new key, or to
// the last look once the old keys are closed for everybody.
func (w *walker) claim(ctx context.Context, was pass, writes uint32) error {
	return w.ring.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		p := was
		until := tx.Now().Add(w.lease())
		ours, err := claimPass(tx, p, string(w.ring.options.Node), until)
		if err != nil || !ours {
			return store.Abort(orLost(err))
		}
		p.fence, p.until, p.owner = p.fence+1, until, string(w.ring.options.Node)
		switch {
		case p.target != writes:
			p = p.from(phaseMoving, tx.Now())
			p.target, p.moved, p.told = writes, 0, false
		case p.phase == phaseStuck:
			p = p.from(phaseMoving, tx.Now())
		case p.phase == phaseWaiting:
			p = p.from(phaseClosing, tx.Now())
			if err := closeKeys(tx); err != nil {
				return store.Abort(err)
			}
			if err := tx.Touch(topic); err != nil {
				return store.Abort(err)
			}
		}
		if saved, err := savePass(tx, p); err != nil || !saved {
			return store.Abort(orLost(err))
		}
		w.pass, w.unsaved = p, 0
		return store.Quietly(store.QuietReencrypt)
	})
}

// from is the walk at its start, in a phase that begins now.
func (p pass) from(next phase, now time.Time) pass {
	p.phase, p.since, p.holder, p.after, p.seen, p.stuck = next, now, "", "", 0, 0
	return p
}

func orLost(err error) error {
	if err != nil {
		return err
	}
	return errLost
}

// walk goes through all holders from where the pass stands.
func (w *walker) walk(ctx context.Context) error {
	names := w.ring.names()
	for _, name := range names {
		if name < w.pass.holder {
			continue
		}
		if name != w.pass.holder {
			w.pass.holder, w.pass.after = name, ""
		}
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if more, err = w.batch(ctx, w.ring.holders[name]); err != nil {
				return err
			}
		}
	}
	return w.finish(ctx)
}

// move is one value sealed anew.
type move struct {
	cell Cell
	anew []byte
}

// batch moves the next values of one holder; false when it has no more. What
// it opens and seals happens outside of the write, and Replace refuses what was
// changed meanwhile.
func (w *walker) batch(ctx context.Context, holder Sealed) (bool, error) {
	var cells []Cell
	err := w.ring.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		cells, err = holder.Next(v, w.pass.after, batchSize)
		return err
	})
	if err != nil || len(cells) == 0 {
		return false, err
	}
	next := w.pass
	var moves []move
	for _, cell := range cells {
		next.seen++
		anew, err := w.anew(cell)
		if err != nil {
			return false, err
		}
		if anew == nil {
			next.stuck++
		} else if len(anew) > 0 {
			moves = append(moves, move{cell, anew})
		}
	}
	next.after = cells[len(cells)-1].After
	w.unsaved += int64(len(cells))
	if len(moves) == 0 && w.unsaved < noteEvery {
		w.pass = next
		return true, nil
	}
	return true, w.replace(ctx, holder, next, moves)
}

// anew seals a value under the target: nil if it cannot be opened, empty if it
// is there already.
func (w *walker) anew(cell Cell) ([]byte, error) {
	key, err := KeyOf(cell.Sealed)
	if err == nil && key == w.pass.target {
		return []byte{}, nil
	}
	plain, err := w.ring.Open(cell.Place, cell.Sealed)
	if f := fault.As(err); f != nil && f.Kind == fault.Broken {
		w.ring.options.Log.Error("a sealed value cannot be opened and stays as it is",
			"table", cell.Place.Table, "column", cell.Place.Column, "row", cell.Place.Row, "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	anew, err := w.ring.Seal(cell.Place, plain)
	if err != nil {
		return nil, err
	}
	if key, err := KeyOf(anew); err != nil || key != w.pass.target {
		return nil, errLost
	}
	return anew, nil
}

func (w *walker) replace(ctx context.Context, holder Sealed, next pass, moves []move) error {
	var saved pass
	err := w.ring.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		p := next
		for _, m := range moves {
			done, err := holder.Replace(tx, m.cell, m.anew)
			if err != nil {
				return store.Abort(err)
			}
			if done {
				p.moved++
			} else {
				p.stuck++ // changed under us: another walk looks at it again
			}
		}
		p.until = tx.Now().Add(w.lease())
		if ours, err := savePass(tx, p); err != nil || !ours {
			return store.Abort(orLost(err))
		}
		saved = p
		return store.Quietly(store.QuietReencrypt)
	})
	if err == nil {
		w.pass, w.unsaved = saved, 0
	}
	return err
}

// finish ends a walk: the values have moved, or the old keys have no reference
// left and are destroyed, or some value is stuck.
func (w *walker) finish(ctx context.Context) error {
	var ended pass
	err := w.ring.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		p := w.pass
		p.until = tx.Now()
		var events []store.Event
		var err error
		switch {
		case p.stuck > 0:
			p.phase, p.since = phaseStuck, tx.Now()
		case p.phase == phaseMoving:
			if !p.told {
				events = append(events, event("seal.values-moved", id.System("seal"),
					"key", decimal(p.target), "values", strconv.FormatInt(p.moved, 10)))
			}
			p.phase, p.since, p.told = phaseWaiting, tx.Now(), true
		default:
			if events, err = w.destroy(tx); err != nil {
				return store.Abort(err)
			}
			p.phase, p.since = phaseDone, tx.Now()
		}
		if ours, err := savePass(tx, p); err != nil || !ours {
			return store.Abort(orLost(err))
		}
		if err := tx.Touch(topic); err != nil {
			return store.Abort(err)
		}
		ended = p
		if len(events) == 0 {
			return store.Quietly(store.QuietReencrypt)
		}
		return store.Done(events[0], events[1:]...)
	})
	if err == nil {
		w.pass = ended
	}
	return err
}

// destroy drops the closed keys, unless the database holds values of a holder
// that this binary does not know.
func (w *walker) destroy(tx *store.Tx) ([]store.Event, error) {
	there, err := holders(&tx.View)
	if err != nil {
		return nil, err
	}
	if foreign := without(there, w.ring.names()); len(foreign) > 0 {
		return nil, fault.New(fault.Unmet, "seal-holder-missing", "name", foreign[0])
	}
	keys, err := destroyKeys(tx)
	if err != nil {
		return nil, err
	}
	var events []store.Event
	for _, key := range keys {
		events = append(events, event("seal.key-destroyed", id.System("seal"), "key", decimal(key), "by-key", decimal(w.pass.target)))
	}
	return events, nil
}

// Progress is how far the house is on its way to the key that writes.
type Progress struct {
	Phase  string   // moving, waiting, closing, stuck, done
	Writes uint32   // the key that writes
	Old    []uint32 // keys that are still there for reading
	Holder string   // where the walk stands
	Seen   int64    // values looked at in this walk
	Moved  int64    // values sealed anew since the rotation
	Stuck  int64    // values of this walk that could not be moved
	Since  time.Time
}

// Progress reads how far the re-encryption is; it needs no open ring.
func (r *Ring) Progress(ctx context.Context) (Progress, error) {
	var out Progress
	err := r.options.Store.House().Read(ctx, func(v *store.View) error {
		ring, err := loadRing(v)
		if err != nil {
			return err
		}
		p, err := loadPass(v)
		if err != nil {
			return err
		}
		keys, err := loadKeys(v)
		if err != nil {
			return err
		}
		out = Progress{string(p.phase), ring.writes, nil, p.holder, p.seen, p.moved, p.stuck, p.since}
		if p.target != ring.writes {
			out.Phase = string(phaseMoving)
		}
		for _, key := range keys {
			if key.id != ring.writes {
				out.Old = append(out.Old, key.id)
			}
		}
		return nil
	})
	return out, err
}

// Probe opens every key that is not destroyed and the first values of every
// holder: what a restore asks before it replaces anything.
func (r *Ring) Probe(ctx context.Context) error {
	k := r.open.Load()
	if k == nil {
		return errSealed()
	}
	if _, err := r.look(ctx, &keyring{root: k.root}); err != nil {
		return err
	}
	for _, name := range r.names() {
		var cells []Cell
		err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
			cells, err = r.holders[name].Next(v, "", batchSize)
			return err
		})
		if err != nil {
			return err
		}
		for _, cell := range cells {
			plain, err := r.Open(cell.Place, cell.Sealed)
			if err != nil {
				return err
			}
			clear(plain)
		}
	}
	return nil
}

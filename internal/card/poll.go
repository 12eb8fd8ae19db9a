package card

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	pollTopic   = "card.poll"
	pollAtOnce  = 16               // polls of one node at a time
	restMost    = 15 * time.Minute // between polls of somebody who is away
	hereFor     = 3 * time.Minute  // after a sign of life
	syncEvery   = 30 * time.Second // connections are compared with what is polled
	missingMost = 20               // questions asked for singly in one poll
	lagMost     = 10 * time.Minute // how long a list may still name what was decided
	repeatLeast = time.Hour        // before a question that came back unchanged is told again
	listMost    = 500              // questions of one person and system
)

// seenMemory keeps signs of life from becoming writes.
type seenMemory struct {
	mu   sync.Mutex
	last map[id.Person]time.Duration
}

const seenEvery = 30 * time.Second

// due reports whether a sign of life is to be written.
func (m *seenMemory) due(who id.Person, now time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.last[who]; ok && now-at < seenEvery {
		return false
	}
	if m.last == nil || len(m.last) > 50_000 {
		m.last = map[id.Person]time.Duration{}
	}
	m.last[who] = now
	return true
}

// Here is told that a person's session is active; it is cheap to call often.
// From then on their questions are read every minute.
func (r *Room) Here(ctx context.Context, who id.Person) {
	if who == "" || r.Systems == nil || !r.seen.due(who, r.Clock.Mono()) {
		return
	}
	err := r.Store.Self(who).Append(ctx, func(tx *store.Tx) store.End {
		now := tx.Now()
		n, err := cameBy(tx, now, r.Every)
		if err != nil {
			return store.Abort(err)
		}
		if n > 0 {
			tx.Wake(pollTopic)
		}
		return store.Quietly(store.QuietSeen)
	})
	if err != nil && ctx.Err() == nil {
		r.Log.Debug("a sign of life could not be written", "err", err)
	}
}

// Rung is told that an outside system rang: what it said is not believed, the
// questions are read soon. A second ring within two seconds changes nothing.
func (r *Room) Rung(ctx context.Context, org id.Org, system id.Connector, tickets []string) error {
	return r.Store.Org(org).Append(ctx, func(tx *store.Tx) store.End {
		if err := rung(tx, system, tickets, tx.Now()); err != nil {
			return store.Abort(err)
		}
		tx.Wake(pollTopic)
		return store.Quietly(store.QuietClaim)
	})
}

// Resync has the connections looked at again: somebody connected or left.
func (r *Room) Resync() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// place is one connection that questions are read by.
type place struct {
	system id.Connector
	person id.Person
}

// rounds is what Run knows.
type rounds struct {
	*Room
	ties    map[place]Tie
	synced  time.Duration
	fresh   bool
	looked  time.Duration // at decisions on their way to apps
	slots   chan struct{}
	freed   chan struct{}
	running sync.WaitGroup
}

// Run reads questions, tells people of new ones and ends what has expired, until
// ctx ends.
func (r *Room) Run(ctx context.Context) {
	rs := &rounds{Room: r, slots: make(chan struct{}, pollAtOnce), freed: make(chan struct{}, 1)}
	watch := r.Store.Watch(pollTopic)
	defer watch.Close()
	defer rs.running.Wait()
	for ctx.Err() == nil {
		if err := rs.round(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn("cards could not be looked after; trying again", "err", err)
		}
		select {
		case <-watch.C:
		case <-rs.freed:
		case <-r.kick:
			rs.fresh = false
		case <-r.Clock.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (rs *rounds) round(ctx context.Context) error {
	errs := []error{rs.expire(ctx), rs.tellDue(ctx), rs.giveUpApps(ctx)}
	if rs.Systems == nil {
		return errors.Join(errs...)
	}
	if !rs.fresh || rs.Clock.Mono()-rs.synced > syncEvery {
		err := rs.sync(ctx)
		rs.fresh, rs.synced = err == nil, rs.Clock.Mono()
		errs = append(errs, err)
	}
	free := cap(rs.slots) - len(rs.slots)
	if free == 0 {
		return errors.Join(errs...)
	}
	due, err := rs.claim(ctx, free)
	ties := rs.ties // replaced as a whole by the next sync
	for _, p := range due {
		rs.slots <- struct{}{}
		rs.running.Go(func() {
			defer rs.leaveSlot()
			rs.poll(ctx, p, ties)
		})
	}
	return errors.Join(append(errs, err)...)
}

// leaveSlot lets the loop look again: there is room for another poll.
func (rs *rounds) leaveSlot() {
	<-rs.slots
	select {
	case rs.freed <- struct{}{}:
	default:
	}
}

// sync compares the connections with what is polled. What is gone is not polled
// any more, and its open questions are withdrawn: the person has left the system.
func (rs *rounds) sync(ctx context.Context) error {
	all, err := rs.Systems.Ties(ctx)
	if err != nil {
		return err
	}
	ties := make(map[place]Tie, len(all))
	for _, t := range all {
		ties[place{t.System, t.Person}] = t
	}
	polled, err := rs.polled(ctx)
	if err != nil {
		return err
	}
	for at, t := range ties {
		if _, known := polled[at]; !known && t.reads(ties) {
			err = errors.Join(err, rs.begin(ctx, t))
		}
	}
	for at, org := range polled {
		if t, there := ties[at]; !there || !t.On {
			err = errors.Join(err, rs.leave(ctx, at, org, there))
		}
	}
	rs.ties = ties
	return err
}

// reads reports whether questions are read by the tie itself: the system's own
// connection for all whom it knows, a person's, or, where a shared one speaks for
// them and nothing reads for all, as that person.
func (t Tie) reads(all map[place]Tie) bool {
	if !t.On || t.Person == "" || !t.Service {
		return t.On
	}
	_, whole := all[place{t.System, ""}]
	return !whole
}

func (rs *rounds) begin(ctx context.Context, t Tie) error {
	return rs.Store.Self(t.Person).Append(ctx, func(tx *store.Tx) store.End {
		if err := beginPoll(tx, t, tx.Now()); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// leave stops a poll. there says that the connection exists and does not work:
// then the questions stay, and the person is led to the switch.
func (rs *rounds) leave(ctx context.Context, at place, org id.Org, there bool) error {
	return rs.Store.Self(at.person).Write(ctx, func(tx *store.Tx) store.End {
		if err := endPoll(tx, at.system); err != nil {
			return store.Abort(err)
		}
		if there || at.person == "" {
			return store.Quietly(store.QuietClaim)
		}
		known, err := ofSource(&tx.View, string(at.system))
		var events []store.Event
		for _, backend := range slices.Sorted(maps.Keys(known)) {
			c := known[backend]
			if c.State == Deciding || c.Org != org {
				continue
			}
			c.State, c.Why = Withdrawn, "disconnected"
			var ok bool
			if ok, err = put(tx, c); err != nil {
				break
			}
			if ok {
				events = append(events, c.event("card.withdrawn", reader))
			}
		}
		return ended(events, err)
	})
}

// ended ends a write with its events, quietly without any.
func ended(events []store.Event, err error) store.End {
	switch {
	case err != nil:
		return store.Abort(err)
	case len(events) == 0:
		return store.Quietly(store.QuietClaim)
	}
	return store.Done(events[0], events[1:]...)
}

// rest is how long until the next poll: a minute while the person is here, then
// ever longer; a fifth of it more or less, so that not all come at once.
func rest(every time.Duration, here bool, idle int64) time.Duration {
	d := every
	if !here {
		d = min(every<<min(idle+1, 6), restMost)
	}
	return d - d/5 + jitter(2*d/5)
}

func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	var b [8]byte
	_, _ = rand.Read(b[:])                                     // never fails (crypto/rand, Go 1.24)
	return time.Duration(binary.BigEndian.Uint64(b[:])>>1) % d //nolint:gosec // shifted: fits
}

// poll reads the questions of one connection.
func (r *Room) poll(ctx context.Context, p claimed, ties map[place]Tie) {
	limit, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := r.Clock.After(r.Timeout)
	go func() {
		select {
		case <-over:
			cancel(context.DeadlineExceeded)
		case <-limit.Done():
		}
	}()
	err := r.Read(limit, p.tie(ties), ties)
	if r.Also != nil {
		err = errors.Join(err, r.Also(limit, p.tie(ties)))
	}
	if err != nil && ctx.Err() == nil {
		r.Log.Info("questions could not be read", "system", p.system, "kind", connector.KindOf(err), "err", err)
	}
	if err := r.finish(context.WithoutCancel(ctx), p, err); err != nil {
		r.Log.Debug("the end of a poll could not be written", "err", err)
	}
}

func (p claimed) tie(ties map[place]Tie) Tie {
	if t, ok := ties[p.place]; ok {
		return t
	}
	return Tie{Org: p.org, System: p.system, Person: p.person}
}

// finish lets others poll again. A system that asks to wait is left alone for
// so long.
func (r *Room) finish(ctx context.Context, p claimed, err error) error {
	var problem *connector.Problem
	hold := time.Duration(0)
	if errors.As(err, &problem) {
		hold = problem.RetryAfter
	}
	return r.Store.Self(p.person).Append(ctx, func(tx *store.Tx) store.End {
		if err := finishPoll(tx, p, string(connector.KindOf(err)), tx.Now().Add(hold)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

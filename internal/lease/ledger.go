package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// Options is what a ledger stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Ended is told in the write that has a thing back; nil: nobody is.
	Ended func(tx *store.Tx, l Lease) ([]store.Event, error)
}

// Ledger begins and ends leases.
type Ledger struct {
	Options
	takers map[string]Taker
}

// New makes a ledger. Every kind that is let out needs its taker.
func New(o Options, takers ...Taker) *Ledger {
	g := &Ledger{Options: o, takers: map[string]Taker{}}
	for _, t := range takers {
		g.takers[t.Kind()] = t
	}
	return g
}

// TimerKind is of the timers that end leases.
const TimerKind = "lease.end"

// keeper acts where nobody does.
var keeper = id.System("lease")

// Begin writes a lease in the caller's write, which lets the thing out. l.ID
// and timer are made outside of it. A second lease of one thing to one person
// is Conflict lease-already; a kind that nobody takes back is an error.
func (g *Ledger) Begin(tx *store.Tx, l Lease, timer job.TimerID) (store.Event, error) {
	switch {
	case g.takers[l.Kind] == nil:
		return store.Event{}, errors.New("lease: nobody takes back " + l.Kind)
	case l.Org == "" || l.Person == "" || !id.Valid(string(l.ID)):
		return store.Event{}, errors.New("lease: needs an organization, a holder and an id")
	case !l.Until.IsZero() && !l.Until.After(tx.Now()):
		return store.Event{}, fault.New(fault.Unmet, "lease-over-before-begun")
	}
	l.State, l.Since = Out, tx.Now()
	in := tx.Org(l.Org)
	if !l.Until.IsZero() {
		l.timer = string(timer)
	}
	// The index says whether there is one: who looked before would have a
	// conflict with everybody who gets something meanwhile.
	if added, err := insertLease(in, l); err != nil || !added {
		if err == nil {
			err = fault.New(fault.Conflict, "lease-already", "title", l.Title)
		}
		return store.Event{}, err
	}
	if l.timer != "" {
		if err := job.At(in, job.Timer{ID: timer, Org: l.Org, Kind: TimerKind, At: l.Until, Payload: []byte(`{"lease":"` + string(l.ID) + `"}`)}); err != nil {
			return store.Event{}, err
		}
	}
	return l.event("lease.begun", l.By, nil), nil
}

// Extend sets another end to a lease that is out, in the caller's write. timer
// is a fresh one, for a lease that had no end.
func (g *Ledger) Extend(tx *store.Tx, of id.Org, which id.Lease, until time.Time, by id.Principal, timer job.TimerID) (Lease, store.Event, error) {
	in := tx.Org(of)
	l, err := leaseByID(&in.View, which)
	switch {
	case err != nil:
		return l, store.Event{}, err
	case l.State != Out || !l.Until.IsZero() && !tx.Now().Before(l.Until):
		return l, store.Event{}, errOver
	case !until.IsZero() && !until.After(tx.Now()):
		return l, store.Event{}, fault.New(fault.Unmet, "lease-over-before-begun")
	}
	if l.timer != "" {
		if err := job.Cancel(in, of, job.TimerID(l.timer)); err != nil && fault.Code(err) != "job-timer-unknown" {
			return l, store.Event{}, err
		}
		l.timer = ""
	}
	if l.Until = until; !until.IsZero() {
		l.timer = string(timer)
		err = job.At(in, job.Timer{ID: timer, Org: of, Kind: TimerKind, At: until, Payload: []byte(`{"lease":"` + string(l.ID) + `"}`)})
	}
	if err == nil {
		err = moveLease(in, l)
	}
	return l, l.event("lease.extended", by, nil), err
}

var (
	errOver   = fault.New(fault.Conflict, "lease-over")
	errTaking = fault.New(fault.Broken, "lease-taking-failed")
)

// Ending ends a lease in the caller's write. The thing is back when the
// returned lease says so; otherwise an effect is on its way.
func (g *Ledger) Ending(tx *store.Tx, of id.Org, which id.Lease, why Why, by id.Principal) (Lease, []store.Event, error) {
	in := tx.Org(of)
	l, err := leaseByID(&in.View, which)
	if err != nil {
		return l, nil, err
	}
	if l.State == Back {
		return l, nil, errOver
	}
	if l.State == Out {
		l.Why, l.Ended, l.EndedBy = why, tx.Now(), by
	}
	taker := g.takers[l.Kind]
	if taker == nil {
		return l, nil, errors.New("lease: nobody takes back " + l.Kind)
	}
	done, events, err := taker.Take(tx, l)
	if err != nil {
		return l, nil, err
	}
	if !done {
		first := l.State == Out
		l.State, l.Trouble, l.Tries = Taking, "", l.Tries+1
		if first {
			events = append(events, l.event("lease.taking", l.EndedBy, map[string]string{"why": string(l.Why)}))
		}
		return l, events, endLease(in, l, tx.Now().Add(rest(l.Tries)))
	}
	more, err := g.back(in, &l)
	return l, append(events, more...), err
}

// Proven says that what was being taken is back, in the write that proves it.
func (g *Ledger) Proven(tx *store.Tx, of id.Org, which id.Lease) ([]store.Event, error) {
	in := tx.Org(of)
	l, err := leaseByID(&in.View, which)
	if err != nil || l.State == Back {
		return nil, err
	}
	return g.back(in, &l)
}

// back writes that the thing is back.
func (g *Ledger) back(in *store.Tx, l *Lease) ([]store.Event, error) {
	l.State, l.Trouble = Back, ""
	if l.timer != "" {
		if err := job.Cancel(in, l.Org, job.TimerID(l.timer)); err != nil && fault.Code(err) != "job-timer-unknown" {
			return nil, err
		}
	}
	if err := endLease(in, *l, time.Time{}); err != nil {
		return nil, err
	}
	events := []store.Event{l.event("lease.ended", l.EndedBy, map[string]string{"why": string(l.Why)})}
	if g.Ended == nil {
		return events, nil
	}
	more, err := g.Ended(in, *l)
	return append(events, more...), err
}

// End ends a lease at once: the holder gives it back, anybody else takes it,
// whom the caller has allowed to. What cannot be taken back now is tried until
// it is; the lease that is returned says so.
func (g *Ledger) End(ctx context.Context, by id.Principal, of id.Org, which id.Lease, why Why) (l Lease, err error) {
	err = g.Store.Org(of).Write(ctx, func(tx *store.Tx) store.End {
		var events []store.Event
		if l, events, err = g.Ending(tx, of, which, why, by); err != nil {
			return store.Abort(err)
		}
		return store.Done(l.event("lease.stop", by, map[string]string{"why": string(why)}), events...)
	})
	if err == nil || errors.Is(err, errOver) || fault.Code(err) == "lease-unknown" || errors.Is(err, store.ErrRehearsed) {
		return l, err
	}
	if f := fault.As(err); f != nil && f.Kind == fault.Busy {
		return l, err
	}
	return l, g.stuck(ctx, of, which, why, by, err)
}

// stuck notes that a thing could not be taken back, and when to try again.
func (g *Ledger) stuck(ctx context.Context, of id.Org, which id.Lease, why Why, by id.Principal, cause error) error {
	code := fault.Code(cause)
	if code == "" {
		code = errTaking.Code
	}
	if f := fault.As(cause); f != nil && f.Kind == fault.Busy {
		return nil // the store's trouble: it is tried again at once
	}
	g.Log.Warn("what is out could not be taken back; trying again", "lease", which, "code", code, "err", cause)
	return g.Store.Org(of).Write(ctx, func(tx *store.Tx) store.End {
		l, err := leaseByID(&tx.View, which)
		if err != nil {
			return store.Abort(err)
		}
		if l.State == Back {
			return store.Quietly(store.QuietClaim)
		}
		told := l.Trouble == code
		if l.State == Out {
			l.Why, l.Ended, l.EndedBy = why, tx.Now(), by
		}
		l.State, l.Trouble, l.Tries = Taking, code, l.Tries+1
		if err := endLease(tx, l, tx.Now().Add(rest(l.Tries))); err != nil {
			return store.Abort(err)
		}
		if told {
			return store.Quietly(store.QuietClaim)
		}
		return store.Done(l.event("lease.stuck", by, map[string]string{"why": string(l.Why), "code": code}))
	})
}

// rest is how long a thing that could not be taken back is left alone: a second
// doubling to ten minutes.
func rest(tries int) time.Duration { return min(time.Second<<min(max(tries-1, 0), 10), 10*time.Minute) }

// Get returns a lease of an organization.
func (g *Ledger) Get(ctx context.Context, of id.Org, which id.Lease) (l Lease, err error) {
	err = g.Store.Org(of).Read(ctx, func(v *store.View) (err error) {
		l, err = leaseByID(v, which)
		return err
	})
	return l, err
}

// Look is Get in the caller's transaction.
func Look(v *store.View, of id.Org, which id.Lease) (Lease, error) {
	return leaseByID(v.Org(of), which)
}

// Held returns the open lease of a thing to a person in the caller's
// transaction; false for none.
func Held(v *store.View, of id.Org, kind, target string, who id.Person) (Lease, bool, error) {
	l, err := openLease(v.Org(of), kind, target, who)
	if errors.Is(err, store.ErrNoRow) {
		return l, false, nil
	}
	return l, err == nil, err
}

// Of returns what a person holds in all organizations, what ends first at the
// front; at most 500.
func (g *Ledger) Of(ctx context.Context, who id.Person) (all []Lease, err error) {
	err = g.Store.Self(who).Read(ctx, func(v *store.View) (err error) {
		all, err = leasesOf(v)
		return err
	})
	return all, err
}

// Query is a search among what is out in an organization.
type Query struct {
	Person id.Person // "" for everybody
	Over   bool      // what is back, too
	Cursor id.Lease  // the last of the page before
	Limit  int       // 50 if it is 0, at most 200
}

// In pages through the leases of an organization, the newest first; next is ""
// after the last.
func (g *Ledger) In(ctx context.Context, of id.Org, q Query) (page []Lease, next id.Lease, err error) {
	if q.Cursor != "" && !id.Valid(string(q.Cursor)) {
		return nil, "", fault.New(fault.Invalid, "cursor-malformed")
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 200)
	err = g.Store.Org(of).Read(ctx, func(v *store.View) (err error) {
		page, err = leasesIn(v, q)
		return err
	})
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	return page, next, err
}

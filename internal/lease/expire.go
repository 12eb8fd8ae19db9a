package lease

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// Expire is the handler of the timers of TimerKind.
func (g *Ledger) Expire(_ context.Context, t job.Timer) (func(tx *store.Tx) store.End, error) {
	var payload struct{ Lease id.Lease }
	if err := json.Unmarshal(t.Payload, &payload); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		l, err := leaseByID(&tx.Org(t.Org).View, payload.Lease)
		if fault.Code(err) == "lease-unknown" || err == nil && (l.State == Back || l.timer != string(t.ID)) {
			return store.Quietly(store.QuietClaim) // ended or extended since
		}
		if err != nil {
			return store.Abort(err)
		}
		_, events, err := g.Ending(tx, t.Org, payload.Lease, Expired, keeper)
		if err != nil {
			return store.Abort(err) // the sweep notes why, and goes on trying
		}
		if len(events) == 0 {
			return store.Quietly(store.QuietClaim)
		}
		return store.Done(events[0], events[1:]...)
	}, nil
}

// sweepEvery is how often what is overdue is looked for, and late how long a
// timer has to do its work before.
const sweepEvery, late = time.Second, 2 * time.Second

// Run takes back what is overdue until ctx ends: what a timer did not end, and
// what could not be taken back when it was tried.
func (g *Ledger) Run(ctx context.Context) {
	for clock.Sleep(ctx, g.Clock, sweepEvery) == nil {
		if err := g.Sweep(ctx); err != nil && ctx.Err() == nil {
			g.Log.Warn("what is overdue could not be looked for; trying again", "err", err)
		}
	}
}

// Sweep takes back what is overdue now.
func (g *Ledger) Sweep(ctx context.Context) error {
	due, err := g.overdue(ctx, g.Clock.Now().Add(-late))
	var errs []error
	for _, l := range due {
		if ctx.Err() != nil {
			break
		}
		errs = append(errs, g.retry(ctx, l))
	}
	return errors.Join(append(errs, err)...)
}

// retry tries to end one overdue lease.
func (g *Ledger) retry(ctx context.Context, l Lease) error {
	why, by := l.Why, l.EndedBy
	if l.State == Out {
		why, by = Expired, keeper
	}
	err := g.Store.Org(l.Org).Write(ctx, func(tx *store.Tx) store.End {
		now, err := leaseByID(&tx.View, l.ID)
		if err == nil && (now.State == Back || now.State == Out && (now.Until.IsZero() || tx.Now().Before(now.Until))) {
			return store.Quietly(store.QuietClaim) // ended or extended since
		}
		if err != nil {
			return store.Abort(err)
		}
		_, events, err := g.Ending(tx, l.Org, l.ID, why, by)
		if err != nil {
			return store.Abort(err)
		}
		if len(events) == 0 {
			return store.Quietly(store.QuietClaim)
		}
		return store.Done(events[0], events[1:]...)
	})
	if err != nil && ctx.Err() == nil {
		return g.stuck(ctx, l.Org, l.ID, why, by, err)
	}
	return err
}

// Forget has what a person holds taken back, in the write that deletes them.
func (g *Ledger) Forget(tx *store.Tx, who id.Person) error {
	return hurryLeases(tx.Self(who), tx.Now())
}

// Leave has what a member holds taken back, in the write that ends the
// membership: it is over even for who comes back.
func (g *Ledger) Leave(tx *store.Tx, of id.Org, who id.Person, by id.Principal) error {
	return leaveLeases(tx.Org(of), who, by, tx.Now())
}

package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// claimLife is how long whoever refreshes may take before another one tries: far
// longer than the call itself may, so that a slow answer is never overtaken
// while it can still be written.
const claimLife = 4 * callMost

// look is how often somebody who waits for another process's refresh looks.
const look = 50 * time.Millisecond

// flight is one refresh under way in this process.
type flight struct {
	done chan struct{}
	c    Connection
	t    tokens
	err  error
}

// flights keeps this process from asking its own database what it knows.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
	wg   sync.WaitGroup
}

// fresh returns the connection with tokens that can be used: those that are
// there, or new ones if they end soon or force says that revision's are dead.
// However many ask, in however many processes, the other side is asked once.
func (d *Desk) fresh(ctx context.Context, s System, w way, c Connection, force bool) (Connection, tokens, error) {
	t, err := d.openTokens(c)
	if err != nil {
		return c, t, err
	}
	old := !c.refreshAt.IsZero() && !d.clock.Now().Before(c.refreshAt)
	if !force && (!old || !w.refreshes(t)) {
		return c, t, nil
	}
	if !w.refreshes(t) {
		return c, t, &Problem{Kind: Unauthorized, Step: "token", Message: "the credential cannot be renewed"}
	}
	f := d.join(ctx, s, w, c)
	select {
	case <-f.done:
		return f.c, f.t, f.err
	case <-ctx.Done():
		return c, t, ctx.Err()
	}
}

// join returns the flight of a connection's revision, and starts it if there is
// none. It runs to its end whoever leaves: an answer that nobody writes down
// would lose the connection.
func (d *Desk) join(ctx context.Context, s System, w way, c Connection) *flight {
	d.flights.mu.Lock()
	defer d.flights.mu.Unlock()
	if f := d.flights.open[c.ID]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if d.flights.open == nil {
		d.flights.open = map[string]*flight{}
	}
	d.flights.open[c.ID] = f
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimLife)
	d.flights.wg.Go(func() {
		defer cancel()
		f.c, f.t, f.err = d.refresh(within, s, w, c)
		d.flights.mu.Lock()
		delete(d.flights.open, c.ID)
		d.flights.mu.Unlock()
		close(f.done)
	})
	return f
}

// refresh takes the claim, asks and writes; or waits for who has the claim.
func (d *Desk) refresh(ctx context.Context, s System, w way, c Connection) (Connection, tokens, error) {
	for {
		claim := secret.Random(16).Reveal()
		mine, err := d.claim(ctx, c, claim)
		if err != nil {
			return c, tokens{}, err
		}
		if mine {
			return d.renew(ctx, s, w, c, claim)
		}
		now, err := d.lookAgain(ctx, c)
		switch {
		case err != nil:
			return c, tokens{}, err
		case now.State != On:
			return now, tokens{}, lost(now)
		case now.revision != c.revision:
			t, err := d.openTokens(now)
			return now, t, err
		}
		select {
		case <-ctx.Done():
			return c, tokens{}, &Problem{Kind: Unavailable, Step: "token", Message: "timeout", Err: ctx.Err()}
		case <-d.clock.After(look):
		}
	}
}

// lost says that a connection is one to make again.
func lost(c Connection) error {
	return &Problem{Kind: Unauthorized, Step: "token", Message: c.State}
}

func (d *Desk) claim(ctx context.Context, c Connection, claim string) (mine bool, err error) {
	err = d.store.Org(c.Org).Write(ctx, func(tx *store.Tx) store.End {
		mine, err = claimConnection(tx, c, claim, tx.Now().Add(claimLife))
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	return mine, err
}

func (d *Desk) lookAgain(ctx context.Context, c Connection) (now Connection, err error) {
	err = d.store.Org(c.Org).Read(ctx, func(v *store.View) error {
		now, err = connectionByID(v, c.ID)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return Connection{Org: c.Org, System: c.System, Person: c.Person, State: Off}, nil
	}
	return now, err
}

// renew asks for the next tokens and writes them down before anybody uses them:
// the new refresh token stands in the row that publishes the access token.
func (d *Desk) renew(ctx context.Context, s System, w way, c Connection, claim string) (Connection, tokens, error) {
	t, err := d.openTokens(c)
	if err != nil {
		return c, t, errors.Join(err, d.giveBack(ctx, c, claim))
	}
	out, err := d.out(s)
	if err == nil { // who could not write the answer down does not ask
		_, err = d.sealTokens(c, t)
	}
	if err != nil {
		return c, t, errors.Join(err, d.giveBack(ctx, c, claim))
	}
	asking, cancel := context.WithTimeout(ctx, callMost)
	t, err = w.anew(asking, out, d.clock.Now(), t)
	cancel()
	switch {
	case KindOf(err) == Unauthorized:
		return c, t, errors.Join(err, d.lose(ctx, s, c, Unauthorized))
	case err != nil:
		return c, t, errors.Join(err, d.giveBack(ctx, c, claim))
	}
	next := c
	now := d.clock.Now()
	next.Expires, next.EndsAt, next.refreshAt, next.renewed = t.expires, t.ends, t.refreshAt(now), now
	err = d.keep(ctx, &next, t, claim) // seals them in next: whoever renews again sends the newest
	return next.afterRenewal(), t, err
}

func (c Connection) afterRenewal() Connection {
	c.revision++
	c.claim, c.claimUntil, c.Trouble = "", time.Time{}, ""
	return c
}

// errOvertaken says that the claim was lost: another one counts by now.
var errOvertaken = errors.New("connector: another process renewed the connection")

// keep writes new tokens, until ctx ends: not written, they are lost.
func (d *Desk) keep(ctx context.Context, next *Connection, t tokens, claim string) (err error) {
	for {
		if next.sealed, err = d.sealTokens(*next, t); err == nil {
			err = d.keepOnce(ctx, *next, claim)
		}
		if err == nil || errors.Is(err, errOvertaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-d.clock.After(look):
		}
	}
}

func (d *Desk) keepOnce(ctx context.Context, next Connection, claim string) error {
	return d.store.Org(next.Org).Write(ctx, func(tx *store.Tx) store.End {
		if err := d.ring.Live(tx.House(), next.sealed); err != nil {
			return store.Abort(err)
		}
		hit, err := renewConnection(tx, next, claim)
		if err == nil && !hit {
			err = errOvertaken
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(next.event("connection.renewed", id.System("connector")))
	})
}

func (d *Desk) giveBack(ctx context.Context, c Connection, claim string) error {
	return d.store.Org(c.Org).Write(ctx, func(tx *store.Tx) store.End {
		if err := letGo(tx, c, claim); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// lose makes a connection one to make again, and tells its person once.
func (d *Desk) lose(ctx context.Context, s System, c Connection, why Kind) error {
	queue, err := d.prepare(ctx, Notice{Connection: c, System: s, Lost: true})
	if err != nil {
		return err
	}
	return d.store.Org(c.Org).Write(ctx, func(tx *store.Tx) store.End {
		hit, err := loseConnection(tx, c, string(why))
		if err != nil {
			return store.Abort(err)
		}
		if !hit {
			return store.Quietly(store.QuietClaim)
		}
		if err := errors.Join(queue(tx), tx.Touch(Topic)); err != nil {
			return store.Abort(err)
		}
		c.State, c.Trouble = Reconnect, string(why)
		return store.Done(c.event("connection.lost", id.System("connector")))
	})
}

// WarnAhead is how long before its known end a connection's person is told.
const WarnAhead = 14 * 24 * time.Hour

// Warn tells the people whose connections end within WarnAhead, each once. It
// returns how many it told.
func (d *Desk) Warn(ctx context.Context) (told int, err error) {
	const most = 100
	var soon []Connection
	err = d.store.House().Read(ctx, func(v *store.View) error {
		soon, err = ending(v, d.clock.Now().Add(WarnAhead), most)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, c := range soon {
		hit, err := d.warn(ctx, c)
		if err != nil {
			return told, err
		}
		if hit {
			told++
		}
	}
	return told, nil
}

func (d *Desk) warn(ctx context.Context, c Connection) (hit bool, err error) {
	s, err := d.System(ctx, c.Org, c.System)
	if err != nil {
		return false, err
	}
	queue, err := d.prepare(ctx, Notice{Connection: c, System: s})
	if err != nil {
		return false, err
	}
	err = d.store.Org(c.Org).Write(ctx, func(tx *store.Tx) store.End {
		if hit, err = warnConnection(tx, c); err != nil {
			return store.Abort(err)
		}
		if !hit {
			return store.Quietly(store.QuietClaim)
		}
		if err := queue(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(c.event("connection.ending", id.System("connector")))
	})
	return hit, err
}

package job

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// errTaken means that the row was claimed by somebody else since: what we know
// of it no longer counts.
var errTaken = errors.New("job: the effect was taken over")

// claimed is an inflight row as recovery sees it.
type claimed struct {
	id             id.Effect
	driver, target string
	fenceNo        int64
	sentAt         time.Time
	fenceUntil     time.Time
}

// ready is the first effect that a target has to do.
type ready struct {
	place
	due    time.Time
	sentAt time.Time // of its last call; zero if none
}

type workload struct {
	inflight []claimed
	ready    []ready
}

// lookMost bounds the inflight rows of one look: more than all nodes have open.
const lookMost = 2000

// look reads what there is to do. It steps from target to target by the index,
// so a queue of 100,000 costs as much as one effect.
func look(ctx context.Context, s *store.Store) (w workload, err error) {
	err = s.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT id, driver, target, fence_no, sent_at, fence_until FROM job_effect
			WHERE state = 'inflight' ORDER BY fence_until LIMIT $1`, lookMost)
		w.inflight, err = store.Collect(rows, err, scanClaimed)
		if err != nil {
			return err
		}
		var at ready
		for {
			var due, sent int64
			err := v.Row(`SELECT driver, target, due, sent_at FROM job_effect
				WHERE state = 'intended' AND waits = 0 AND (driver, target) > ($1, $2)
				ORDER BY driver, target, due LIMIT 1`, at.driver, at.target).Scan(&at.driver, &at.target, &due, &sent)
			if errors.Is(err, store.ErrNoRow) {
				return nil
			}
			if err != nil {
				return err
			}
			at.due, at.sentAt = store.FromMicros(due), store.FromMicros(sent)
			w.ready = append(w.ready, at)
		}
	})
	return w, err
}

func scanClaimed(scan func(...any) error) (c claimed, err error) {
	var sent, until int64
	err = scan(&c.id, &c.driver, &c.target, &c.fenceNo, &sent, &until)
	c.sentAt, c.fenceUntil = store.FromMicros(sent), store.FromMicros(until)
	return c, err
}

const callColumns = ` RETURNING id, org, target, line, payload, principal, probe, tries, fence_no, sent_at, first_at`

func (c *call) scan(scan func(...any) error) error {
	var payload string
	var probe, sent, first int64
	err := scan(&c.effect.ID, &c.effect.Org, &c.effect.Target, &c.effect.Line, &payload, &c.effect.By,
		&probe, &c.tries, &c.fenceNo, &sent, &first)
	c.effect.Driver, c.effect.Payload = c.driver.Name, json.RawMessage(payload)
	c.probe, c.sentAt, c.firstAt = probe == 1, store.FromMicros(sent), store.FromMicros(first)
	return err
}

// claim takes up to most effects of a target that are due by a time. The outer UPDATE repeats the
// old state: with the subquery alone two nodes would claim one row.
func (d *Desk) claim(driver *Driver, target string, by time.Time, most int) ([]*call, error) {
	stamp := d.Clock.Mono() // before the wall stamp: the call's time counts from here
	var calls []*call       // a closure that overran may still write here: looked at only once it has ended well
	err := d.write(func(tx *store.Tx) store.End {
		now := tx.Now()
		rows, err := tx.Query(`UPDATE job_effect SET state = 'inflight', owner = $1, fence_no = fence_no + 1,
			sent_at = $2, fence_until = $3, first_at = CASE WHEN first_at = 0 THEN CAST($2 AS BIGINT) ELSE first_at END
			WHERE id IN (SELECT id FROM job_effect WHERE driver = $4 AND target = $5
				AND state = 'intended' AND waits = 0 AND due <= $6 ORDER BY due, id LIMIT $7)
			AND state = 'intended'`+callColumns,
			d.owner, store.Micros(now), store.Micros(now.Add(driver.fence())), driver.Name, target, store.Micros(by), most)
		mine, err := store.Collect(rows, err, func(scan func(...any) error) (*call, error) {
			c := &call{driver: driver, stampMono: stamp}
			return c, c.scan(scan)
		})
		if err != nil {
			return store.Abort(err)
		}
		calls = mine
		return store.Quietly(store.QuietClaim)
	})
	if err != nil {
		return nil, err
	}
	return calls, nil
}

// takeOver claims an inflight row whose fence has passed, exactly as it was
// seen.
func (d *Desk) takeOver(c *call) error {
	stamp, seenNo, seenAt := d.Clock.Mono(), c.fenceNo, c.sentAt
	again := 0
	if c.driver.Probe == nil {
		again = 1 // an idempotent call is simply made again: that is a try
	}
	return d.write(func(tx *store.Tx) store.End {
		now := tx.Now()
		err := c.scan(tx.Row(`UPDATE job_effect SET owner = $1, fence_no = fence_no + 1, sent_at = $2, fence_until = $3,
			probe = $4, tries = tries + $5
			WHERE id = $6 AND state = 'inflight' AND fence_no = $7 AND sent_at = $8`+callColumns,
			d.owner, store.Micros(now), store.Micros(now.Add(c.driver.fence())), 1-again, again,
			string(c.effect.ID), seenNo, store.Micros(seenAt)).Scan)
		c.stampMono = stamp
		if errors.Is(err, store.ErrNoRow) {
			return store.Abort(errTaken)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// stampAnew lets every inflight row wait its whole fence from now. It only ever
// moves stamps on: those of the future are not believed anyway.
func (d *Desk) stampAnew() error {
	return d.write(func(tx *store.Tx) store.End {
		_, err := tx.Exec(`UPDATE job_effect SET fence_until = CAST($1 AS BIGINT) + fence_until - sent_at, sent_at = $1
			WHERE state = 'inflight' AND sent_at < $1`, store.Micros(tx.Now()))
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// write is one after the other on PostgreSQL: the desk's own SERIALIZABLE
// writes share index pages, so that side by side they make each other fail and
// be done again (4 of 10, measured). On SQLite side by side is one group commit.
func (d *Desk) write(f func(*store.Tx) store.End) error {
	if d.Store.Engine() == "postgres" {
		d.serial.Lock()
		defer d.serial.Unlock()
	}
	return d.Store.House().Write(context.Background(), f)
}

func (d *Desk) append(f func(*store.Tx) store.End) error {
	return d.Store.House().Append(context.Background(), f)
}

// mine restricts an UPDATE to the row as our claim left it. What follows is one
// such UPDATE each: at READ COMMITTED it looks at the row's newest version once
// it has its lock, so Append is as safe as Write here, and on PostgreSQL two
// effects that end at once do not make each other fail for sharing a page.
const mine = ` WHERE id = $1 AND state = 'inflight' AND owner = $2 AND fence_no = $3`

func (d *Desk) mine(c *call, more ...any) []any {
	return append([]any{string(c.effect.ID), d.owner, c.fenceNo}, more...)
}

// one runs an UPDATE that must hit our row.
func one(tx *store.Tx, query string, args []any) error {
	n, err := tx.Exec(query, args...)
	if err == nil && n == 0 {
		return errTaken
	}
	return err
}

// restamp commits a fresh stamp before a call is made again: the second call
// can be cut off too, and must then be waited out from here.
func (d *Desk) restamp(c *call) error {
	stamp := d.Clock.Mono()
	err := d.append(func(tx *store.Tx) store.End {
		now := tx.Now()
		c.sentAt, c.stampMono = now, stamp
		err := one(tx, `UPDATE job_effect SET sent_at = $4, fence_until = $5, tries = $6`+mine,
			d.mine(c, store.Micros(now), store.Micros(now.Add(c.driver.fence())), c.tries))
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	return err
}

// putBack returns the effect to the queue, due after rest.
func (d *Desk) putBack(c *call, why string, rest time.Duration) error {
	return d.append(func(tx *store.Tx) store.End {
		err := one(tx, `UPDATE job_effect SET state = 'intended', probe = $4, tries = $5, due = $6, why = $7`+mine,
			d.mine(c, flag(c.probe), c.tries, store.Micros(tx.Now().Add(rest)), why))
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// note leaves the row inflight and says why it stays there.
func (d *Desk) note(c *call, why string) error {
	return d.append(func(tx *store.Tx) store.End {
		if err := one(tx, `UPDATE job_effect SET why = $4`+mine, d.mine(c, why)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

func (d *Desk) park(c *call, why string) error {
	return d.append(func(tx *store.Tx) store.End {
		err := one(tx, `UPDATE job_effect SET state = 'parked', probe = $4, tries = $5, why = $6`+mine,
			d.mine(c, flag(c.probe), c.tries, why))
		if err == nil && c.driver.Aside {
			err = stepAside(tx, c.effect)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(d.event("effect.parked", c, "why", why))
	})
}

// thenError is what Driver.Then answered: the effect is proven, and what
// should follow from it cannot be written.
type thenError struct{ error }

// Unwrap lets the store see what it retries.
func (t thenError) Unwrap() error { return t.error }

// complete writes the proven end, its witness and what follows, in one
// transaction. A room's own closure gets the law it expects: SERIALIZABLE. Lines
// are safe without: all who touch one hold its row.
func (d *Desk) complete(c *call, how string, result json.RawMessage) error {
	write := d.append
	if c.driver.Then != nil {
		write = d.write
	}
	return write(func(tx *store.Tx) store.End {
		err := one(tx, `UPDATE job_effect SET state = 'done', probe = 0, ended_at = $4, why = '', result = $5`+mine,
			d.mine(c, store.Micros(tx.Now()), string(result)))
		if err != nil {
			return store.Abort(err)
		}
		if err := moveUp(tx, c.effect); err != nil {
			return store.Abort(err)
		}
		var more []store.Event
		if c.driver.Then != nil {
			if more, err = c.driver.Then(tx, c.effect, result); err != nil {
				return store.Abort(thenError{err})
			}
		}
		return store.Done(d.event("effect.done", c, "how", how), more...)
	})
}

func (d *Desk) event(name string, c *call, key, value string) store.Event {
	return store.Event{
		Name: name, Org: c.effect.Org, By: id.OfNode(d.Node), Target: "effect:" + string(c.effect.ID),
		Fields: map[string]string{
			"driver": c.effect.Driver, "target": c.effect.Target, "line": c.effect.Line,
			"tries": strconv.FormatInt(c.tries, 10), key: value,
		},
	}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

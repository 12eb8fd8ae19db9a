package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
)

// call is one claim of an effect on its way.
type call struct {
	effect    Effect
	driver    *Driver
	target    *target
	recovers  bool // the row is inflight and has yet to be taken over
	probe     bool
	tries     int64
	fenceNo   int64
	sentAt    time.Time
	firstAt   time.Time
	stampMono time.Duration // just before the stamp
	begunMono time.Duration
}

// Codes of what went wrong, as the console shows them beside a driver's own.
const (
	whyUnknown  = "job-outcome-unknown"  // nobody knows yet whether it was done
	whyAway     = "job-target-away"      // the target was not there
	whyUnproved = "job-probe-failed"     // it could not be found out
	whyNever    = "job-cannot-be-known"  // the target shows nothing to find it by
	whyLate     = "job-claim-too-old"    // the process was held up before the call
	whyFollow   = "job-follow-up-failed" // done, but what follows could not be written
	whyNothing  = "job-had-no-effect"    // called, and a probe found nothing
)

// run brings an effect as far as it goes.
func (d *Desk) run(c *call) {
	if c.recovers {
		if err := d.takeOver(c); err != nil {
			d.said("take over", c, err)
			return
		}
		if c.tries >= int64(d.Tries) && !c.probe {
			d.put(c, func() error { return d.park(c, whyUnknown) })
			return
		}
	}
	if c.probe && !d.probed(c) {
		return
	}
	d.send(c)
}

// probed looks for the marker. It reports whether the call is to be made
// again; then the row is stamped afresh.
func (d *Desk) probed(c *call) (again bool) {
	found, err := d.ask(c)
	switch {
	case errors.Is(err, ErrUnprovable):
		d.put(c, func() error { return d.park(c, whyNever) })
		return false
	case err != nil:
		d.failed(c)
		d.rest(c, whyUnproved, d.Backoff(int(c.tries)+1))
		return false
	case found:
		d.answered(c)
		d.finish(c, "probed", nil)
		return false
	}
	d.answered(c)
	c.probe = false
	c.tries++
	if c.tries >= int64(d.Tries) {
		d.put(c, func() error { return d.park(c, whyNothing) })
		return false
	}
	if err := d.restamp(c); err != nil {
		d.said("stamp", c, err)
		return false
	}
	return true
}

// ask calls the driver's probe.
func (d *Desk) ask(c *call) (found bool, err error) {
	ctx, cancel := d.limit(c.driver.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			found, err = false, fmt.Errorf("job: probe of %s panicked: %v", c.driver.Name, p)
		}
	}()
	if c.driver.Probe == nil {
		return false, nil // the driver became idempotent since the row was written
	}
	return c.driver.Probe(ctx, c.effect)
}

// send makes the call, unless so much time has passed since its stamp that
// somebody else may believe it over.
func (d *Desk) send(c *call) {
	passed := max(d.Clock.Mono()-c.stampMono, d.Clock.Now().Sub(c.sentAt))
	left := c.driver.Timeout - passed
	if left <= 0 {
		d.put(c, func() error { return d.putBack(c, whyLate, 0) })
		return
	}
	result, err := d.do(c, left)
	var refusal *Refusal
	var away *Away
	switch {
	case err == nil:
		d.answered(c)
		d.finish(c, "answered", result)
	case errors.As(err, &refusal):
		d.answered(c)
		d.refused(c, refusal)
	case errors.As(err, &away):
		d.away(c, away)
	default:
		d.failed(c)
		d.unknown(c, err)
	}
}

func (d *Desk) do(c *call, left time.Duration) (result json.RawMessage, err error) {
	ctx, cancel := d.limit(left)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, fmt.Errorf("job: driver %s panicked: %v", c.driver.Name, p)
		}
	}()
	result, err = c.driver.Do(ctx, c.effect)
	if err == nil && len(result) > 0 && (len(result) > mostPayload || !json.Valid(result)) {
		d.Log.Warn("a driver's result is no JSON or too long; dropped", "driver", c.driver.Name, "effect", c.effect.ID)
		result = nil
	}
	return result, err
}

// limit is a context that ends after left by the desk's clock, or when a stop
// loses patience.
func (d *Desk) limit(left time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(d.calls)
	over := d.Clock.After(left)
	go func() {
		select {
		case <-over:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// refused: the target is alive and said no.
func (d *Desk) refused(c *call, r *Refusal) {
	c.tries++
	c.probe = false
	if r.Final || c.tries >= int64(d.Tries) {
		d.put(c, func() error { return d.park(c, r.Code) })
		return
	}
	d.put(c, func() error { return d.putBack(c, r.Code, d.Backoff(int(c.tries))) })
}

// away: nothing was done, and it is not the effect's fault. Retry-After holds
// for the whole target.
func (d *Desk) away(c *call, a *Away) {
	c.probe = false
	rest := d.Backoff(int(c.tries) + 1)
	d.mu.Lock()
	if a.After > 0 {
		c.target.answered(d.Clock.Mono())
		c.target.hold(d.Clock.Mono(), a.After)
		rest = min(a.After, holdMost)
	} else {
		c.target.failed(d.Clock.Mono())
	}
	d.mu.Unlock()
	d.rest(c, whyAway, rest)
}

// unknown: the call may have taken effect, or may yet. With a probe the row
// stays inflight until its fence has passed; an idempotent one goes back.
func (d *Desk) unknown(c *call, err error) {
	d.Log.Info("a call ended without a known outcome", "driver", c.driver.Name, "effect", c.effect.ID, "err", err)
	if c.driver.Probe == nil {
		c.tries++
		if c.tries >= int64(d.Tries) {
			d.put(c, func() error { return d.park(c, whyUnknown) })
			return
		}
		d.rest(c, whyUnknown, d.Backoff(int(c.tries)))
		return
	}
	d.mu.Lock()
	d.sent[c.effect.ID] = sighting{c.fenceNo, c.stampMono}
	d.mu.Unlock()
	d.said("note", c, d.note(c, whyUnknown))
}

// rest puts the effect back, or parks it once patience is over.
func (d *Desk) rest(c *call, why string, after time.Duration) {
	d.put(c, func() error {
		if d.Clock.Now().Sub(c.firstAt) > d.Patience {
			return d.park(c, why)
		}
		return d.putBack(c, why, after)
	})
}

// finish writes the proven end.
func (d *Desk) finish(c *call, how string, result json.RawMessage) {
	d.put(c, func() error {
		err := d.complete(c, how, result)
		var then thenError
		if f := fault.As(err); errors.As(err, &then) && (f == nil || f.Kind != fault.Busy) {
			d.Log.Error("what follows from an effect cannot be written; parked", "driver", c.driver.Name, "effect", c.effect.ID, "err", err)
			c.probe = c.driver.Probe != nil
			return d.park(c, whyFollow)
		}
		return err
	})
}

// put writes what is known of the effect, again and again while the database is
// away, as long as nobody else can have taken it over.
func (d *Desk) put(c *call, write func() error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := write()
		if err == nil {
			return
		}
		over := d.Clock.Mono()-c.stampMono > c.driver.fence()
		if errors.Is(err, errTaken) || over || fault.Code(err) == "store-closed" {
			d.said("write the end", c, err)
			return
		}
		if clock.Sleep(d.calls, d.Clock, pause) != nil {
			return
		}
	}
}

// said logs what kept a step from being written; recovery goes on from there.
func (d *Desk) said(step string, c *call, err error) {
	if err != nil && !errors.Is(err, errTaken) {
		d.Log.Warn("an effect waits for recovery", "step", step, "effect", c.effect.ID, "err", err)
	}
}

func (d *Desk) answered(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.target.answered(d.Clock.Mono())
}

func (d *Desk) failed(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.target.failed(d.Clock.Mono())
}

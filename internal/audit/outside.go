package audit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// pusher brings the newest checkpoint to one place. What is between two pushes
// need not arrive: the newer one proves the older ones' records too. A place
// that is away delays nobody else.
type pusher struct {
	log   *Log
	place Outside
	wake  chan struct{}
	mu    sync.Mutex // one Send at a time
}

const (
	sendMost     = 30 * time.Second // one try
	retryLeast   = time.Second      // doubles …
	retryLongest = 5 * time.Minute  // … up to this
	errorMost    = 500              // bytes of an error that are kept
)

func (l *Log) wakeOutside() {
	for _, p := range l.outside {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// until pushes until ctx ends. It looks by itself as well: a node that takes
// the sequencer's seat goes on with what the other left.
func (p *pusher) until(ctx context.Context) {
	wait := retryLongest
	failing := false
	for ctx.Err() == nil {
		woken := p.wake
		if failing {
			woken = nil // a place that is away is not knocked at for every checkpoint
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-woken:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		if err := p.push(ctx); err == nil {
			wait, failing = retryLongest, false
		} else if failing {
			wait = min(2*wait, retryLongest)
		} else {
			wait, failing = retryLeast, true
		}
	}
}

// last is one try at the end of a process's life.
func (p *pusher) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = p.push(ctx) // its state says what failed
}

// push sends the newest checkpoint if the place does not have it and this node
// is the sequencer.
func (p *pusher) push(ctx context.Context) error {
	l := p.log
	p.mu.Lock()
	defer p.mu.Unlock()
	var newest Checkpoint
	var state OutsideState
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		if newest, err = newestCheckpoint(v); err == nil {
			state, err = readOutside(v, p.place.Name())
		}
		return err
	})
	if err != nil {
		return err
	}
	l.seat.mu.Lock()
	seated := l.seat.fence != 0
	l.seat.mu.Unlock()
	if !seated || newest.Size == 0 || newest.Epoch == state.Epoch && newest.Size <= state.Size {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, sendMost)
	err = p.place.Send(within, newest)
	cancel()
	if err != nil {
		l.log.Warn("a place outside did not take the checkpoint", "place", p.place.Name(), "err", err)
	}
	return errors.Join(err, p.note(ctx, newest, err))
}

// note writes down how the push went.
func (p *pusher) note(ctx context.Context, c Checkpoint, failed error) error {
	ctx = context.WithoutCancel(ctx)
	return p.log.store.House().Append(ctx, func(tx *store.Tx) store.End {
		now := store.Micros(tx.Now())
		var err error
		if failed == nil {
			_, err = tx.Exec(`INSERT INTO audit_outside (name, epoch, size, pushed_at, failed_at, error) VALUES ($1, $2, $3, $4, 0, '')
				ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, size = excluded.size, pushed_at = excluded.pushed_at, error = ''`,
				p.place.Name(), c.Epoch, c.Size, now)
		} else {
			_, err = tx.Exec(`INSERT INTO audit_outside (name, epoch, size, pushed_at, failed_at, error) VALUES ($1, 0, 0, 0, $2, $3)
				ON CONFLICT (name) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error`,
				p.place.Name(), now, short(failed.Error(), errorMost))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSequence)
	})
}

// OutsideState is how it stands with one place outside.
type OutsideState struct {
	Name     string
	Epoch    int64     // of the checkpoint that it has
	Size     int64     // records that this checkpoint covers
	PushedAt time.Time // zero: never
	FailedAt time.Time // the last failure; zero: never
	Error    string    // of the last try; "" if it went well
	Behind   int64     // records in the tree that its checkpoint does not cover
}

const selectOutside = "SELECT name, epoch, size, pushed_at, failed_at, error FROM audit_outside WHERE name = $1"

func readOutside(v *store.View, name string) (OutsideState, error) {
	o := OutsideState{Name: name}
	var pushed, failed int64
	err := v.Row(selectOutside, name).Scan(&o.Name, &o.Epoch, &o.Size, &pushed, &failed, &o.Error)
	if errors.Is(err, store.ErrNoRow) {
		err = nil
	}
	o.PushedAt, o.FailedAt = store.FromMicros(pushed), store.FromMicros(failed)
	return o, err
}

// OutsideStates returns how it stands with the configured places, in their
// order.
func (l *Log) OutsideStates(ctx context.Context) (all []OutsideState, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		all = nil
		head, err := readHead(v)
		for _, p := range l.outside {
			var o OutsideState
			if err == nil {
				o, err = readOutside(v, p.place.Name())
			}
			o.Behind = head.size - o.Size
			all = append(all, o)
		}
		return err
	})
	return all, err
}

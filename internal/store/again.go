package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// patienceMost is how long a write is tried again that cannot be serialised,
// when Options.Patience is 0. It is less than a browser waits.
const patienceMost = 8 * time.Second

const (
	// turnMost is how long one try may keep others of this process from their
	// turn, and nodesMost how long one waits for another node's.
	turnMost, nodesMost = 2 * time.Second, time.Second
	// calm is how many writes have to get through at once before they go side by
	// side again.
	calm = 16
	// restMost bounds the pause between two tries: it grows, and all of it is
	// chance, for those who collided must not collide again.
	restMost = 200 * time.Millisecond
)

// strife is how writes get through that PostgreSQL cannot serialise. It looks for
// conflicts by whole pages of an index, so that of many who write at once nearly
// all have one, whatever they write. Once it said so, the writes of a process go
// one after the other: first come, first served, and whoever has their turn keeps
// it until they are through; those of several nodes take turns by a lock in the
// database. All of this is courtesy, within limits: what is right is PostgreSQL's
// to say, and who does not know of a conflict yet comes in between.
type strife struct {
	lane  chan struct{} // holds whoever has their turn
	heat  atomic.Int64  // how many writes go one after the other yet
	again atomic.Int64
	busy  atomic.Int64
}

func newStrife() *strife { return &strife{lane: make(chan struct{}, 1)} }

// Strife is how often writes of this process could not be serialised: how many
// were tried again, each try counted, and how many were given up (store-busy).
// SQLite has none of it.
func (s *Store) Strife() (again, busy int64) {
	if e, ok := s.engine.(*postgresEngine); ok {
		return e.strife.again.Load(), e.strife.busy.Load()
	}
	return 0, 0
}

// turn is somebody's in the lane. One try that takes long gives it back.
type turn struct {
	leave func()
	timer *time.Timer
}

// wait waits for a turn until ctx ends.
func (s *strife) wait(ctx context.Context) (turn, bool) {
	select {
	case s.lane <- struct{}{}: // in the order in which they came
	case <-ctx.Done():
		return turn{}, false
	}
	leave := sync.OnceFunc(func() { <-s.lane })
	return turn{leave, time.AfterFunc(turnMost, leave)}, true
}

func (t turn) end() {
	if t.leave != nil {
		t.timer.Stop()
		t.leave()
	}
}

// amongNodes waits for the turn of this node; who waits in vain goes on all the
// same. The lock is the session's: a transaction sees what was there when its
// first statement began, and waiting would be one. It returns how to let go.
func amongNodes(ctx context.Context, conn *sql.Conn) (letGo func()) {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d; SELECT pg_advisory_lock(%d)", nodesMost.Milliseconds(), lockStrife))
	if err != nil {
		return func() {}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nodesMost)
		defer cancel()
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", lockStrife)); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // the lock ends with its session
		}
	}
}

// serialize runs w until it is serialised, its caller has gone, or the time is
// over. Nothing of the tries before is left.
func (e *postgresEngine) serialize(w *work) error {
	ctx, cancel := context.WithTimeout(w.ctx, e.patience())
	defer cancel()
	defer context.AfterFunc(e.store.ctx, cancel)()
	var mine turn
	defer func() { mine.end() }()
	if e.strife.heat.Load() > 0 {
		if mine, w.turn = e.strife.wait(ctx); !w.turn {
			return e.givenUp(w, errors.New("store: no turn came"))
		}
	}
	err := e.once(w)
	if !serialization(err) {
		if w.turn {
			e.strife.heat.Add(-1)
		}
		return err
	}
	e.strife.heat.Store(calm)
	if !w.turn {
		mine, w.turn = e.strife.wait(ctx)
	}
	return e.again(ctx, w, mine, err)
}

// alone runs a write that reads nothing which others could change: it stands in
// no lane, and is tried again where it was in a deadlock.
func (e *postgresEngine) alone(w *work) error {
	err := e.once(w)
	if !serialization(err) {
		return err
	}
	ctx, cancel := context.WithTimeout(w.ctx, e.patience())
	defer cancel()
	defer context.AfterFunc(e.store.ctx, cancel)()
	return e.again(ctx, w, turn{}, err)
}

// again tries a write again, after growing pauses.
func (e *postgresEngine) again(ctx context.Context, w *work, mine turn, err error) error {
	for try := 1; serialization(err); try++ {
		select {
		case <-ctx.Done():
			return e.givenUp(w, err)
		case <-time.After(jitter(min(time.Millisecond<<min(try, 10), restMost))):
		}
		if w.turn {
			mine.timer.Reset(turnMost)
		}
		e.strife.again.Add(1)
		err = e.once(w)
	}
	return err
}

// patience is never less than one try may take.
func (e *postgresEngine) patience() time.Duration {
	if most := e.store.options.Patience; most > 0 {
		return most
	}
	return max(patienceMost, e.overrun)
}

// givenUp is the end of a write that was never serialised.
func (e *postgresEngine) givenUp(w *work, cause error) error {
	switch {
	case e.store.ctx.Err() != nil:
		return errClosed()
	case errors.Is(w.ctx.Err(), context.Canceled):
		return w.ctx.Err()
	}
	e.strife.busy.Add(1)
	return fault.New(fault.Busy, "store-busy").RetryAfter(time.Second).Because(cause)
}

// jitter returns a random duration below most.
func jitter(most time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return time.Duration(binary.BigEndian.Uint64(b[:]) % uint64(most))
}

// Package clock is the only place that reads the time of the machine. Time is a
// field everywhere else, so that tests move it (libfaketime has no effect on Go
// programs) and so that a stepped wall clock is seen.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock tells the time and waits.
type Clock interface {
	// Now returns UTC wall time, cut to microseconds as the store keeps it.
	Now() time.Time
	// Mono returns the time since the clock was made; it never steps back.
	Mono() time.Duration
	// After returns a channel that receives once d has passed (monotonic).
	After(d time.Duration) <-chan time.Time
}

// Sleep waits for d on c, or returns the context's error if it ends first.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.After(d):
		return nil
	}
}

type system struct{ start time.Time }

// System returns the machine's clock.
func System() Clock { return system{start: time.Now()} }

func (s system) Now() time.Time                         { return time.Now().UTC().Truncate(time.Microsecond) }
func (s system) Mono() time.Duration                    { return time.Since(s.start) }
func (s system) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Moved is a clock that stands still until a test moves it.
type Moved struct {
	mu    sync.Mutex
	now   time.Time
	mono  time.Duration
	waits []wait
}

type wait struct {
	at time.Duration
	ch chan time.Time
}

// NewMoved returns a clock that stands at now.
func NewMoved(now time.Time) *Moved {
	return &Moved{now: now.UTC().Truncate(time.Microsecond)}
}

// Now returns the time the clock was last moved to.
func (m *Moved) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Mono returns how far the clock was advanced in all.
func (m *Moved) Mono() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mono
}

// After returns a channel that receives when Advance has passed d.
func (m *Moved) After(d time.Duration) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- m.now
		return ch
	}
	m.waits = append(m.waits, wait{at: m.mono + d, ch: ch})
	return ch
}

// Advance moves wall and monotonic time on by d and wakes who waited.
func (m *Moved) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	m.mono += d
	kept := m.waits[:0]
	for _, w := range m.waits {
		if w.at <= m.mono {
			w.ch <- m.now
		} else {
			kept = append(kept, w)
		}
	}
	m.waits = kept
}

// Step sets the wall clock by d without any time passing, as a bad NTP server
// or an operator does; d may be negative.
func (m *Moved) Step(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

// Waiting returns how many waits are pending, so that a test can advance only
// once its subject waits.
func (m *Moved) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waits)
}

// Drift watches wall time against monotonic time.
type Drift struct {
	clock Clock
	wall  time.Time
	mono  time.Duration
}

// NewDrift starts to watch c.
func NewDrift(c Clock) *Drift { return &Drift{clock: c, wall: c.Now(), mono: c.Mono()} }

// Step returns how far the wall clock has stepped against the monotonic one
// since the last call (positive: it jumped ahead).
func (d *Drift) Step() time.Duration {
	wall, mono := d.clock.Now(), d.clock.Mono()
	step := wall.Sub(d.wall) - (mono - d.mono)
	d.wall, d.mono = wall, mono
	return step
}

package fake

import (
	"context"
	"crypto/rand"
	"math/big"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// Stage is what a simulator stands on. Its state is touched inside Do only.
type Stage struct {
	Clock    clock.Clock
	Mischief *Mischief

	mu      sync.Mutex
	agenda  []effect
	writes  []*Write
	muted   bool // a lie is told: nothing is put on the agenda
	closed  bool
	closing chan struct{}
	running sync.WaitGroup

	notes sync.Mutex // guards the calls, which are noted inside Do and outside of it
	calls []*Call
}

// effect is something that happens at a time.
type effect struct {
	due time.Time
	run func()
}

// Call is one request that came in.
type Call struct {
	At           time.Time
	Who          string // login, or ""
	Method, Path string
	Query        string
	Status       int // 0 if there was no answer
}

// Write is one request that wants something changed.
type Write struct {
	At           time.Time // when it came
	Landed       time.Time // when it took effect; zero for never
	By           string    // login
	Method, Path string
	Object       string // what it changes, such as a sys_id or an issue key
	Body         string
}

// NewStage makes a stage; a nil clock is the machine's.
func NewStage(c clock.Clock, m *Mischief) *Stage {
	if c == nil {
		c = clock.System()
	}
	return &Stage{Clock: c, Mischief: m, closing: make(chan struct{})}
}

// Do runs f under the lock, behind all effects that are due.
func (s *Stage) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	f()
}

// settle lets happen what is due, in the order of the times.
func (s *Stage) settle() {
	for {
		now, next := s.Clock.Now(), -1
		for i, e := range s.agenda {
			if !e.due.After(now) && (next < 0 || e.due.Before(s.agenda[next].due)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		e := s.agenda[next]
		s.agenda = slices.Delete(s.agenda, next, next+1)
		e.run()
	}
}

// In lets f happen under the lock once d has passed; at once for 0. It is called
// inside Do. Nothing that a lie brings about happens.
func (s *Stage) In(d time.Duration, f func()) {
	switch {
	case s.muted || s.closed:
	case d <= 0:
		f()
	default:
		s.agenda = append(s.agenda, effect{s.Clock.Now().Add(d), f})
		over := s.Clock.After(d) // asked for before anybody moves the clock
		s.beside(func() {
			select {
			case <-over:
				s.Do(func() {})
			case <-s.closing:
			}
		})
	}
}

// Beside runs f in a goroutine that Close waits for; ctx ends with Close. It is
// called inside Do.
func (s *Stage) Beside(f func(ctx context.Context)) {
	if s.muted || s.closed {
		return
	}
	s.beside(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-s.closing:
				cancel()
			case <-over:
			}
		}()
		f(ctx)
	})
}

func (s *Stage) beside(f func()) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		f()
	}()
}

// Close ends what waits.
func (s *Stage) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// Land lets a write land as the mischief says: now, late and also if the caller
// has gone, or not at all while the answer says so. Effect runs under the lock
// and makes the answer; save makes what puts the state back behind a lie. It
// returns what to answer, or the error of a caller that went away.
func (s *Stage) Land(ctx context.Context, w Write, save func() (restore func()), effect func(*Write) Answer) (Answer, error) {
	var out Answer
	late := time.Duration(0)
	s.Do(func() {
		w.At = s.Clock.Now()
		s.writes = append(s.writes, &w)
		late = s.Mischief.Late + upTo(s.Mischief.LateUpTo)
		land := func() {
			if out = effect(&w); out.Status < http.StatusBadRequest {
				w.Landed = s.Clock.Now()
			}
		}
		pretend := func() {
			restore := save()
			s.muted = true
			out = effect(&w)
			s.muted = false
			restore()
			late = 0
		}
		switch {
		case countDown(&s.Mischief.Lie):
			pretend()
		case s.Mischief.Eventual > 0:
			pretend()
			s.In(s.Mischief.Eventual, func() {
				if effect(&w).Status < http.StatusBadRequest {
					w.Landed = s.Clock.Now()
				}
			})
		default:
			s.In(late, land)
		}
	})
	if late > 0 {
		if err := clock.Sleep(ctx, s.Clock, late); err != nil {
			return Answer{}, err
		}
		s.Do(func() {}) // it is due now
	}
	return out, nil
}

// upTo is any time from 0 up to most.
func upTo(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)+1))
	if err != nil {
		return most
	}
	return time.Duration(n.Int64())
}

// Calls are all requests that came in, in order.
func (s *Stage) Calls() (out []Call) {
	s.notes.Lock()
	defer s.notes.Unlock()
	for _, c := range s.calls {
		out = append(out, *c)
	}
	return out
}

// note changes what is known of a call.
func (s *Stage) note(f func()) {
	s.notes.Lock()
	defer s.notes.Unlock()
	f()
}

// Count is how many requests of a method came whose path begins so; "" is any
// method.
func (s *Stage) Count(method, path string) (n int) {
	for _, c := range s.Calls() {
		if (method == "" || c.Method == method) && len(c.Path) >= len(path) && c.Path[:len(path)] == path {
			n++
		}
	}
	return n
}

// Writes are all requests that wanted something changed, in the order in which
// they came.
func (s *Stage) Writes() (out []Write) {
	s.Do(func() {
		for _, w := range s.writes {
			out = append(out, *w)
		}
	})
	return out
}

// Forget empties the record of calls and writes.
func (s *Stage) Forget() {
	s.note(func() { s.calls = nil })
	s.Do(func() { s.writes = nil })
}

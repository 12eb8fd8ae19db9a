package password

import (
	"context"
	"slices"
	"sync"
	"time"
)

// need is what a hash holds while it runs: units of 19 MiB, and processors.
type need struct{ memory, threads int }

// line lets so many in as there is memory and processors for, first come, first
// served: a large one at its head is not overtaken, or it would never get in.
type line struct {
	mu      sync.Mutex
	all     need
	free    need
	inside  int
	most    int
	waiting []*turn
}

type turn struct {
	need need
	now  chan struct{}
}

func newLine(memory, threads, most int) *line {
	all := need{memory, threads}
	return &line{all: all, free: all, most: most}
}

func (l *line) count(what func(*line) int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return what(l)
}

// enter waits for its turn and returns what to hand to leave: n, cut to what
// there is in all.
func (l *line) enter(ctx context.Context, n need, after func(time.Duration) <-chan time.Time, patience time.Duration) (need, error) {
	if err := ctx.Err(); err != nil {
		return n, err
	}
	n = need{min(n.memory, l.all.memory), min(n.threads, l.all.threads)}
	t, ok := l.queue(n)
	if !ok {
		return n, busy(patience)
	}
	select {
	case <-t.now:
		return n, nil
	default:
	}
	select {
	case <-t.now:
		return n, nil
	case <-ctx.Done():
		return n, l.give(t, ctx.Err())
	case <-after(patience):
		return n, l.give(t, busy(patience))
	}
}

// queue takes a place in the line, unless it is full.
func (l *line) queue(n need) (*turn, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &turn{need: n, now: make(chan struct{})}
	l.waiting = append(l.waiting, t)
	l.admit()
	if len(l.waiting) > l.most {
		l.waiting = l.waiting[:len(l.waiting)-1]
		return nil, false
	}
	return t, true
}

// give gives the place up because of err; if the turn came at the same moment
// it is taken after all.
func (l *line) give(t *turn, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, t)
	if i < 0 {
		return nil
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	l.admit()
	return err
}

func (l *line) leave(n need) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free.memory += n.memory
	l.free.threads += n.threads
	l.inside--
	l.admit()
}

// admit lets in from the head of the line whoever fits.
func (l *line) admit() {
	for len(l.waiting) > 0 {
		t := l.waiting[0]
		if t.need.memory > l.free.memory || t.need.threads > l.free.threads {
			return
		}
		l.free.memory -= t.need.memory
		l.free.threads -= t.need.threads
		l.inside++
		l.waiting = slices.Delete(l.waiting, 0, 1)
		close(t.now)
	}
}

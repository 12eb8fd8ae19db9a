package definition

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// Budget is what one connection may ask of its system: a rate, a number of
// requests at once, a rest when the system asked for one, and a breaker that
// rests longer each time the system does not answer. It is safe for use at once.
type Budget struct {
	clock  clock.Clock
	limits Limits
	slots  chan struct{}

	mu     sync.Mutex
	tokens float64
	filled time.Duration // when tokens was right, in the clock's own time
	rest   time.Duration // no request before this
	why    Kind          // of the rest
	dead   int           // requests in a row without an answer
	slow   int           // requests in a row that were throttled
	ahead  time.Duration // of the system's clock before ours, as it said last
}

// The rests of the breaker and of a system that says 429 without saying how long.
const (
	deadAfter   = 5 // requests without an answer
	firstRest   = 5 * time.Second
	longestRest = 5 * time.Minute
	longestWait = 24 * time.Hour // of what a system may ask for
)

// NewBudget returns a full budget under the limits.
func NewBudget(l Limits, c clock.Clock) *Budget {
	return &Budget{clock: c, limits: l, slots: make(chan struct{}, max(l.Concurrency, 1)), tokens: float64(l.Burst), filled: c.Mono()}
}

// Resting returns how long nothing is asked of the system, and why: Throttled or
// Unavailable.
func (b *Budget) Resting() (time.Duration, Kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.rest - b.clock.Mono(); left > 0 {
		return left, b.why
	}
	return 0, ""
}

// saw notes what clock the system goes by.
func (b *Budget) saw(ahead time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead = ahead
}

// Ahead is how far the system's clock is ahead of ours; 0 below Skewed.
func (b *Budget) Ahead() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ahead
}

// enter waits for the turn of a request; leave gives the place back. While the
// connection rests it refuses at once: nobody waits in line for a system that is
// down.
func (b *Budget) enter(ctx context.Context) (leave func(), p *Problem) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &Problem{Kind: Unavailable, Message: "no turn in time", Err: ctx.Err()}
	}
	leave = func() { <-b.slots }
	for {
		if left, why := b.Resting(); left > 0 {
			leave()
			return nil, &Problem{Kind: why, Message: "the connection rests", RetryAfter: left}
		}
		wait := b.take()
		if wait <= 0 {
			return leave, nil
		}
		if err := clock.Sleep(ctx, b.clock, wait); err != nil {
			leave()
			return nil, &Problem{Kind: Unavailable, Message: "no turn in time", Err: err}
		}
	}
}

// take takes a token, or says how long to wait for one.
func (b *Budget) take() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Mono()
	b.tokens = min(float64(b.limits.Burst), b.tokens+(now-b.filled).Seconds()*b.limits.RPS)
	b.filled = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1-b.tokens)/b.limits.RPS*float64(time.Second)) + time.Millisecond
}

// note learns from an outcome. after is what the system asked for.
func (b *Budget) note(kind Kind, after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch kind {
	case Throttled:
		b.slow++
		b.sleep(Throttled, after, b.slow)
	case Unavailable:
		if b.dead++; b.dead >= deadAfter || after > 0 {
			b.sleep(Unavailable, after, b.dead-deadAfter+1)
		}
	default:
		b.dead, b.slow = 0, 0
	}
}

// sleep rests for what was asked, else longer each time.
func (b *Budget) sleep(why Kind, after time.Duration, times int) {
	if after <= 0 {
		after = jitter(min(longestRest, firstRest<<min(max(times-1, 0), 10)))
	}
	b.rest, b.why = max(b.rest, b.clock.Mono()+min(after, longestWait)), why
}

// jitter adds up to a fifth, so that those who failed together do not come back
// together.
func jitter(d time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:])
	return d + d*time.Duration(b[0])/(5*255)
}

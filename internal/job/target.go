package job

import "time"

// target is what this process knows of one outside system. All times are
// monotonic. The desk's mutex guards it.
type target struct {
	running  map[*call]struct{}
	failures int           // in a row
	cool     time.Duration // how long the breaker stays open; 0: it is closed
	openTill time.Duration
	openAt   time.Duration
	holdTill time.Duration // Retry-After
	okAt     time.Duration // last answer of any sort
}

const (
	breakAt   = 5 // failures in a row
	stuckFor  = 8 * time.Second
	coolLeast = time.Second
	coolMost  = 30 * time.Second
	holdMost  = time.Hour
)

// room returns how many calls may begin now: with the breaker open none until
// it has cooled, and then one to find out.
func (t *target) room(now time.Duration, most int) int {
	if now < t.holdTill {
		return 0
	}
	if t.cool > 0 {
		if now < t.openTill || len(t.running) > 0 {
			return 0
		}
		return 1
	}
	return most - len(t.running)
}

// notBefore is when room may become positive by time alone; 0 if it is not
// time that it lacks.
func (t *target) notBefore(now time.Duration) time.Duration {
	at := t.holdTill
	if t.cool > 0 {
		at = max(at, t.openTill)
	}
	if at > now {
		return at
	}
	return 0
}

// answered closes the breaker: the target is alive, whatever it said.
func (t *target) answered(now time.Duration) {
	t.failures, t.cool, t.okAt = 0, 0, now
}

func (t *target) failed(now time.Duration) {
	t.failures++
	if t.cool > 0 || t.failures >= breakAt {
		t.open(now)
	}
}

func (t *target) open(now time.Duration) {
	if t.cool == 0 {
		t.openAt = now
	}
	t.cool = min(max(2*t.cool, coolLeast), coolMost)
	t.openTill = now + t.cool/2 + jitter(t.cool/2)
}

func (t *target) hold(now, d time.Duration) {
	t.holdTill = max(t.holdTill, now+min(d, holdMost))
}

// stuck opens the breaker of a target that accepts calls and says nothing, long
// before their timeouts would.
func (t *target) stuck(now time.Duration) {
	if t.cool > 0 {
		return
	}
	for c := range t.running {
		if now-c.begunMono >= stuckFor && t.okAt <= c.begunMono {
			t.open(now)
			return
		}
	}
}

package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Options says what a desk works with. Store and Clock are needed.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Node is who the witness names; made when "".
	Node id.Node
	// Poll is how often the tables are looked at without being woken; 0 means
	// a second.
	Poll time.Duration
	// Tries is how many calls that are known to have done nothing an effect
	// gets before it is parked; 0 means 10.
	Tries int
	// Patience parks an effect that could not be brought to its target for so
	// long since its first call; 0 means 72 h.
	Patience time.Duration
	// Skew is how far the wall clocks of nodes may be apart; 0 means 2 s on
	// PostgreSQL and nothing on SQLite, where there is one node.
	Skew time.Duration
	// Backoff is how long an effect or timer rests after its nth try; nil is 1 s
	// doubling to 10 min, half of it jitter.
	Backoff func(try int) time.Duration
}

// Desk is one process's share of the work. Register and Handle, then Start.
type Desk struct {
	Options
	owner    string
	drift    *clock.Drift
	freed    chan struct{}
	stopping chan struct{}
	calls    context.Context // of the calls; ends when a stop loses patience
	cut      context.CancelFunc
	wg       sync.WaitGroup
	serial   sync.Mutex // see write

	mu       sync.Mutex
	started  bool
	stopped  bool
	drivers  map[string]*Driver
	handlers map[string]Handler
	targets  map[place]*target
	running  map[id.Effect]struct{}
	sent     map[id.Effect]sighting // unknown outcomes of our own calls: when they were stamped
	seen     map[id.Effect]sighting // others' inflight rows: when we first saw them
	stepped  bool                   // the wall clock stepped: stamps of others mean nothing
}

// place is one outside system of a driver.
type place struct{ driver, target string }

// sighting is a claim and a monotonic time.
type sighting struct {
	fenceNo int64
	mono    time.Duration
}

// stepLeast is what counts as a step of the wall clock; slewing stays below.
const stepLeast = 500 * time.Millisecond

// New returns a desk that does nothing yet.
func New(o Options) *Desk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	owner := id.New[id.Node](o.Clock.Now())
	if o.Node == "" {
		o.Node = owner
	}
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Tries == 0 {
		o.Tries = 10
	}
	if o.Patience == 0 {
		o.Patience = 72 * time.Hour
	}
	if o.Skew == 0 && o.Store.Engine() == "postgres" {
		o.Skew = 2 * time.Second
	}
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	d := &Desk{
		Options: o, owner: string(owner), drift: clock.NewDrift(o.Clock),
		freed: make(chan struct{}, 1), stopping: make(chan struct{}),
		drivers: map[string]*Driver{}, handlers: map[string]Handler{}, targets: map[place]*target{},
		running: map[id.Effect]struct{}{}, sent: map[id.Effect]sighting{}, seen: map[id.Effect]sighting{},
	}
	d.calls, d.cut = context.WithCancel(context.Background())
	return d
}

// Register makes a driver known. One without fence and probe, or a key by which
// its target is idempotent, is refused.
func (d *Desk) Register(driver Driver) error {
	if err := driver.check(); err != nil {
		return err
	}
	if driver.Concurrency == 0 {
		driver.Concurrency = 4
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drivers[driver.Name] != nil {
		return fmt.Errorf("job: driver %s is registered twice", driver.Name)
	}
	d.drivers[driver.Name] = &driver
	return nil
}

// Start begins to work.
func (d *Desk) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.started {
		return errors.New("job: started twice")
	}
	d.started = true
	d.wg.Go(d.loop)
	d.wg.Go(d.timers)
	return nil
}

// Stop claims nothing more, waits for the calls that are out until ctx ends,
// and then cuts them: they stay inflight and are recovered after their fence.
func (d *Desk) Stop(ctx context.Context) error {
	d.mu.Lock()
	if !d.stopped {
		d.stopped = true
		close(d.stopping)
	}
	d.mu.Unlock()
	done := make(chan struct{})
	go func() { d.wg.Wait(); close(done) }()
	defer d.cut()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		d.cut()
		<-done
		return ctx.Err()
	}
}

// loop looks for work: when woken, when a call has ended, when something is
// due, and from time to time.
func (d *Desk) loop() {
	watch := d.Store.Watch(topic)
	defer watch.Close()
	for {
		next := d.round()
		select {
		case <-d.stopping:
			return
		default:
		}
		select {
		case <-d.stopping:
			return
		case <-watch.C:
		case <-d.freed:
		case <-d.Clock.After(next):
		}
	}
}

// round starts what can be started and returns when to look again.
func (d *Desk) round() time.Duration {
	d.lookAtClock()
	work, err := look(d.calls, d.Store)
	if err != nil {
		if d.calls.Err() == nil {
			d.Log.Warn("effects cannot be looked at; trying again", "err", err)
		}
		return d.Poll
	}
	next := d.Poll
	d.forget(work.inflight)
	for _, row := range work.inflight {
		next = min(next, d.recover(row))
	}
	for _, first := range work.ready {
		next = min(next, d.serve(first))
	}
	return max(next, time.Millisecond)
}

// lookAtClock notes a step of the wall clock. From then on what other processes
// stamped is not believed: their rows wait out the whole fence by our own
// monotonic clock. A step ahead makes old stamps look older; they are made anew,
// so that a process that starts later is not deceived either. A step that no
// running process sees cannot be known.
func (d *Desk) lookAtClock() {
	step := d.drift.Step()
	if step.Abs() < stepLeast {
		return
	}
	d.Log.Warn("the wall clock has stepped; recovery waits out whole fences", "step", step)
	d.mu.Lock()
	d.stepped = true
	d.mu.Unlock()
	if err := d.stampAnew(); err != nil {
		d.Log.Warn("stamps could not be made anew after a step of the clock", "err", err)
	}
}

// forget drops sightings of rows that are no longer inflight.
func (d *Desk) forget(inflight []claimed) {
	there := map[id.Effect]bool{}
	for _, row := range inflight {
		there[row.id] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range []map[id.Effect]sighting{d.sent, d.seen} {
		for effect := range m {
			if !there[effect] {
				delete(m, effect)
			}
		}
	}
	for _, t := range d.targets {
		t.stuck(d.Clock.Mono())
	}
}

// recover takes over an inflight row whose fence has passed.
func (d *Desk) recover(row claimed) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	driver := d.drivers[row.driver]
	if _, ours := d.running[row.id]; ours || driver == nil {
		return d.Poll
	}
	if left := d.fenceLeft(row); left > 0 {
		return left
	}
	t := d.target(place{row.driver, row.target})
	mono := d.Clock.Mono()
	if t.room(mono, driver.Concurrency) <= 0 {
		return d.whenRoom(t, mono)
	}
	d.begin(&call{
		effect: Effect{ID: row.id, Driver: row.driver, Target: row.target},
		driver: driver, target: t, fenceNo: row.fenceNo, sentAt: row.sentAt, recovers: true,
	})
	return d.Poll
}

// fenceLeft is how long a row's last call may still take effect. Our own calls
// are measured by the monotonic clock; others' by their stamp, unless there is
// a reason not to believe it.
func (d *Desk) fenceLeft(row claimed) time.Duration {
	fence := row.fenceUntil.Sub(row.sentAt)
	mono, now := d.Clock.Mono(), d.Clock.Now()
	if own, ok := d.sent[row.id]; ok && own.fenceNo == row.fenceNo {
		return own.mono + fence - mono
	}
	first, ok := d.seen[row.id]
	if !ok || first.fenceNo != row.fenceNo {
		first = sighting{row.fenceNo, mono}
		d.seen[row.id] = first
	}
	if d.stepped || row.sentAt.After(now.Add(d.Skew)) {
		return first.mono + fence + d.Skew - mono
	}
	return row.fenceUntil.Add(d.Skew).Sub(now)
}

// serve claims what a target has due, as far as there is room.
func (d *Desk) serve(first ready) time.Duration {
	d.mu.Lock()
	driver := d.drivers[first.driver]
	if driver == nil {
		d.mu.Unlock()
		return d.Poll
	}
	t := d.target(first.place)
	mono := d.Clock.Mono()
	room, wait := t.room(mono, driver.Concurrency), d.whenRoom(t, mono)
	d.mu.Unlock()
	if room <= 0 {
		return wait
	}
	by := d.Clock.Now()
	if first.sentAt.After(by.Add(d.Skew)) {
		by = first.due // sent in the future: the wall clock was set back, its rest is over
	}
	if early := first.due.Sub(by); early > 0 {
		return min(early, d.Poll)
	}
	calls, err := d.claim(driver, first.target, by, room)
	if err != nil {
		d.Log.Debug("claim failed; trying again", "target", first.target, "err", err)
		return min(d.Poll, 50*time.Millisecond)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range calls {
		c.target = t
		d.begin(c)
	}
	return d.Poll
}

// whenRoom is how long until time alone makes room, at most Poll.
func (d *Desk) whenRoom(t *target, mono time.Duration) time.Duration {
	if at := t.notBefore(mono); at > 0 {
		return min(at-mono, d.Poll)
	}
	return d.Poll
}

func (d *Desk) target(p place) *target {
	t := d.targets[p]
	if t == nil {
		t = &target{running: map[*call]struct{}{}, okAt: -1}
		d.targets[p] = t
	}
	return t
}

// begin runs c in a goroutine of its own. The mutex is held.
func (d *Desk) begin(c *call) {
	c.begunMono = d.Clock.Mono()
	d.running[c.effect.ID] = struct{}{}
	c.target.running[c] = struct{}{}
	d.wg.Go(func() {
		defer d.ended(c)
		d.run(c)
	})
}

func (d *Desk) ended(c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, c.effect.ID)
	delete(c.target.running, c)
	select {
	case d.freed <- struct{}{}:
	default:
	}
}

// Standing is what this process knows of an outside system.
type Standing struct {
	Driver, Target string
	Running        int           // calls that are out
	Failures       int           // in a row
	Open           bool          // the breaker is open: the queue keeps
	OpenFor        time.Duration // how long it has been
	Held           time.Duration // how long the target asked us to wait yet
}

// Standings returns what this process knows of the outside systems it called.
func (d *Desk) Standings() []Standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Standing
	now := d.Clock.Mono()
	for p, t := range d.targets {
		t.stuck(now)
		s := Standing{Driver: p.driver, Target: p.target, Running: len(t.running), Failures: t.failures, Open: t.cool > 0}
		if s.Open {
			s.OpenFor = now - t.openAt
		}
		s.Held = max(t.holdTill-now, 0)
		all = append(all, s)
	}
	return all
}

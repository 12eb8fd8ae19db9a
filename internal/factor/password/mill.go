package password

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Limits bounds the work of a Mill (A048). A zero field takes its default.
type Limits struct {
	// Cap is how much memory running hashes may hold, in units of one hash of
	// our own (19 MiB). Default 16. An imported hash that asks for more memory
	// takes as many units as it needs.
	Cap int
	// Running is how many processors hashes may keep busy. Default: all of
	// GOMAXPROCS but one, and at least one. The one left over is what keeps
	// every other request fast: a hash gives its processor back after some
	// milliseconds only, and with none idle nobody looks at the network until
	// then.
	Running int
	// Queue is how many may wait. Default 256.
	Queue int
	// Patience is how long one waits before it is told to come back. Default
	// 10 s.
	Patience time.Duration
	// Clock measures Patience. Default: the machine's.
	Clock clock.Clock
}

// What a Mill takes where Limits are silent.
const (
	DefaultCap      = 16
	DefaultQueue    = 256
	DefaultPatience = 10 * time.Second
)

// Mill grinds passwords: a bounded number at once, the others in a bounded line
// in the order in which they came.
//
// Each hash takes fresh memory, which is garbage when it is done (the library
// lends no buffer). What keeps the process small is therefore how few run at
// once, not how many are allowed in: sixteen at once on two processors are no
// faster than two, and held 640 MB where one at a time held 75 MB.
type Mill struct {
	line     *line
	patience time.Duration
	clock    clock.Clock
	nobody   argon // matches no password
}

// NewMill makes a mill; a process needs one.
func NewMill(l Limits) *Mill {
	if l.Cap < 1 {
		l.Cap = DefaultCap
	}
	if l.Running < 1 {
		l.Running = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if l.Queue < 1 {
		l.Queue = DefaultQueue
	}
	if l.Patience <= 0 {
		l.Patience = DefaultPatience
	}
	if l.Clock == nil {
		l.Clock = clock.System()
	}
	m := &Mill{line: newLine(l.Cap, min(l.Running, l.Cap), l.Queue), patience: l.Patience, clock: l.Clock, nobody: ours()}
	m.nobody.tag = make([]byte, tagSize)
	_, _ = rand.Read(m.nobody.tag)
	return m
}

// Running returns how many hashes are being computed, and Waiting how many wait
// for their turn: two gauges.
func (m *Mill) Running() int { return m.line.count(func(l *line) int { return l.inside }) }

// Waiting returns how many wait for their turn.
func (m *Mill) Waiting() int { return m.line.count(func(l *line) int { return len(l.waiting) }) }

// Hash returns the PHC string of pw under our own parameters and a new salt. It
// refuses what Check refuses as malformed or too long, and nothing else: the
// policy is Check's. The result is for the store only.
func (m *Mill) Hash(ctx context.Context, pw secret.Text) (string, error) {
	if err := wellFormed(pw); err != nil {
		return "", err
	}
	a := ours()
	err := m.grind(ctx, a.need(), func() { a.tag = a.derive([]byte(normal(pw))) })
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// ErrNotAHash says that what is stored is no hash that this package knows, or
// one beyond its bounds: damage, or an import that nobody checked with Known.
var ErrNotAHash = errors.New("password: the stored text is no hash we know")

// Verify tells whether pw is the password of the stored hash, and whether that
// hash is to be replaced now that the password is known (outdated is only ever
// set together with ok). Stored forms: Argon2id as a PHC string, bcrypt.
//
// A password is tried in the spelling of Hash (NFKC) and, if it was typed in
// another, also byte by byte, because other systems hashed it so. How much work
// that is depends on what was typed, and never on whether it matched the first
// time or on who signs in. bcrypt costs what its import says: until such a hash
// is replaced, its answer takes another time than Dummy's.
func (m *Mill) Verify(ctx context.Context, stored string, pw secret.Text) (ok, outdated bool, err error) {
	h, known := parse(stored)
	if !known {
		return false, false, errors.Join(m.Dummy(ctx, pw), ErrNotAHash)
	}
	ok, err = m.try(ctx, h, pw)
	return ok, ok && h.outdated(), err
}

// Dummy does the work of Verify for a login that does not exist or has no
// password, so that time does not tell (A047).
func (m *Mill) Dummy(ctx context.Context, pw secret.Text) error {
	_, err := m.try(ctx, m.nobody, pw)
	return err
}

func (m *Mill) try(ctx context.Context, h hash, pw secret.Text) (ok bool, err error) {
	tries := spellings(pw)
	err = m.grind(ctx, h.need(), func() {
		for _, p := range tries {
			ok = h.matches(p) || ok
		}
	})
	return ok && wellFormed(pw) == nil, err
}

// grind runs work when it is its turn. Once it runs it is not interrupted.
func (m *Mill) grind(ctx context.Context, n need, work func()) error {
	n, err := m.line.enter(ctx, n, m.clock.After, m.patience)
	if err != nil {
		return err
	}
	defer m.line.leave(n)
	work()
	return nil
}

// busy is the answer to whoever finds the line too long or waited too long.
func busy(after time.Duration) error {
	return fault.New(fault.Busy, "password-busy").RetryAfter(after)
}

package signin

import (
	"context"
	"encoding/base64"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// MostFailures is how many wrong answers in a row lock the answers that can be
// guessed (NIST SP 800-63B-4 §3.2.2: at most 100). Passkeys, a browser in which
// the person signed in before, and a reset by mail still work: strangers cannot
// shut anybody out (A044).
const MostFailures = 100

// How an answer is slowed down: some are free, then each wait is twice the one
// before.
const (
	freeFailures = 5
	longestPause = 15 * time.Minute
	// One source alone must not be able to lock somebody out for all others: it
	// gets no more than this, then nothing for a day.
	mostOfSource = 30
	// mostStrangers bounds the rows of logins that nobody has.
	mostStrangers = 1 << 16
)

// pause is how long a source waits after so many wrong answers for one person.
func pause(fails int64) time.Duration {
	switch {
	case fails < freeFailures:
		return 0
	case fails >= mostOfSource:
		return 24 * time.Hour
	}
	return min(time.Second<<min(fails-freeFailures, 20), longestPause)
}

// A guess is a budget of codes in a window: whoever may try a code at random may
// not do it often (A041). Codes that a stranger can ask for and those that come
// after a right password count apart, so that no stranger uses up the second;
// together they are twenty an hour, from everywhere, on every node.
type guess struct {
	kind   string
	most   int64
	window time.Duration
}

var (
	// A code of six digits that counts in three time steps is guessed with 3 in
	// 10⁶: 32 a day stay below 1 in 10⁴.
	secondGuesses = []guess{{"second", 10, time.Hour}, {"second-day", 32, 24 * time.Hour}}
	mailGuesses   = []guess{{"mail", 10, time.Hour}}
	// sentMails bounds how many codes a stranger can have sent to somebody.
	sentMails = []guess{{"sent", 5, time.Hour}}
)

// Locked implements admit.Proofs.
func (r *Room) Locked(v *store.View, who id.Person) (bool, error) {
	fails, err := failures(v.Self(who))
	return fails >= MostFailures, err
}

// MustChange implements admit.Proofs.
func (r *Room) MustChange(v *store.View, who id.Person) (bool, error) {
	p, err := factor.PasswordOf(v.Self(who))
	return p.MustChange(), err
}

// standIn is whom wrong answers count for where a login is nobody's: the same
// for all its spellings and, since people try both, for an address and what
// stands before its @. A keyed hash, because what is typed there may be a
// password.
func (r *Room) standIn(login string) (id.Person, error) {
	local, _, _ := strings.Cut(org.LoginFold(login), "@")
	mac, err := r.ring.MAC("signin login of nobody", []byte(local))
	return id.Person("?" + base64.RawURLEncoding.EncodeToString(mac)), err
}

// tried counts an answer before it is judged, so that any number at once cannot
// slip through. The fault is too-many-attempts. before is how many were counted
// since the last right one.
func (r *Room) tried(ctx context.Context, who id.Person, source string) (before int64, err error) {
	var until time.Time
	var now time.Time
	err = r.store.Self(who).Append(ctx, func(tx *store.Tx) store.End {
		now = tx.Now()
		if until, err = addAttempt(tx, source, pause); err == nil && until.IsZero() {
			before, err = addFailure(tx)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietCount)
	})
	if err == nil && !until.IsZero() {
		err = tooMany(until.Sub(now))
	}
	return before, err
}

// guessed counts a guess of a code before it is judged; false if there were too
// many.
func (r *Room) guessed(ctx context.Context, who id.Person, mark string, budget []guess) (allowed bool, err error) {
	err = r.store.Self(who).Append(ctx, func(tx *store.Tx) store.End {
		allowed = true
		for _, g := range budget {
			within, err := addGuess(tx, g.kind+mark, g.most, g.window)
			if err != nil {
				return store.Abort(err)
			}
			allowed = allowed && within
		}
		return store.Quietly(store.QuietCount)
	})
	return allowed, err
}

func tooMany(wait time.Duration) *fault.Fault {
	f := fault.New(fault.Busy, "too-many-attempts", "seconds", int(math.Ceil(wait.Seconds()))).RetryAfter(wait)
	f.Slow = true
	return f
}

// prefixOf is where attempts from an address are counted together: a household
// or an office.
func prefixOf(source string) string {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		return "nowhere"
	}
	addr = addr.Unmap().WithZone("")
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

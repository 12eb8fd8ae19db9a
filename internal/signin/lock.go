package signin

import (
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// MostFailures is how many wrong answers in a row lock the answers that can be
// guessed (NIST SP 800-63B-4 §3.2.2: at most 100). Passkeys, a browser in which
// the person signed in before, and a reset by mail still work: strangers cannot
// shut anybody out (A044).
const MostFailures = 100

// Locked implements admit.Proofs.
func (r *Room) Locked(v *store.View, who id.Person) (bool, error) {
	fails, err := failures(v.Self(who))
	return fails >= MostFailures, err
}

// MustChange implements admit.Proofs.
func (r *Room) MustChange(v *store.View, who id.Person) (bool, error) {
	f, ok, err := factorOf(v.Self(who), kindPassword)
	return ok && f.mustChange, err
}

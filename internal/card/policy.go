package card

import (
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

// needsProof says that a decision on the card wants a fresh proof of who decides.
func (r *Room) needsProof(a web.Actor, c Card, now time.Time) *fault.Fault {
	if r.Fresh == nil {
		return nil
	}
	fresh := r.Fresh(c)
	switch {
	case fresh == 0:
		return nil
	case a.Token:
		return fault.New(fault.Forbidden, "person-must-be-present")
	case now.Sub(a.At) > fresh:
		return fault.New(fault.Unknown, web.StepUp, "age", int(fresh/time.Second))
	}
	return nil
}

package card

import (
	"net/url"
	"time"

	"github.com/sekisho/sekisho/internal/card/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/web"
)

// unproven is what who looks at an undecided card still has to prove.
func (r *Room) unproven(v *web.Visit, c Card) (*fault.Fault, error) {
	if c.State != Open && c.State != Failed {
		return nil, nil
	}
	c, shown, err := r.current(v.Context(), c, v.Lang())
	if err != nil {
		return nil, err
	}
	d, err := r.demand(v.Context(), c, shown)
	return d.Refuse(presence.Of(v.Actor()), v.Now()), err
}

// proveFirst keeps what was typed and leads to where people prove who they are;
// nothing is decided. They come back to the card and press once more.
func (r *Room) proveFirst(v *web.Visit, c Card, typed url.Values, f *fault.Fault, err error) error {
	if err != nil || f.Code != web.StepUp {
		return orFault(err, f)
	}
	if err := r.Presence.Keep(v.Context(), c.Person, v.Actor().Session, c.place(), typed); err != nil {
		return err
	}
	return v.See(presence.Again(f, PathOf(c.ID)))
}

func orFault(err error, f *fault.Fault) error {
	if err == nil {
		return f
	}
	return err
}

// keptFor is what the reader typed before they went to prove who they are.
func (r *Room) keptFor(v *web.Visit, c Card) (url.Values, error) {
	if c.State != Open && c.State != Failed {
		return nil, nil
	}
	return r.Presence.Kept(v.Context(), c.Person, v.Actor().Session, c.place())
}

// decided ends what was kept and shows the card.
func (r *Room) decided(v *web.Visit, c Card, typed url.Values) error {
	if typed.Get("kept") != "" && r.Presence != nil {
		if err := r.Presence.Done(v.Context(), c.Person, c.place()); err != nil {
			return err
		}
	}
	return v.See(PathOf(c.ID))
}

// sayProof says before anybody presses what they are asked for.
func (r *Room) sayProof(v *web.Visit, c Card, shown Shown, kept url.Values, page *ui.Card) error {
	if !page.Decide && len(page.Acts) == 0 {
		return nil
	}
	d, err := r.demand(v.Context(), c, shown)
	if err != nil {
		return err
	}
	page.Kept = kept != nil
	page.Proof, page.ProofHref = presence.Said(v, d, kept != nil)
	return nil
}

// proofBody is what a decision asks for, for programs.
type proofBody struct {
	Level  string `json:"level,omitempty" doc:"aal1, aal2 or passkey; left out: however they signed in"`
	Within int64  `json:"within,omitempty" doc:"Seconds that the proof may be old; left out: as old as the session"`
	Enough bool   `json:"enough" doc:"This session has it already"`
}

func proofOf(d presence.Demand, p presence.Proof, now time.Time) *proofBody {
	if !d.Asks() {
		return nil
	}
	return &proofBody{d.Level, int64(d.Within / time.Second), d.Refuse(p, now) == nil}
}

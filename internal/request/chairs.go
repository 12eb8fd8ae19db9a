package request

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Rotas are who is on call, by rota.
type Rotas = rotas

// Seating asks who decides about what somebody holds, by the rules of the hall:
// never themselves, delegates in another's place, active members only.
type Seating struct {
	Org       id.Org
	About     id.Person // who holds it
	Kind      string
	Target    string
	Approvers []Approver
	Fallback  []Approver
}

// Chairs are who may decide.
type Chairs struct{ b bench }

// Everybody is who may decide, delegates included, sorted.
func (c Chairs) Everybody() []id.Person { return c.b.everybody() }

// SeatOf returns in whose place somebody may decide.
func (c Chairs) SeatOf(who id.Person) (seat id.Person, ok bool) { return c.b.seatOf(who, nil) }

// OnCall is who is on call in an organization now; it is asked outside of
// transactions.
func (h *Hall) OnCall(ctx context.Context, in id.Org) (Rotas, error) { return h.onCall(ctx, in) }

// Chairs finds out who decides, in the caller's transaction.
func (h *Hall) Chairs(v *store.View, on Rotas, s Seating) (Chairs, error) {
	a, t := Ask{Org: s.Org, Person: s.About, For: s.About, Kind: s.Kind, Target: s.Target}, Target{Kind: s.Kind, ID: s.Target}
	if err := h.describe(v, s.Org, &t); err != nil {
		return Chairs{}, err
	}
	p := ApprovalPolicy{Spec: Spec{Stages: []Stage{{Groups: []Panel{{Approvers: s.Approvers, Need: 1}}}}, Fallback: s.Fallback}}
	b, err := h.sit(v, p, a, t, on, 0)
	return Chairs{b}, err
}

// PersonFacts is what conditions know of somebody.
func (h *Hall) PersonFacts(v *store.View, in id.Org, who id.Person, on Rotas) (map[string]any, error) {
	return h.person(v, in, who, on)
}

// CheckApprovers says which of some approvers are none.
func CheckApprovers(all []Approver) (bad []Approver) {
	for _, a := range all {
		kind, which := a.Split()
		named := (kind == "person" || kind == "group" || kind == "role" || kind == "on-call") && which != ""
		if a != Manager && a != Owner && !named {
			bad = append(bad, a)
		}
	}
	return bad
}

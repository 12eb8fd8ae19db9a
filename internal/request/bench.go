package request

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// bench is who may decide in one stage of an ask, as it is now.
type bench struct {
	panels    []seats
	any       bool
	refuse    int
	delegates map[id.Person][]id.Person // by whose seat
	approvers []string                  // whom the question is put to, as lists find them
}

// seats are those who may decide for one group of a stage.
type seats struct {
	who  []id.Person // sorted
	need int
}

// rotas are who is on call, by rota: asked before the transaction.
type rotas map[string][]id.Person

// onCall asks who is on call in an organization.
func (h *Hall) onCall(ctx context.Context, in id.Org) (rotas, error) {
	if h.Rota == nil {
		return nil, nil
	}
	return h.Rota.Now(ctx, in)
}

// of are the rotas in which somebody is on call, by name.
func (on rotas) of(who id.Person) []string {
	all := []string{}
	for name, some := range on {
		if slices.Contains(some, who) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// sit finds out who may decide in a stage. Whoever asks or would get it never
// sits (A109). A group in which nobody or too few are left is joined by the
// policy's fallback.
func (h *Hall) sit(v *store.View, p ApprovalPolicy, a Ask, t Target, on rotas, stage int) (bench, error) {
	s := p.Stages[stage]
	b := bench{any: s.Any, refuse: s.Refuse, delegates: map[id.Person][]id.Person{}}
	for _, g := range s.Groups {
		approvers := g.Approvers
		if a.Escalated && stage == a.Stage || slices.Contains(a.wide, stage) {
			approvers = slices.Concat(approvers, p.Escalate.To)
		}
		who, err := h.whoAre(v, a, t, on, approvers)
		if err == nil && len(who) < g.Need {
			approvers = slices.Concat(approvers, p.Fallback)
			who, err = h.whoAre(v, a, t, on, approvers)
		}
		if err != nil {
			return b, err
		}
		b.approvers = append(b.approvers, found(approvers, who)...)
		b.panels = append(b.panels, seats{who, g.Need})
	}
	if err := h.delegate(v, a, &b); err != nil {
		return b, err
	}
	return b, h.ables(v, a, &b)
}

// widened are the stages about which further people were asked since the question
// began anew: what they decided counts after the next stage has opened, too.
func widened(steps []Step) (stages []int) {
	for _, s := range steps {
		switch s.Name {
		case StepReasked, StepAmended:
			stages = nil
		case StepEscalated:
			stages = append(stages, s.Stage)
		}
	}
	return stages
}

// found says whom approvers mean so that it can be looked up by who looks:
// groups, roles and rotas by themselves, for whoever joins them later, and
// those that are found out from the ask as the people they were.
func found(approvers []Approver, who []id.Person) (all []string) {
	for _, one := range approvers {
		if one != Manager && one != Owner {
			all = append(all, string(one))
		}
	}
	for _, one := range who {
		all = append(all, "person:"+string(one))
	}
	return all
}

// whoAre finds the people whom approvers mean, sorted; active members only.
func (h *Hall) whoAre(v *store.View, a Ask, t Target, on rotas, approvers []Approver) (who []id.Person, err error) {
	for _, one := range approvers {
		var some []id.Person
		switch kind, which := one.Split(); {
		case one == Manager:
			var m org.Member
			if m, err = org.MemberIn(v, a.Org, a.For); fault.As(err) != nil {
				err = nil
			}
			some = []id.Person{m.Manager}
		case one == Owner:
			some = t.Owners
		case one == Able && h.holder(a.Kind) != nil:
			some, err = h.holder(a.Kind).Able(v, a)
		case kind == "person":
			some = []id.Person{id.Person(which)}
		case kind == "group":
			some, err = org.InGroup(v, a.Org, id.Group(which))
		case kind == "role":
			some, err = h.Register.HoldersIn(v, a.Org, id.Role(which))
		case kind == "on-call":
			some = on[which]
		}
		if err != nil {
			return nil, err
		}
		who = append(who, some...)
	}
	slices.Sort(who)
	who = slices.DeleteFunc(slices.Compact(who), func(one id.Person) bool { return one == "" || one == a.Person || one == a.For })
	if h.holder(a.Kind) != nil {
		return who, nil // see ables: some of them act from above
	}
	return org.ActiveIn(v, a.Org, who)
}

// delegate adds whom the seats have asked to decide for them. A delegation
// leads one step only, and never to whoever asks or would get it.
func (h *Hall) delegate(v *store.View, a Ask, b *bench) error {
	all, err := delegationsAt(v.Org(a.Org), v.Now())
	if err != nil {
		return err
	}
	var to []id.Person
	for _, d := range all {
		to = append(to, d.To)
	}
	active, err := org.ActiveIn(v, a.Org, to)
	for _, d := range all {
		if b.has(d.From) && d.covers(a.Kind) && d.To != a.Person && d.To != a.For && slices.Contains(active, d.To) {
			b.delegates[d.From] = append(b.delegates[d.From], d.To)
		}
	}
	return err
}

// has reports whether somebody sits by themselves.
func (b bench) has(who id.Person) bool {
	return slices.ContainsFunc(b.panels, func(s seats) bool { return slices.Contains(s.who, who) })
}

// seatOf returns in whose seat somebody may decide: their own first, else the
// first of those who delegated to them that is free.
func (b bench) seatOf(who id.Person, taken []Vote) (seat id.Person, ok bool) {
	if b.has(who) {
		return who, true
	}
	for _, s := range b.panels {
		for _, one := range s.who {
			free := !slices.ContainsFunc(taken, func(v Vote) bool { return v.Seat == one })
			if slices.Contains(b.delegates[one], who) && (seat == "" || free && !ok) {
				seat, ok = one, free
			}
		}
	}
	return seat, seat != ""
}

// everybody is who may decide, delegates included, sorted.
func (b bench) everybody() (all []id.Person) {
	for _, s := range b.panels {
		for _, one := range s.who {
			all = append(append(all, one), b.delegates[one]...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// possible reports whether the stage can be approved at all.
func (b bench) possible() bool {
	everyone := []Vote{}
	for _, s := range b.panels {
		for _, one := range s.who {
			if !slices.ContainsFunc(everyone, func(v Vote) bool { return v.Seat == one }) {
				everyone = append(everyone, Vote{Person: one, Seat: one, Approve: true})
			}
		}
	}
	return b.approved(everyone)
}

// sitting are the votes that count now: of a person who still may sit in the
// seat, each person and each seat once.
func (b bench) sitting(votes []Vote) (count []Vote) {
	for _, v := range votes {
		own := v.Person == v.Seat && b.has(v.Seat)
		sent := b.has(v.Seat) && slices.Contains(b.delegates[v.Seat], v.Person)
		twice := slices.ContainsFunc(count, func(other Vote) bool { return other.Person == v.Person || other.Seat == v.Seat })
		if (own || sent) && !twice {
			count = append(count, v)
		}
	}
	return count
}

// refused reports whether enough are against it.
func (b bench) refused(votes []Vote) bool {
	n := 0
	for _, v := range votes {
		if !v.Approve {
			n++
		}
	}
	return n >= b.refuse
}

// approved reports whether the groups have the approvals that they need. Where
// every group decides, a person counts for one of them only: this is a
// matching of people to places (A115).
func (b bench) approved(votes []Vote) bool {
	var yes []id.Person
	for _, v := range votes {
		if v.Approve {
			yes = append(yes, v.Seat)
		}
	}
	if b.any {
		return slices.ContainsFunc(b.panels, func(s seats) bool {
			n := 0
			for _, one := range yes {
				if slices.Contains(s.who, one) {
					n++
				}
			}
			return n >= s.need
		})
	}
	var places []seats // one for each approval that is needed
	for _, s := range b.panels {
		for range s.need {
			places = append(places, s)
		}
	}
	sits := map[id.Person]int{} // in which place, from 1
	for i := range places {
		if !b.place(places, i, yes, sits, map[id.Person]bool{}) {
			return false
		}
	}
	return true
}

// place finds somebody for a place, moving others along (Kuhn's algorithm).
func (b bench) place(places []seats, i int, yes []id.Person, sits map[id.Person]int, tried map[id.Person]bool) bool {
	for _, one := range yes {
		if tried[one] || !slices.Contains(places[i].who, one) {
			continue
		}
		tried[one] = true
		if at := sits[one]; at == 0 || b.place(places, at-1, yes, sits, tried) {
			sits[one] = i + 1
			return true
		}
	}
	return false
}

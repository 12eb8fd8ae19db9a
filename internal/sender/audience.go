package sender

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Audience is a bound on whom a sender may reach: everybody of the organization,
// or some people and groups.
type Audience struct {
	Everybody bool        `json:"everybody,omitempty"`
	People    []id.Person `json:"people,omitempty"`
	Groups    []id.Group  `json:"groups,omitempty"`
}

func (a *Audience) settle() {
	a.People = slices.Compact(slices.Sorted(slices.Values(a.People)))
	a.Groups = slices.Compact(slices.Sorted(slices.Values(a.Groups)))
}

// To is whom a message is for, by login and by name of a group.
type To struct {
	People    []string `json:"people,omitempty" doc:"Logins"`
	Groups    []string `json:"groups,omitempty" doc:"Names of groups; who is in a group of the group is meant, too"`
	Everybody bool     `json:"everybody,omitempty" doc:"Everybody of the organization"`
}

// Bounds of whom one message is for.
const (
	namedMost   = 200
	ReachedMost = 10_000
)

// reach finds the people of a message within the bound. Who does not exist, is
// not of the organization, cannot act or is outside of the bound is one and the
// same: not reachable, said once for all names of that sort, so that nobody
// learns who exists. without is left out: nobody decides their own request.
func (r *Room) reach(ctx context.Context, s Sender, to To, without id.Person) ([]id.Person, error) {
	var bad fault.Checks
	if len(to.People)+len(to.Groups) > namedMost {
		bad.Add("to", "sender-to-long", "limit", namedMost)
		return nil, bad.Fault("card-invalid")
	}
	if len(to.People) == 0 && len(to.Groups) == 0 && !to.Everybody {
		bad.Add("to", "field-required")
		return nil, bad.Fault("card-invalid")
	}
	acting, err := r.Register.Acting(ctx, s.Org)
	if err != nil {
		return nil, err
	}
	can := map[id.Person]bool{}
	for _, who := range acting {
		can[who] = true
	}
	within, err := r.within(ctx, s)
	if err != nil {
		return nil, err
	}
	chosen := map[id.Person]bool{}
	if err := r.reachPeople(ctx, s.Org, to, func(who id.Person) bool { return can[who] && within(who) }, chosen, &bad); err != nil {
		return nil, err
	}
	if err := r.reachGroups(ctx, s, to, chosen, &bad); err != nil {
		return nil, err
	}
	if to.Everybody && !s.Audience.Everybody {
		bad.Add("to.everybody", "sender-outside-audience")
	}
	if f := bad.Fault("card-invalid"); f != nil {
		return nil, f
	}
	var all []id.Person
	for _, who := range acting {
		if (chosen[who] || to.Everybody) && who != without {
			all = append(all, who)
		}
	}
	switch {
	case len(all) == 0:
		bad.Add("to", "sender-nobody")
	case len(all) > ReachedMost:
		bad.Add("to", "sender-too-many", "limit", ReachedMost)
	}
	if f := bad.Fault("card-invalid"); f != nil {
		return nil, f
	}
	return all, nil
}

// within says of people whether the bound has them.
func (r *Room) within(ctx context.Context, s Sender) (func(id.Person) bool, error) {
	if s.Audience.Everybody {
		return func(id.Person) bool { return true }, nil
	}
	in := map[id.Person]bool{}
	for _, who := range s.Audience.People {
		in[who] = true
	}
	for _, g := range s.Audience.Groups {
		members, err := r.Register.MembersOf(ctx, s.Org, g)
		if err != nil {
			return nil, err
		}
		for _, who := range members {
			in[who] = true
		}
	}
	return func(who id.Person) bool { return in[who] }, nil
}

func (r *Room) reachPeople(ctx context.Context, in id.Org, to To, may func(id.Person) bool, chosen map[id.Person]bool, bad *fault.Checks) error {
	var out []string
	err := r.Store.Org(in).Read(ctx, func(v *store.View) error {
		out = nil
		for _, login := range to.People {
			p, err := r.Register.LoginOf(v, login)
			if f := fault.As(err); err != nil && (f == nil || f.Kind != fault.NotFound) {
				return err
			}
			if err != nil || !may(p.ID) {
				out = append(out, named(login))
				continue
			}
			chosen[p.ID] = true
		}
		return nil
	})
	if len(out) > 0 {
		bad.Add("to.people", "sender-not-reachable", "names", strings.Join(out, ", "))
	}
	return err
}

func (r *Room) reachGroups(ctx context.Context, s Sender, to To, chosen map[id.Person]bool, bad *fault.Checks) error {
	if len(to.Groups) == 0 {
		return nil
	}
	groups, err := r.Register.Groups(ctx, s.Org)
	if err != nil {
		return err
	}
	var out []string
	for _, name := range to.Groups {
		i := slices.IndexFunc(groups, func(g org.Group) bool { return g.Name == name })
		if i < 0 || !s.Audience.Everybody && !slices.Contains(s.Audience.Groups, groups[i].ID) {
			out = append(out, named(name))
			continue
		}
		members, err := r.Register.MembersOf(ctx, s.Org, groups[i].ID)
		if err != nil {
			return err
		}
		for _, who := range members {
			chosen[who] = true
		}
	}
	if len(out) > 0 {
		bad.Add("to.groups", "sender-not-reachable", "names", strings.Join(out, ", "))
	}
	return nil
}

// named gives a name back as it was sent, short and on one line.
func named(text string) string {
	text = strings.Map(func(c rune) rune {
		if odd(c) || c == '\uFFFD' {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return text
}

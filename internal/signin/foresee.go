package signin

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// ForeseePolicy says what putting a policy in place of the one of its
// identifier, or with gone its deletion, changes.
func (r *Room) ForeseePolicy(ctx context.Context, p SignInPolicy, gone bool) (factor.Outlook, error) {
	before, err := r.Policies(ctx, p.Org)
	if err != nil {
		return factor.Outlook{}, err
	}
	after := slices.DeleteFunc(slices.Clone(before), func(one SignInPolicy) bool { return p.ID != "" && one.ID == p.ID })
	if !gone {
		after = append(after, p)
	}
	return r.outlook(ctx, p.Org, before, after, nil)
}

// ForeseeGroups says what it changes that other people are in groups: those who
// will be in each one that changes, directly or through others.
func (r *Room) ForeseeGroups(ctx context.Context, in id.Org, later map[id.Group][]id.Person) (factor.Outlook, error) {
	all, err := r.Policies(ctx, in)
	if err != nil || !slices.ContainsFunc(all, func(p SignInPolicy) bool {
		return slices.ContainsFunc(p.Groups, func(g id.Group) bool { _, ok := later[g]; return ok })
	}) {
		return factor.Outlook{}, err
	}
	return r.outlook(ctx, in, all, all, later)
}

// outlook compares what is asked of everybody before and after.
func (r *Room) outlook(ctx context.Context, in id.Org, before, after []SignInPolicy, later map[id.Group][]id.Person) (o factor.Outlook, err error) {
	members, err := r.register.Acting(ctx, in)
	if err != nil {
		return o, err
	}
	roles, err := r.register.Roles(ctx, in)
	if err != nil {
		return o, err
	}
	c := crowd{r, in, members, roles, map[id.Group][]id.Person{}}
	now, err := c.demands(ctx, before)
	if err != nil {
		return o, err
	}
	for which, who := range later {
		c.groups[which] = who
	}
	then, err := c.demands(ctx, after)
	if err != nil {
		return o, err
	}
	members = slices.DeleteFunc(members, func(who id.Person) bool { return now[who] == then[who] })
	return r.factors.Outlook(ctx, members, now, then)
}

// crowd is an organization's people, for whom policies are looked at.
type crowd struct {
	*Room
	in      id.Org
	members []id.Person
	roles   []org.Role
	groups  map[id.Group][]id.Person // that were read, or that will be
}

func (c crowd) demands(ctx context.Context, all []SignInPolicy) (factor.Wants, error) {
	asked := factor.Wants{}
	for _, p := range all {
		who, err := c.audience(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, one := range who {
			asked[one] |= factor.BitsOf(p.Require)
		}
	}
	return asked, nil
}

// audience is whom a policy applies to; those who cannot act are in it too.
func (c crowd) audience(ctx context.Context, p SignInPolicy) (who []id.Person, err error) {
	if len(p.Roles) == 0 && len(p.Groups) == 0 {
		return c.members, nil
	}
	for _, role := range c.leading(p.Roles) {
		some, err := c.register.Holders(ctx, c.in, role)
		if err != nil {
			return nil, err
		}
		who = append(who, some...)
	}
	for _, g := range p.Groups {
		if _, known := c.groups[g]; !known {
			if c.groups[g], err = c.register.MembersOf(ctx, c.in, g); err != nil {
				return nil, err
			}
		}
		who = append(who, c.groups[g]...)
	}
	return who, nil
}

// leading are the roles by which somebody has one of some: these, and those that
// include them.
func (c crowd) leading(some []id.Role) []id.Role {
	reach := slices.Clone(some)
	for grown := true; grown; {
		grown = false
		for _, role := range c.roles {
			if !slices.Contains(reach, role.ID) && slices.ContainsFunc(role.Includes, func(in id.Role) bool { return slices.Contains(reach, in) }) {
				reach, grown = append(reach, role.ID), true
			}
		}
	}
	return reach
}

package factor

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// Asking is what is asked of who has one of the roles or is in one of the groups,
// of everybody if it names none.
type Asking struct {
	Require []Method
	Roles   []id.Role
	Groups  []id.Group
}

// Compare says what changes for the members of an organization when they are
// asked for other things. later are groups that will have these members.
func (r *Room) Compare(ctx context.Context, in id.Org, before, after []Asking, later map[id.Group][]id.Person) (o Outlook, err error) {
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
	return r.Outlook(ctx, members, now, then)
}

// crowd is an organization's people, of whom something is asked.
type crowd struct {
	*Room
	in      id.Org
	members []id.Person
	roles   []org.Role
	groups  map[id.Group][]id.Person // that were read, or that will be
}

func (c crowd) demands(ctx context.Context, all []Asking) (Wants, error) {
	asked := Wants{}
	for _, p := range all {
		who, err := c.audience(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, one := range who {
			asked[one] |= BitsOf(p.Require)
		}
	}
	return asked, nil
}

// audience is of whom it is asked; those who cannot act are in it too.
func (c crowd) audience(ctx context.Context, p Asking) (who []id.Person, err error) {
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

package signin

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// Outlook is whom a change touches in an organization at their next sign-in, by
// what they will be asked for. People stand in the order of lists.
type Outlook struct {
	Shut  map[factor.Method][]id.Person // this house cannot give it to who lacks it
	Enrol map[factor.Method][]id.Person // who must set it up before they can act there
	Asked []id.Person                   // who has what they will be asked for
	Freed map[factor.Method][]id.Person // who will not be asked for it any more
}

// demands are the methods asked for by person, each a bit in the order of
// requirable.
type demands map[id.Person]uint8

// ForeseePolicy says what putting a policy in place of the one of its
// identifier, or with gone its deletion, changes.
func (r *Room) ForeseePolicy(ctx context.Context, p SignInPolicy, gone bool) (Outlook, error) {
	before, err := r.Policies(ctx, p.Org)
	if err != nil {
		return Outlook{}, err
	}
	after := slices.DeleteFunc(slices.Clone(before), func(one SignInPolicy) bool { return p.ID != "" && one.ID == p.ID })
	if !gone {
		after = append(after, p)
	}
	return r.outlook(ctx, p.Org, before, after, nil)
}

// ForeseeGroups says what it changes that other people are in groups: those who
// will be in each one that changes, directly or through others.
func (r *Room) ForeseeGroups(ctx context.Context, in id.Org, later map[id.Group][]id.Person) (Outlook, error) {
	all, err := r.Policies(ctx, in)
	if err != nil || !slices.ContainsFunc(all, func(p SignInPolicy) bool {
		return slices.ContainsFunc(p.Groups, func(g id.Group) bool { _, ok := later[g]; return ok })
	}) {
		return Outlook{}, err
	}
	return r.outlook(ctx, in, all, all, later)
}

// outlook compares what is asked of everybody before and after.
func (r *Room) outlook(ctx context.Context, in id.Org, before, after []SignInPolicy, later map[id.Group][]id.Person) (o Outlook, err error) {
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
	return o, r.compare(ctx, &o, members, now, then)
}

// compare sorts people by what changes for them.
func (r *Room) compare(ctx context.Context, o *Outlook, who []id.Person, now, then demands) error {
	o.Shut, o.Enrol, o.Freed = map[factor.Method][]id.Person{}, map[factor.Method][]id.Person{}, map[factor.Method][]id.Person{}
	var gain []id.Person
	for _, one := range who {
		for i, m := range requirable {
			if bit := uint8(1) << i; now[one]&bit != 0 && then[one]&bit == 0 {
				o.Freed[m] = append(o.Freed[m], one)
			}
		}
		if then[one]&^now[one] != 0 {
			gain = append(gain, one)
		}
	}
	kept, err := r.provable(ctx, gain, then)
	for _, one := range gain {
		lacks := Demand{Methods: methodsIn(then[one] &^ now[one])}.Missing(kept[one])
		if slices.Contains(lacks, factor.ByPasskey) {
			lacks = []factor.Method{factor.ByPasskey} // stands for the others too
		}
		for _, m := range lacks {
			if r.gives(m) {
				o.Enrol[m] = append(o.Enrol[m], one)
			} else {
				o.Shut[m] = append(o.Shut[m], one)
			}
		}
		if len(lacks) == 0 {
			o.Asked = append(o.Asked, one)
		}
	}
	return err
}

// provable is what people could prove at once, as if they had.
func (r *Room) provable(ctx context.Context, who []id.Person, then demands) (map[id.Person][]factor.Proof, error) {
	kept, err := r.factors.Kept(ctx, who)
	if err != nil {
		return nil, err
	}
	could, mail := map[id.Person][]factor.Proof{}, []id.Person{}
	for _, one := range who {
		for _, m := range kept[one] {
			could[one] = append(could[one], factor.Proof{Method: m})
		}
		if slices.Contains(methodsIn(then[one]), factor.ByMail) {
			mail = append(mail, one)
		}
	}
	people, err := r.register.People(ctx, mail)
	for _, p := range people {
		if p.Email != "" && p.Verified && r.gives(factor.ByMail) {
			could[p.ID] = append(could[p.ID], factor.Proof{Method: factor.ByMail})
		}
	}
	return could, err
}

// gives reports whether people can come by a method in this house.
func (r *Room) gives(m factor.Method) bool {
	switch m {
	case factor.ByPasskey:
		return r.factors.HasPasskeys()
	case factor.ByMail:
		return r.post != nil && r.post.Enabled()
	}
	return true
}

func methodsIn(bits uint8) (all []factor.Method) {
	for i, m := range requirable {
		if bits&(1<<i) != 0 {
			all = append(all, m)
		}
	}
	return all
}

// crowd is an organization's people, for whom policies are looked at.
type crowd struct {
	*Room
	in      id.Org
	members []id.Person
	roles   []org.Role
	groups  map[id.Group][]id.Person // that were read, or that will be
}

func (c crowd) demands(ctx context.Context, all []SignInPolicy) (demands, error) {
	asked := demands{}
	for _, p := range all {
		var bits uint8
		for _, m := range p.Require {
			if i := slices.Index(requirable, m); i >= 0 {
				bits |= 1 << i
			}
		}
		who, err := c.audience(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, one := range who {
			asked[one] |= bits
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

package factor

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
)

// Requirable are the methods that an organization may ask for, in the order in
// which they are asked.
var Requirable = []Method{ByPasskey, ByPassword, ByTOTP, ByMail}

// Wants are the methods that are asked of people, each a bit in the order of
// Requirable.
type Wants map[id.Person]uint8

// BitsOf are methods as Wants holds them.
func BitsOf(methods []Method) (bits uint8) {
	for _, m := range methods {
		if i := slices.Index(Requirable, m); i >= 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func methodsIn(bits uint8) (all []Method) {
	for i, m := range Requirable {
		if bits&(1<<i) != 0 {
			all = append(all, m)
		}
	}
	return all
}

// Outlook is whom it touches at their next sign-in that other methods are asked
// for.
type Outlook struct {
	Shut  map[Method][]id.Person // this house cannot give it to who lacks it
	Enrol map[Method][]id.Person // who must set it up before they can act there
	Asked []id.Person            // who has what they will be asked for
	Freed map[Method][]id.Person // who will not be asked for it any more
}

// Outlook compares what is asked of people before and after; they stand in the
// order in which they are given. It costs a statement for 64 of those who are
// asked for more, and one for 200 of those by mail.
func (r *Room) Outlook(ctx context.Context, who []id.Person, now, then Wants) (Outlook, error) {
	o := Outlook{map[Method][]id.Person{}, map[Method][]id.Person{}, nil, map[Method][]id.Person{}}
	var more []id.Person
	for _, one := range who {
		for _, m := range methodsIn(now[one] &^ then[one]) {
			o.Freed[m] = append(o.Freed[m], one)
		}
		if then[one]&^now[one] != 0 {
			more = append(more, one)
		}
	}
	kept, err := r.provable(ctx, more, then)
	for _, one := range more {
		lacks := slices.DeleteFunc(methodsIn(then[one]&^now[one]), func(m Method) bool {
			return slices.Contains(kept[one], m) || slices.Contains(kept[one], ByPasskey)
		})
		switch {
		case len(lacks) == 0:
			o.Asked = append(o.Asked, one)
		case lacks[0] == ByPasskey: // stands for the others too
			lacks = lacks[:1]
		}
		for _, m := range lacks {
			into := o.Enrol
			if !r.gives(m) {
				into = o.Shut
			}
			into[m] = append(into[m], one)
		}
	}
	return o, err
}

// provable is by which methods people could prove who they are at once.
func (r *Room) provable(ctx context.Context, who []id.Person, then Wants) (map[id.Person][]Method, error) {
	kept, err := r.Kept(ctx, who)
	if err != nil || !r.gives(ByMail) {
		return kept, err
	}
	mail := slices.DeleteFunc(slices.Clone(who), func(one id.Person) bool { return then[one]&BitsOf([]Method{ByMail}) == 0 })
	people, err := r.register.People(ctx, mail)
	for _, p := range people {
		if p.Email != "" && p.Verified {
			kept[p.ID] = append(kept[p.ID], ByMail)
		}
	}
	return kept, err
}

// gives reports whether people can come by a method in this house.
func (r *Room) gives(m Method) bool {
	switch m {
	case ByPasskey:
		return r.HasPasskeys()
	case ByMail:
		return r.post != nil && r.post.Enabled()
	}
	return true
}

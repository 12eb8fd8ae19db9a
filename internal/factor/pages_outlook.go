package factor

import (
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// fewTouched is how many of those whom a change touches are named.
const fewTouched = 3

// Say says an outlook to who asks: in full what must be set up, and by whom, for
// who may know of others' factors there; otherwise only how many are asked for
// more.
func (r *Room) Say(v *web.Visit, in id.Org, o Outlook, full bool) (lines []string, err error) {
	say := func(key string, who []id.Person, args ...any) {
		names, broken := "", error(nil)
		if len(who) > 0 && err == nil {
			if names, broken = r.fewOf(v, in, who); broken != nil {
				err = broken
			}
			lines = append(lines, v.Say("signin.foresee."+key, append(args, "count", len(who), "names", names)...))
		}
	}
	if !full && v.May(Reset, string(in)) != nil {
		all := o.Asked
		for _, m := range Requirable {
			all = append(append(all, o.Shut[m]...), o.Enrol[m]...)
		}
		say("asked", distinct(all))
		return lines, err
	}
	you := false
	for _, m := range Requirable {
		say("shut", o.Shut[m], "method", v.Say("signin.method."+string(m)))
		you = you || isAmong(v, o.Shut[m]) || isAmong(v, o.Enrol[m])
	}
	for _, m := range Requirable {
		say("enrol", o.Enrol[m], "method", v.Say("signin.method."+string(m)))
	}
	say("asked", o.Asked)
	for _, m := range Requirable {
		say("freed", o.Freed[m], "method", v.Say("signin.method."+string(m)))
	}
	if you {
		lines = append(lines, v.Say("signin.foresee.you"))
	}
	return lines, err
}

func distinct(all []id.Person) (each []id.Person) {
	seen := map[id.Person]bool{}
	for _, one := range all {
		if !seen[one] {
			seen[one], each = true, append(each, one)
		}
	}
	return each
}

func isAmong(v *web.Visit, who []id.Person) bool {
	me := v.Actor().Principal.Person()
	for _, one := range who {
		if me != "" && one == me {
			return true
		}
	}
	return false
}

// fewOf names the first few of some, for who may know them.
func (r *Room) fewOf(v *web.Visit, in id.Org, who []id.Person) (string, error) {
	if v.May(org.PeopleRead, string(in)) != nil {
		return "", nil
	}
	few := who[:min(len(who), fewTouched)]
	names, err := r.register.Names(v.Context(), few)
	var said []string
	for _, one := range few {
		said = append(said, names[one])
	}
	if more := len(who) - len(few); more > 0 {
		said = append(said, v.Say("signin.foresee.more", "count", more))
	}
	return v.Say("signin.foresee.names", "list", strings.Join(said, v.Say("signin.foresee.comma"))), err
}

package people

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/foresee"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// checks is shows and takes for a form whose saving has consequences: what was
// typed is rehearsed by the same rules, shown in sentences, and saved when it
// comes back as it was shown.
func checks[T any](form func(*web.Visit) (T, ui.Form, error), take func(*web.Visit, T, *ui.Form, form) (string, error),
	foresees func(*web.Visit, T, *ui.Form, form) ([]string, error),
) (show, save web.Handler) {
	asked := func(v *web.Visit) (T, ui.Form, error) {
		thing, page, err := form(v)
		page.Submit = v.Say("web.check")
		return thing, page, err
	}
	return shows(asked), func(v *web.Visit) error {
		thing, page, err := asked(v)
		if err != nil {
			return err
		}
		typed, err := readForm(v)
		if err != nil {
			return err
		}
		next := ""
		err = v.Rehearse(func() (err error) { next, err = take(v, thing, &page, typed); return err })
		if err == nil {
			lines, broken := foresees(v, thing, &page, typed)
			if broken != nil {
				return broken
			}
			if page.Foreseen = web.Foreseen(typed.Values, lines); !web.Seen(typed.Values, page.Foreseen) {
				refill(&page, typed.Values)
				page.Hidden, page.Submit = []ui.Pair{{Name: "version", Value: typed.Get("version")}}, v.Say("people.save")
				return v.Show(page.Heading, ui.Write(page))
			}
			next, err = take(v, thing, &page, typed)
		}
		err = mistyped(err)
		refill(&page, typed.Values)
		return answer(v, err, func() (ui.Form, error) { return page, nil }, next)
	}
}

func (r *Room) eye(v *web.Visit, in id.Org) foresee.Eye {
	return foresee.Eye{Visit: v, Org: in, Register: r.org, Book: r.book, Held: r.held, Asked: r.asked}
}

// foresees lets a dry run of an operation say what would change.
func (r *Room) foresees(ctx context.Context, in id.Org, says func(foresee.Eye) ([]string, error)) {
	web.Foresees(ctx, func(v *web.Visit) ([]string, error) { return says(r.eye(v, in)) })
}

func (r *Room) foreseeSeat(v *web.Visit, l Listed, page *ui.Form, typed form) ([]string, error) {
	return r.eye(v, here(v)).Seat(l.Person, l.Member.Roles, pickedRoles(page.Picks[0], typed.Values))
}

func (r *Room) foreseeRole(v *web.Visit, role org.Role, page *ui.Form, typed form) ([]string, error) {
	var permits []string
	for _, one := range pickedRoles(page.Picks[0], typed.Values) {
		permits = append(permits, string(one))
	}
	return r.eye(v, here(v)).Role(role.ID, permits, pickedRoles(page.Picks[1], typed.Values))
}

func (r *Room) foreseeGroup(v *web.Visit, g org.Group, _ *ui.Form, typed form) ([]string, error) {
	g.Groups = idsIn[id.Group](typed.Values["groups"])
	return r.eye(v, here(v)).Group(g)
}

func (r *Room) foreseeState(v *web.Visit, l Listed, _ *ui.Form, typed form) ([]string, error) {
	ends := func(field string, now org.State) bool {
		return stateOf(typed.Get(field), now) == org.Disabled && now != org.Disabled
	}
	return r.eye(v, here(v)).State(l.Person, ends("member", l.Member.State), ends("account", l.Person.State))
}

func (r *Room) foreseeOrg(v *web.Visit, o org.Organization, _ *ui.Form, typed form) ([]string, error) {
	closes := org.State(typed.Get("state")) == org.Disabled && o.State != org.Disabled
	return r.eye(v, here(v)).Organization(o, idsIn[id.Role](typed.Values["parent_roles"]), closes), nil
}

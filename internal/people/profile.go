package people

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// Change changes what is said of a person, by the rules of org.
func (r *Room) Change(ctx context.Context, by id.Principal, p org.Person) error {
	err := r.write(ctx, r.store.Self(p.ID), func(tx *store.Tx) ([]store.Event, error) {
		event, err := r.org.PutPerson(tx, by, p)
		return []store.Event{event}, err
	})
	return r.org.OrHold(ctx, err, by, "", p)
}

// identity reports whether a change touches who somebody is.
func identity(now, next org.Person) bool {
	return org.LoginFold(now.Login) != org.LoginFold(next.Login) || org.EmailFold(now.Email) != org.EmailFold(next.Email) || now.State != next.State
}

// AskEmail begins the change of one's own address: nothing changes until the
// link that is sent to the new one comes back.
func (r *Room) AskEmail(ctx context.Context, who id.Person, email string) error {
	if r.verifier == nil {
		return fault.New(fault.Unmet, "email-change-unavailable")
	}
	address, err := mailaddr.Parse(email)
	if f := fault.As(err); f != nil {
		return about("email", f)
	}
	p, err := r.org.Person(ctx, who)
	if err != nil {
		return err
	}
	draft, err := r.verifier.PrepareVerification(ctx, id.OfPerson(who), p, address.String())
	if err != nil {
		return err
	}
	return r.write(ctx, r.store.Self(who), func(tx *store.Tx) ([]store.Event, error) {
		event, err := draft.Write(tx)
		return []store.Event{event}, err
	})
}

// about says that a field of a person is refused for what another rule said.
func about(path string, why *fault.Fault) error {
	var bad fault.Checks
	bad.AddFault(path, why)
	return bad.Fault("person-invalid")
}

// SetState enables or disables an account.
func (r *Room) SetState(ctx context.Context, by id.Principal, who id.Person, state org.State) error {
	p, _, err := r.sees(ctx, by, who)
	if err != nil {
		return err
	}
	if p.State == state || p.State == org.Invited && state == org.Active {
		return fault.New(fault.Conflict, "nothing-to-change")
	}
	p.State = state
	return r.Change(ctx, by, p)
}

// Deletion says before a person is deleted what goes and what stays.
type Deletion struct {
	Person  org.Person
	Orgs    []org.Organization // memberships that end
	Groups  int                // groups that they leave, in the organization that looks
	Reports []id.Person        // whose manager they are there
	Refused *fault.Fault       // why who looks may not; nil: they may
}

// PlanDeletion reads what a deletion would do; in may be "".
func (r *Room) PlanDeletion(ctx context.Context, by id.Principal, in id.Org, who id.Person) (d Deletion, err error) {
	p, shared, err := r.sees(ctx, by, who)
	if err != nil {
		return d, err
	}
	d.Person = p
	for _, one := range shared {
		o, err := r.org.Organization(ctx, one)
		if err != nil {
			return d, err
		}
		d.Orgs = append(d.Orgs, o)
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) error {
		d.Groups, d.Reports = 0, nil
		if err := r.depends(v, in, who, &d); err != nil {
			return err
		}
		refused := r.mayDelete(v, by, who)
		d.Refused = fault.As(refused)
		if d.Refused != nil {
			return nil
		}
		return refused
	})
	return d, err
}

func (r *Room) depends(v *store.View, in id.Org, who id.Person, d *Deletion) error {
	if in == "" {
		return nil
	}
	groups, err := org.AllGroups(v, in)
	for _, g := range groups {
		if slices.Contains(g.Members, who) {
			d.Groups++
		}
	}
	if err != nil {
		return err
	}
	d.Reports, err = org.ReportsOf(v, in, who)
	return err
}

func (r *Room) mayDelete(v *store.View, by id.Principal, who id.Person) error {
	orgs, err := r.org.OrgsOf(v, who)
	if err != nil || whole(by) {
		return err
	}
	for _, one := range orgs {
		err := r.org.Need(v, by, one, org.PeopleErase)
		if fault.As(err) != nil {
			return fault.New(fault.Forbidden, "person-elsewhere-too")
		}
		if err != nil {
			return err
		}
	}
	return r.org.MayTouch(v, by, who)
}

// Delete deletes a person for good; typed must be their login.
func (r *Room) Delete(ctx context.Context, by id.Principal, who id.Person, typed string) error {
	p, _, err := r.sees(ctx, by, who)
	if err != nil {
		return err
	}
	if org.LoginFold(typed) != org.LoginFold(p.Login) {
		return withField(fault.New(fault.Invalid, "person-invalid"), "login", "typed-name-differs", "name", p.Login)
	}
	return r.write(ctx, r.store.Self(who), func(tx *store.Tx) ([]store.Event, error) {
		event, err := r.org.RemovePerson(tx, by, who)
		return []store.Event{event}, err
	})
}

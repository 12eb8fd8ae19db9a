package signin

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// switching is how a session enters an organization.
var switching = admit.Declare(admit.Path{Name: "organization switch", Exempt: map[admit.State]string{
	admit.PersonLocked:       "wrong answers lock what can be guessed; the session was proven before",
	admit.ClientDisabled:     "no client takes part",
	admit.ConsentRevoked:     "no consent takes part",
	admit.DeviceLost:         "there are no registered devices yet",
	admit.PasswordMustChange: "the session was begun before the change was asked for, or by a passkey",
}})

// Home chooses the organization in which a fresh sign-in begins: the one that
// the person acted in last, or the only one; "" if they must choose or belong
// to none. d is what that organization asks for.
func (r *Room) Home(ctx context.Context, who id.Person) (which id.Org, d demand.Demand, err error) {
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return "", demand.Demand{}, err
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		which, err = lastOrg(v)
		return err
	})
	if err != nil {
		return "", demand.Demand{}, err
	}
	if !grants.Sees(which) {
		which = ""
		if len(grants.Orgs) == 1 {
			which = grants.Orgs[0].ID
		}
	}
	d, err = r.DemandOn(ctx, which, who)
	return which, d, err
}

// Settle gives an opening its organization and the bounds that it asks for.
func (o *Opening) Settle(which id.Org, d demand.Demand) {
	o.Session.Org, o.Session.Idle = which, d.Idle
	if ends := o.Session.Begun.Add(d.Absolute); ends.Before(o.Session.Ends) {
		o.Session.Ends = ends
	}
}

// Wanted is the fault of an organization that asks for more than was proven.
// Its methods are what is missing, in the order in which it is asked.
func Wanted(missing []factor.Method, policies []string) *fault.Fault {
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i] = string(m)
	}
	return fault.New(fault.Unmet, "policy-wants-more", "methods", strings.Join(names, ", "), "policies", strings.Join(policies, ", "))
}

// Choose brings a session into an organization. The cookie changes with it. A
// person who lacks what the organization asks for gets policy-wants-more.
func (r *Room) Choose(ctx context.Context, s Session, which id.Org) (secret.Text, error) {
	grants, err := r.register.Grants(ctx, s.Person)
	if err != nil {
		return secret.Text{}, err
	}
	if !grants.Sees(which) {
		return secret.Text{}, fault.New(fault.NotFound, "organization-unknown")
	}
	d, err := r.DemandOn(ctx, which, s.Person)
	if err != nil {
		return secret.Text{}, err
	}
	if missing := d.Missing(s.Proofs); len(missing) > 0 {
		return secret.Text{}, Wanted(missing, d.Policies)
	}
	o := Opening{Cookie: secret.Random(32), Session: s}
	o.Settle(which, d)
	err = r.store.Self(s.Person).Write(ctx, func(tx *store.Tx) store.End {
		if err := r.Renew(tx, switching, o); err != nil {
			return store.Abort(err)
		}
		if err := rememberOrg(tx, which); err != nil {
			return store.Abort(err)
		}
		event := o.Session.event("session.organization-chosen", id.OfPerson(s.Person))
		return store.Done(event)
	})
	r.sessions.forget(s.ID)
	return o.Cookie, err
}

// Choices are the organizations that a person can act in: their own by title,
// then those below.
func (r *Room) Choices(ctx context.Context, who id.Person) ([]org.Organization, error) {
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return nil, err
	}
	return slices.Concat(grants.Orgs, grants.Below()), nil
}

package welcome

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// SetupLife is how long the link of an empty house counts.
const SetupLife = time.Hour

// setupLink is the value in the link that an empty house prints at its start.
var setupLink = once.Declare(once.Kind{Name: "setup-link", Life: SetupLife, Size: 32})

// setupSubject owns every set-up link, so that a new one ends the older ones.
const setupSubject = "setup"

const madeNow = "person, organization and membership are made in the write that issues"

// bySetup is how the first administrator gets a session.
var bySetup = admit.Declare(admit.Path{Name: "set-up link", Exempt: map[admit.State]string{
	admit.PersonDisabled:       madeNow,
	admit.PersonDeleted:        madeNow,
	admit.OrganizationDisabled: madeNow,
	admit.MemberRemoved:        madeNow,
	admit.PersonLocked:         "the person is made in the same write; nobody could guess yet",
	admit.ClientDisabled:       "no client takes part",
	admit.ConsentRevoked:       "no consent takes part",
	admit.SessionRevoked:       "it begins a session and comes from none",
	admit.DeviceLost:           "there are no registered devices yet",
	admit.PasswordMustChange:   "the first factor is made in the same write",
}})

// founder is who acts until the first administrator is there.
var founder = id.System("setup")

// Founding is what the first administrator says: who they are, and what the
// organization that runs the house is called.
type Founding struct {
	Org    org.Organization
	Person org.Person
}

// NewSetupLink makes the link of a house without people; false if there are
// some. Older links end. The URL holds the only copy of the value.
func (r *Room) NewSetupLink(ctx context.Context) (link secret.Text, empty bool, err error) {
	value := setupLink.New()
	err = r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		var err error
		if empty, err = r.register.Empty(&tx.View); err != nil || !empty {
			return store.Abort(errors.Join(err, errPeopled))
		}
		links, err := once.Revoke(tx, setupSubject, setupLink)
		if err != nil {
			return store.Abort(err)
		}
		if err := once.Mint(tx, setupLink, value, once.Slip{Subject: setupSubject}); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "setup.link-made", By: id.System("start"), Fields: map[string]string{
			"until": tx.Now().Add(SetupLife).Format(time.RFC3339), "links_ended": count(links),
		}})
	})
	if errors.Is(err, errPeopled) {
		return secret.Text{}, false, nil
	}
	return r.linkTo("/setup", value), empty, err
}

// Empty reports whether the house waits for its first administrator.
func (r *Room) Empty(ctx context.Context) (empty bool, err error) {
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		empty, err = r.register.Empty(v)
		return err
	})
	return empty, err
}

var errPeopled = errors.New("welcome: the house has people")

// linkTo is a page of this house with a value: links come from the configured
// address, never from a request (A055).
func (r *Room) linkTo(path string, value secret.Text) secret.Text {
	return secret.Of(strings.TrimRight(r.baseURL, "/") + path + "?" + url.Values{"link": {value.Reveal()}}.Encode())
}

// SetupOpen says whether the link still counts. It consumes nothing: mail
// scanners and previews may look (A055).
func (r *Room) SetupOpen(ctx context.Context, value secret.Text) error {
	return r.lookUp(ctx, func(v *store.View) error { return r.setupOpen(v, value) })
}

func (r *Room) setupOpen(v *store.View, value secret.Text) error {
	if _, err := once.Peek(v, setupLink, value); err != nil {
		return linkFault(err, "setup-link-invalid")
	}
	empty, err := r.register.Empty(v)
	if err == nil && !empty {
		err = fault.New(fault.Unmet, "setup-link-invalid")
	}
	return err
}

// linkFault says what is wrong with a link in the words of its kind.
func linkFault(err error, code string) error {
	if f := fault.As(err); f != nil && f.Kind == fault.Unknown {
		return fault.New(fault.Unmet, code).Because(err)
	}
	return err
}

// Draft gives the founding its identifiers.
func (r *Room) draftFounding(f Founding) Founding {
	now := r.clock.Now().UTC().Truncate(time.Microsecond)
	f.Org.ID, f.Org.Type, f.Org.State, f.Org.Version, f.Org.Parent = id.New[id.Org](now), org.Provider, org.Active, 0, ""
	if f.Person.ID == "" {
		f.Person.ID = id.New[id.Person](now)
	}
	f.Person.State, f.Person.Created, f.Person.Verified = org.Active, now, false
	if f.Person.DisplayName == "" {
		f.Person.DisplayName = f.Person.Name()
	}
	return f
}

// CheckFounding says everything that is wrong with a founding, and writes
// nothing.
func (r *Room) CheckFounding(ctx context.Context, value secret.Text, f Founding) error {
	if err := r.SetupOpen(ctx, value); err != nil {
		return err
	}
	f = r.draftFounding(f)
	err := r.store.Self(f.Person.ID).Write(ctx, func(tx *store.Tx) store.End {
		if err := r.setupOpen(&tx.View, value); err != nil {
			return store.Abort(err)
		}
		if _, err := r.found(tx, f); err != nil {
			return store.Abort(err)
		}
		return store.Abort(errFine)
	})
	if errors.Is(err, errFine) {
		return nil
	}
	return err
}

var errFine = errors.New("welcome: nothing is wrong")

// BeginSetup begins making the first administrator's passkey.
func (r *Room) BeginSetup(ctx context.Context, value secret.Text, f Founding) (factor.Ceremony, error) {
	if err := r.CheckFounding(ctx, value, f); err != nil {
		return factor.Ceremony{}, err
	}
	return r.factors.BeginFirst("setup", value, r.draftFounding(f).Person, factor.PasskeyWish{})
}

// SetUp makes organization, first administrator, first factor and session in
// one write, and consumes the link: of any number at once one wins, and what is
// refused leaves nothing behind.
func (r *Room) SetUp(ctx context.Context, value secret.Text, f Founding, first factor.First, in Where) (Opening, error) {
	if err := r.SetupOpen(ctx, value); err != nil {
		return Opening{}, err
	}
	if len(first.Answer) > 0 {
		who, _, err := r.factors.ReadTicket("setup", value, first.Ticket)
		if err != nil {
			return Opening{}, err
		}
		f.Person.ID = who // the one that the passkey was made for
	}
	f = r.draftFounding(f)
	if err := r.CheckFounding(ctx, value, f); err != nil {
		return Opening{}, err
	}
	made, err := r.factors.MakeFirst(ctx, "setup", value, f.Person, first, []string{f.Org.Name, f.Org.Title}, factor.PasskeyWish{})
	if err != nil {
		return Opening{}, err
	}
	o, err := r.sessions.Prepare(ctx, Beginning{
		Person: f.Person.ID, Proofs: r.factors.ProofsOf(made, factor.BySetup), Browser: in.Browser, Source: in.Source, In: f.Org.ID,
	})
	if err != nil {
		return Opening{}, err
	}
	err = r.store.Self(f.Person.ID).Write(ctx, func(tx *store.Tx) store.End { return r.setUp(tx, value, f, made, o) })
	r.register.Forget()
	if err != nil {
		return Opening{}, err
	}
	return o, r.SendVerification(ctx, id.OfPerson(f.Person.ID), f.Person.ID)
}

func (r *Room) setUp(tx *store.Tx, value secret.Text, f Founding, made factor.Made, o Opening) store.End {
	if _, err := once.Redeem(tx, setupLink, value, ""); err != nil {
		// Nothing to keep of a refusal: the edge counts it with all others of
		// nobody we know, so that they cannot fill the log.
		return store.Abort(linkFault(err, "setup-link-invalid"))
	}
	if empty, err := r.register.Empty(&tx.View); err != nil || !empty {
		return store.Abort(orFault(err, fault.New(fault.Unmet, "setup-link-invalid")))
	}
	events, err := r.found(tx, f)
	if err != nil {
		return store.Abort(err)
	}
	if err := r.factors.PutFirst(tx, f.Person.ID, made); err != nil {
		return store.Abort(err)
	}
	begun, err := o.Open(tx, bySetup)
	if err == nil {
		_, err = once.Revoke(tx, setupSubject, setupLink)
	}
	if err != nil {
		return store.Abort(err)
	}
	by := id.OfPerson(f.Person.ID)
	done := store.Event{Name: "setup.link-redeemed", Org: f.Org.ID, By: by, Target: string(by), Fields: map[string]string{"method": string(made.Method)}}
	for i := range events {
		events[i].By = by
	}
	return store.Done(done, append(events, begun)...)
}

func orFault(err error, f *fault.Fault) error {
	if err != nil {
		return err
	}
	return f
}

// found makes the organization and its first administrator. All that is wrong
// comes back at once, as setup-invalid with the fields of the form.
func (r *Room) found(tx *store.Tx, f Founding) ([]store.Event, error) {
	var bad fault.Checks
	organization, err := r.register.SetOrganization(tx, founder, f.Org)
	if err := collect(&bad, "org.", err); err != nil {
		return nil, err
	}
	person, err := r.register.AddPerson(tx, founder, f.Person)
	if err := collect(&bad, "", err); err != nil {
		return nil, err
	}
	if f := bad.Fault("setup-invalid"); f != nil {
		return nil, f
	}
	member, err := r.register.SetMember(tx, founder, org.Member{
		Org: f.Org.ID, Person: f.Person.ID, Roles: []id.Role{org.Administrator, org.Operator},
	})
	return []store.Event{organization, person, member}, err
}

// collect adds the bad fields of a fault; any other error is returned.
func collect(bad *fault.Checks, prefix string, err error) error {
	f := fault.As(err)
	if err == nil || f == nil || len(f.Fields) == 0 {
		return err
	}
	for _, field := range f.Fields {
		bad.Add(prefix+field.Path, field.Code, field.Args.Pairs()...)
	}
	return nil
}

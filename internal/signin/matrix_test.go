package signin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

// cell is one path against one state: a person and a customer of their own.
type cell struct {
	*rig
	who   id.Person
	login string
	org   id.Org
}

// redeem ends an issuance that was begun; it reports whether something was
// issued, and for which organization.
type redeem func() (issued bool, in id.Org)

// begins begin each path. A path of the house without a row fails the test.
var begins = map[string]func(c cell) redeem{
	"password sign-in": func(c cell) redeem {
		c.password(c.who, false)
		v := c.visitor()
		c.says(v.Post("/signin", url.Values{"login": {c.login}}), http.StatusOK, c.login)
		return func() (bool, id.Org) { v.try(c.login, right); return v.signedIn() }
	},
	"passkey sign-in": func(c cell) redeem {
		key, v := c.passkey(c.who), c.visitor()
		form := v.ceremony(key, "/signin/passkey/options")
		return func() (bool, id.Org) { v.Post("/signin/passkey", form); return v.signedIn() }
	},
	"code sign-in": func(c cell) redeem {
		v := c.visitor()
		code := v.askCode(c.login)
		return func() (bool, id.Org) {
			v.Post("/signin/code/check", url.Values{"code": {code}})
			return v.signedIn()
		}
	},
	"recovery code": func(c cell) redeem {
		c.password(c.who, false)
		c.app(c.who)
		codes, err := c.room.MakeRecovery(ctx, c.who)
		if err != nil {
			c.Fatal(err)
		}
		v := c.visitor()
		c.led(v.try(c.login, right), "/signin/second")
		return func() (bool, id.Org) { v.second("recovery", codes[0].Reveal()); return v.signedIn() }
	},
	"step-up": func(c cell) redeem {
		c.password(c.who, false)
		v := c.visitor()
		v.try(c.login, right)
		before := v.cookie("sekisho")
		return func() (bool, id.Org) {
			v.Post("/signin/again", url.Values{"method": {"password"}, "password": {right}, "answer-text": {right}, "back": {"/settings"}})
			_, in := v.signedIn()
			return v.cookie("sekisho") != before && v.cookie("sekisho") != "", in
		}
	},
	"organization switch": func(c cell) redeem {
		v := visitor{c.home.As(c, c.who, ""), c.rig}
		before := v.cookie("sekisho")
		return func() (bool, id.Org) {
			v.Post(signin.OrganizationPath, url.Values{"org": {string(c.org)}})
			_, in := v.signedIn()
			return v.cookie("sekisho") != before && v.cookie("sekisho") != "", in
		}
	},
	"personal API token": func(c cell) redeem {
		v := c.home.As(c, c.who, c.org)
		return func() (bool, id.Org) {
			got := v.Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "script", "org": c.org, "scopes": []string{}, "days": 30})
			return got.Status == http.StatusCreated, c.org
		}
	},
	"set-up link": nil, // every state is exempt: what could be in it is made in the same write
	"invitation": func(c cell) redeem {
		draft := town{c.home, c.k, nil}.inviteAgain(c, c.org, c.who)
		link := ""
		if draft.Link.Empty() {
			link = town{c.home, c.k, nil}.mailed(c, c.login+"@kaede.example", "")
		} else {
			link = valueOf(c, draft.Link.Reveal())
		}
		v := c.visitor()
		return func() (bool, id.Org) {
			v.Post("/welcome", url.Values{"link": {link}, "family_name": {"伊東"}, "given_name": {"恵"}, "password": {goodPassword}})
			return v.signedIn()
		}
	},
	"reset link": func(c cell) redeem {
		v := c.visitor()
		if got := v.Post("/reset", url.Values{"login": {c.login}}); got.Status != http.StatusOK {
			c.Fatalf("asking: %d", got.Status)
		}
		link := town{c.home, c.k, nil}.mailed(c, c.login+"@kaede.example", "")
		return func() (bool, id.Org) {
			newPassword(v.Visitor, link, goodPassword)
			there := c.visitor()
			there.try(c.login, goodPassword)
			issued, _ := there.signedIn()
			return issued, ""
		}
	},
	"recovery link": func(c cell) redeem {
		made, err := c.room.MakeRecoverLink(ctx, id.Local(0), c.login)
		if err != nil {
			c.Fatal(err)
		}
		v := c.visitor()
		return func() (bool, id.Org) {
			v.Post("/recover", url.Values{"link": {valueOf(c, made.Link.Reveal())}, "password": {goodPassword}})
			return v.signedIn()
		}
	},
}

// signedIn reports whether the browser's cookie is a session, and where.
func (v visitor) signedIn() (bool, id.Org) {
	v.r.room.ForgetSessions()
	v.r.home.Register().Forget()
	found, err := v.r.room.Authenticate(context.Background(), secret.Of(v.cookie("sekisho")))
	return err == nil, found.Session.Org
}

// set brings a person, or what they need, into a state.
func (c cell) set(state admit.State) {
	register, root := c.home.Register(), id.Local(0)
	do := func(err error) {
		if err != nil {
			c.Fatalf("%s: %v", state, err)
		}
	}
	sql := func(statement string, args ...any) {
		do(c.home.Store().Self(c.who).Write(ctx, func(tx *store.Tx) store.End {
			if _, err := tx.Exec(statement, args...); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietSeen)
		}))
	}
	switch state {
	case admit.PersonDisabled:
		c.disable(c.who)
	case admit.PersonLocked:
		sql("INSERT INTO attempt (person, source, fails, first, last) VALUES ($1, '', $2, $3, $3)", signin.MostFailures, store.Micros(c.clock.Now()))
	case admit.PersonDeleted:
		do(register.DeletePerson(ctx, root, c.who))
	case admit.OrganizationDisabled:
		o, err := register.Organization(ctx, c.org)
		do(err)
		o.State = org.Disabled
		_, err = register.PutOrganization(ctx, root, o)
		do(err)
	case admit.MemberRemoved:
		do(register.DropMember(ctx, root, c.org, c.who))
	case admit.SessionRevoked:
		_, err := c.room.EndOtherSessions(ctx, root, c.who, "")
		do(err)
	case admit.PasswordMustChange:
		sql("UPDATE factor SET must_change = 1 WHERE person = $1 AND kind = 'password'")
	default:
		c.Fatalf("there is no way to bring about %q", state)
	}
}

// newCell makes a person in a customer of their own.
func newCell(r *rig, n int, state org.State) cell {
	c := cell{rig: r, login: fmt.Sprintf("cell%d", n)}
	customer, err := r.home.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: c.login, Type: org.Customer, Parent: r.k.Org})
	if err != nil {
		r.Fatal(err)
	}
	p := org.Person{
		ID: id.New[id.Person](r.clock.Now()), Login: c.login, Email: c.login + "@kaede.example", GivenName: "恵", FamilyName: "伊東",
		State: state, Created: r.clock.Now(),
	}
	c.org, c.who = customer.ID, p.ID
	err = town{r.home, r.k, nil}.write(r, func(tx *store.Tx) (store.Event, error) {
		if _, err := r.home.Register().AddPerson(tx, id.Local(0), p); err != nil {
			return store.Event{}, err
		}
		if state == org.Active {
			if err := r.home.Register().Verify(tx, p.ID, p.Email); err != nil {
				return store.Event{}, err
			}
		}
		return r.home.Register().SetMember(tx, id.Local(0), org.Member{Org: c.org, Person: p.ID, Roles: []id.Role{org.User}})
	})
	if err != nil {
		r.Fatal(err)
	}
	r.home.Register().Forget()
	r.home.Mail.Drop()
	return c
}

// TestR2IssuanceMatrix walks every path of the house against every state, set
// between the beginning of an issuance and its redemption: nothing is issued,
// or, where a sign-in begins a session and only the organization is gone, a
// session in no organization, which entering one (a path of its own) refuses.
func TestR2IssuanceMatrix(t *testing.T) {
	r := newRig(t, housetest.WithMail())
	refused, homeless, exempt, n := 0, 0, 0, 0
	for _, path := range admit.Paths() {
		begin, known := begins[path.Name]
		if !known {
			t.Errorf("the path %q has no row", path.Name)
			continue
		}
		state := org.Active
		if path.Name == "invitation" {
			state = org.Invited
		}
		if begin != nil {
			n++
			t.Run("R2 "+path.Name+", nothing against it", func(t *testing.T) {
				c := newCell(r.in(t), n, state)
				if issued, _ := begin(c)(); !issued {
					t.Error("nothing is issued at all: the row shows nothing")
				}
			})
		}
		for _, s := range admit.States {
			if !path.Stops(s) {
				exempt++
				continue
			}
			if begin == nil {
				t.Errorf("the path %q has no row, and %s is not exempt", path.Name, s)
				continue
			}
			n++
			t.Run("R2 "+path.Name+", "+string(s), func(t *testing.T) {
				c := newCell(r.in(t), n, state)
				end := begin(c)
				c.set(s)
				issued, in := end()
				switch gone := s == admit.OrganizationDisabled || s == admit.MemberRemoved; {
				case !issued:
					refused++
				case gone && in == "":
					homeless++
				default:
					t.Errorf("issued, in %q", in)
				}
			})
		}
	}
	t.Logf("%d paths, %d cells: %d refused, %d without the organization, %d exempt with a reason",
		len(admit.Paths()), refused+homeless+exempt, refused, homeless, exempt)
}

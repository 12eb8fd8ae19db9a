package signin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

// cell is one path against one state: a person and a customer of their own.
type cell struct {
	*factortest.Rig
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
		c.Password(c.who, false)
		v := c.Visitor()
		c.Says(v.Post("/signin", url.Values{"login": {c.login}}), http.StatusOK, c.login)
		return func() (bool, id.Org) { v.Try(c.login, factortest.Right); return signedIn(v) }
	},
	"passkey sign-in": func(c cell) redeem {
		key, v := c.Passkey(c.who), c.Visitor()
		form := v.Ceremony(key, "/signin/passkey/options")
		return func() (bool, id.Org) { v.Post("/signin/passkey", form); return signedIn(v) }
	},
	"code sign-in": func(c cell) redeem {
		v := c.Visitor()
		code := askCode(v, c.login)
		return func() (bool, id.Org) {
			v.Post("/signin/code/check", url.Values{"code": {code}})
			return signedIn(v)
		}
	},
	"recovery code": func(c cell) redeem {
		c.Password(c.who, false)
		c.App(c.who)
		codes, err := c.Factors.MakeRecovery(ctx, c.who)
		if err != nil {
			c.Fatal(err)
		}
		v := c.Visitor()
		c.Led(v.Try(c.login, factortest.Right), "/signin/second")
		return func() (bool, id.Org) { v.Second("recovery", codes[0].Reveal()); return signedIn(v) }
	},
	"step-up": func(c cell) redeem {
		c.Password(c.who, false)
		v := c.Visitor()
		v.Try(c.login, factortest.Right)
		before := v.Cookie("sekisho")
		return func() (bool, id.Org) {
			v.Post("/signin/again", url.Values{"method": {"password"}, "password": {factortest.Right}, "answer-text": {factortest.Right}, "back": {"/settings"}})
			_, in := signedIn(v)
			return v.Cookie("sekisho") != before && v.Cookie("sekisho") != "", in
		}
	},
	"organization switch": func(c cell) redeem {
		v := factortest.Visitor{Visitor: c.Home.As(c, c.who, ""), R: c.Rig}
		before := v.Cookie("sekisho")
		return func() (bool, id.Org) {
			v.Post(signin.OrganizationPath, url.Values{"org": {string(c.org)}})
			_, in := signedIn(v)
			return v.Cookie("sekisho") != before && v.Cookie("sekisho") != "", in
		}
	},
	"personal API token": func(c cell) redeem {
		c.Password(c.who, false)
		v := c.Home.As(c, c.who, c.org)
		return func() (bool, id.Org) {
			got := v.Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "script", "org": c.org, "scopes": []string{org.PeopleRead}, "days": 30})
			return got.Status == http.StatusCreated, c.org
		}
	},
	"service token of a card sender": func(c cell) redeem {
		c.Password(c.who, false)
		do := func(err error) {
			if err != nil {
				c.Fatal(err)
			}
		}
		m, err := c.Home.Register().Member(ctx, c.org, c.who)
		do(err)
		role, err := c.Home.Register().PutRole(ctx, id.Local(0), org.Role{Org: c.org, Name: "desk", Permissions: []string{"sender.read", "sender.write"}})
		do(err)
		m.Roles = append(m.Roles, role.ID)
		do(c.Home.Register().PutMember(ctx, id.Local(0), m))
		v, senders := c.Home.As(c, c.who, c.org), "/api/v1/organizations/"+string(c.org)+"/card-senders"
		made := v.Call(http.MethodPost, senders, map[string]any{"name": "desk", "role": "creator", "audience": map[string]any{"everybody": true}})
		var s struct{ ID string }
		do(json.Unmarshal([]byte(made.Body), &s))
		return func() (bool, id.Org) {
			got := v.Call(http.MethodPost, senders+"/"+s.ID+"/tokens", map[string]any{"days": 1})
			return got.Status == http.StatusCreated, c.org
		}
	},
	"set-up link": nil, // every state is exempt: what could be in it is made in the same write
	"invitation": func(c cell) redeem {
		draft := factortest.Town{Home: c.Home, Kaede: c.K}.InviteAgain(c, c.org, c.who)
		link := ""
		if draft.Link.Empty() {
			link = factortest.Town{Home: c.Home, Kaede: c.K}.Mailed(c, c.login+"@kaede.example", "")
		} else {
			link = factortest.ValueOf(c, draft.Link.Reveal())
		}
		v := c.Visitor()
		return func() (bool, id.Org) {
			v.Post("/welcome", url.Values{"link": {link}, "family_name": {"伊東"}, "given_name": {"恵"}, "password": {factortest.GoodPassword}})
			return signedIn(v)
		}
	},
	"reset link": func(c cell) redeem {
		v := c.Visitor()
		if got := v.Post("/reset", url.Values{"login": {c.login}}); got.Status != http.StatusOK {
			c.Fatalf("asking: %d", got.Status)
		}
		link := factortest.Town{Home: c.Home, Kaede: c.K}.Mailed(c, c.login+"@kaede.example", "")
		return func() (bool, id.Org) {
			factortest.NewPassword(v.Visitor, link, factortest.GoodPassword)
			there := c.Visitor()
			there.Try(c.login, factortest.GoodPassword)
			issued, _ := signedIn(there)
			return issued, ""
		}
	},
	"recovery link": func(c cell) redeem {
		made, err := c.Welcome.MakeRecoverLink(ctx, id.Local(0), c.login)
		if err != nil {
			c.Fatal(err)
		}
		v := c.Visitor()
		return func() (bool, id.Org) {
			v.Post("/recover", url.Values{"link": {factortest.ValueOf(c, made.Link.Reveal())}, "password": {factortest.GoodPassword}})
			return signedIn(v)
		}
	},
}

// signedIn reports whether the browser's cookie is a session, and where.
func signedIn(v factortest.Visitor) (bool, id.Org) {
	v.R.Room.ForgetSessions()
	v.R.Home.Register().Forget()
	found, err := v.R.Room.Authenticate(context.Background(), secret.Of(v.Cookie("sekisho")))
	return err == nil, found.Session.Org
}

// set brings a person, or what they need, into a state.
func (c cell) set(state admit.State) {
	register, root := c.Home.Register(), id.Local(0)
	do := func(err error) {
		if err != nil {
			c.Fatalf("%s: %v", state, err)
		}
	}
	sql := func(statement string, args ...any) {
		do(c.Home.Store().Self(c.who).Write(ctx, func(tx *store.Tx) store.End {
			if _, err := tx.Exec(statement, args...); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietSeen)
		}))
	}
	switch state {
	case admit.PersonDisabled:
		c.Disable(c.who)
	case admit.PersonLocked:
		sql("INSERT INTO attempt (person, source, fails, first, last) VALUES ($1, '', $2, $3, $3) ON CONFLICT (person, source) DO UPDATE SET fails = excluded.fails", signin.MostFailures+1, store.Micros(c.Clock.Now()))
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
		_, err := c.Room.EndOtherSessions(ctx, root, c.who, "")
		do(err)
	case admit.PasswordMustChange:
		sql("UPDATE factor SET must_change = 1 WHERE person = $1 AND kind = 'password'")
	default:
		c.Fatalf("there is no way to bring about %q", state)
	}
}

// newCell makes a person in a customer of their own.
func newCell(r *factortest.Rig, n int, state org.State) cell {
	c := cell{Rig: r, login: fmt.Sprintf("cell%d", n)}
	customer, err := r.Home.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: c.login, Type: org.Customer, Parent: r.K.Org})
	if err != nil {
		r.Fatal(err)
	}
	p := org.Person{
		ID: id.New[id.Person](r.Clock.Now()), Login: c.login, Email: c.login + "@kaede.example", GivenName: "恵", FamilyName: "伊東",
		State: state, Created: r.Clock.Now(),
	}
	c.org, c.who = customer.ID, p.ID
	err = factortest.Town{Home: r.Home, Kaede: r.K}.Write(r, func(tx *store.Tx) (store.Event, error) {
		if _, err := r.Home.Register().AddPerson(tx, id.Local(0), p); err != nil {
			return store.Event{}, err
		}
		if state == org.Active {
			if err := r.Home.Register().Verify(tx, p.ID, p.Email); err != nil {
				return store.Event{}, err
			}
		}
		return r.Home.Register().SetMember(tx, id.Local(0), org.Member{Org: c.org, Person: p.ID, Roles: []id.Role{org.Accounts}})
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Home.Register().Forget()
	r.Home.Mail.Drop()
	return c
}

// TestR2IssuanceMatrix walks every path of the house against every state, set
// between the beginning of an issuance and its redemption: nothing is issued,
// or, where a sign-in begins a session and only the organization is gone, a
// session in no organization, which entering one (a path of its own) refuses.
func TestR2IssuanceMatrix(t *testing.T) {
	r := factortest.NewRig(t, housetest.WithMail())
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
				c := newCell(r.In(t), n, state)
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
				c := newCell(r.In(t), n, state)
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

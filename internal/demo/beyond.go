package demo

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/secret"
)

// The outside systems, by the names of their commands.
const (
	ServiceNow = "servicenow"
	Jira       = "jira"
)

// beyond is an outside system that plays, and what a connector must be told to
// reach it.
type beyond struct {
	Name     string // ServiceNow or Jira
	Title    string
	URL      string // without a slash at its end
	Client   string // OAuth client id
	Key      secret.Text
	Endpoint endpoints
	Scope    string
	Sites    []jira.Place // of Jira; the one of the story is the last
	people   []fake.Person
	names    []string // of its switches
	password func(login string) secret.Text
	now      *servicenow.System                // of ServiceNow
	bell     func(url string, key secret.Text) // where it rings from now on
	listener *fake.Listener
	close    func()
}

// endpoints are those of OAuth.
type endpoints struct{ Authorize, Token string }

// system is what both simulators can do.
type system interface {
	http.Handler
	Turn(setting string) error
	Password(login string) secret.Text
	Close()
}

// openSystem starts one by its name; an empty client is made up.
func openSystem(name, listen string, c clock.Clock, people []fake.Person, client keptSystem, switches ...string) (*beyond, error) {
	b := &beyond{Name: name, people: people, Client: client.Client, Key: secret.Of(client.Key)}
	if b.Client == "" {
		b.Client, b.Key = fake.Hex(16), secret.Of(fake.Token(24))
	}
	plays, err := b.make(c)
	if err != nil {
		return nil, err
	}
	for _, one := range switches {
		if err := plays.Turn(one); err != nil {
			plays.Close()
			return nil, err
		}
	}
	if b.listener, err = fake.Listen(listen, plays); err != nil {
		plays.Close()
		return nil, err
	}
	b.URL, b.password, b.close = b.listener.URL, plays.Password, plays.Close
	b.Endpoint.Authorize, b.Endpoint.Token = b.URL+b.Endpoint.Authorize, b.URL+b.Endpoint.Token
	return b, nil
}

// make makes the simulator, with a client whose consent page names us. The
// client may send to any address of this machine: the one of a connector holds
// an id that nobody knows yet.
func (b *beyond) make(c clock.Clock) (system, error) {
	if b.Name == Jira {
		plays, err := jira.New(jira.Options{Clock: c, People: b.people})
		if err != nil {
			return nil, err
		}
		plays.PutApp(jira.App{Name: product, ID: b.Client, Secret: b.Key})
		b.Title, b.Sites, b.names = "Jira Service Management", plays.Sites(), fake.Names(&jira.Switches{})
		b.Endpoint = endpoints{"/authorize", "/oauth/token"}
		b.bell = func(url string, key secret.Text) {
			plays.AddHook(b.home(), url, key, "jira:issue_created", "jira:issue_updated")
		}
		b.Scope = "read:servicedesk-request write:servicedesk-request read:jira-user read:jira-work write:jira-work offline_access"
		return plays, nil
	}
	plays, err := servicenow.New(servicenow.Options{Clock: c, People: b.people})
	if err != nil {
		return nil, err
	}
	plays.PutClient(servicenow.Client{Name: product, ID: b.Client, Secret: b.Key, User: "chika"})
	b.now = plays
	b.bell = func(url string, key secret.Text) {
		plays.Set(func(s *servicenow.Switches) { s.Doorbell, s.DoorbellToken = url, key.Reveal() })
	}
	b.Title, b.names, b.Endpoint = "ServiceNow", fake.Names(&servicenow.Switches{}), endpoints{"/oauth_auth.do", "/oauth_token.do"}
	return plays, nil
}

// product is the name that pages of consent show.
const product = "Sekisho"

func (b *beyond) end() error {
	err := b.listener.Close()
	b.close()
	return err
}

// openBeyond starts the outside systems, where they were before if that place is
// free, with the people of the house and their passwords.
func (d *demo) openBeyond(context.Context) (func() error, error) {
	people, err := fake.Company()
	if err != nil {
		return nil, err
	}
	for i, p := range people {
		people[i].Password = secret.Of(d.kept.Passwords[p.Login])
	}
	for _, name := range []string{ServiceNow, Jira} {
		known := d.kept.Systems[name]
		b, err := openSystem(name, known.Listen, d.clock, people, known)
		if err != nil && known.Listen != "" {
			b, err = openSystem(name, "", d.clock, people, known)
		}
		if err != nil {
			return d.endBeyond, err
		}
		d.beyond = append(d.beyond, b)
		known.Listen, known.Client, known.Key = b.URL[len("http://"):], b.Client, b.Key.Reveal()
		if err := d.kept.system(name, known); err != nil {
			return d.endBeyond, err
		}
	}
	return d.endBeyond, nil
}

func (d *demo) endBeyond() (err error) {
	for _, b := range slices.Backward(d.beyond) {
		err = errors.Join(err, b.end())
	}
	return err
}

// outside is one of them by its name.
func (d *demo) outside(name string) *beyond {
	return d.beyond[slices.IndexFunc(d.beyond, func(b *beyond) bool { return b.Name == name })]
}

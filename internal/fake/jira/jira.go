package jira

import (
	"embed"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Words are the sentences of the pages.
//
//go:embed words
var Words embed.FS

//go:embed page.html
var pages embed.FS

// Options says what the cloud holds; the zero value is Kaede Trading and the
// site of a customer.
type Options struct {
	Clock  clock.Clock   // nil is the machine's
	People []fake.Person // nil is fake.Company
	Switches
}

// Switches say how the cloud is set up and how it misbehaves. They can be
// changed at any time.
type Switches struct {
	fake.Mischief
	OneSite        bool          `switch:"one-site"`        // else a person has two, and the other one comes first
	Scopes         string        `switch:"scopes"`          // only these are granted, with blanks between; "" is what was asked for
	NoOffline      bool          `switch:"no-offline"`      // offline_access is not granted: no refresh token
	AccessLifespan time.Duration `switch:"access-lifespan"` // 0 is an hour
	CutRefresh     int           `switch:"cut-refresh"`     // refreshes that rotate the token, and whose answer is lost
	ReuseKills     bool          `switch:"reuse-kills"`     // a dead refresh token that is used again ends the whole grant
	HiddenMail     bool          `switch:"hidden-mail"`     // nobody's e-mail is shown
	PageSize       int           `switch:"page-size"`       // pages are silently no larger; 0 is 100
	Approvers      string        `switch:"approvers"`       // logins with commas between, for the first stage; "" is the manager
	Need           string        `switch:"need"`            // any (also "") or all of them
	Workflow       time.Duration `switch:"workflow"`        // from a decision to the status and the next stage
	NearLimit      bool          `switch:"near-limit"`      // answers say that less than a fifth is left
	RateReason     string        `switch:"rate-reason"`     // of 429; "" is jira-quota-based
	HookDelay      time.Duration `switch:"hook-delay"`      // before a webhook is sent
	HookForged     int           `switch:"hook-forged"`     // webhooks whose signature is not ours
	HookReplayed   int           `switch:"hook-replayed"`   // webhooks that are sent twice
}

// App is an OAuth 2.0 (3LO) app. It has one callback.
type App struct {
	Name     string // shown when somebody is asked to consent
	ID       string
	Secret   secret.Text
	Callback string
}

// System is the cloud. It is an http.Handler.
type System struct {
	stage    *fake.Stage
	site     *fake.Site
	handler  http.Handler
	switches *Switches

	// All below is touched inside stage.Do only.
	sites     []*site // the one of the story last
	people    map[string]*user
	apps      map[string]*App
	codes     map[string]code
	grants    []*grant
	access    map[string]access // by token
	numbers   map[string]int
	hooks     []*Hook
	announced int
}

// user is somebody with an account.
type user struct {
	fake.Person
	Account string // accountId
	Token   secret.Text
}

// New makes a cloud. Close ends what waits in it.
func New(o Options) (*System, error) {
	s := &System{
		switches: &o.Switches, people: map[string]*user{}, apps: map[string]*App{}, codes: map[string]code{}, access: map[string]access{}, numbers: map[string]int{},
	}
	s.stage = fake.NewStage(o.Clock, &s.switches.Mischief)
	var err error
	if o.People == nil {
		if o.People, err = fake.Company(); err != nil {
			return nil, err
		}
	}
	if s.site, err = fake.NewSite(s.stage, fake.Site{
		Name: "jira.name", Look: "jira", Cookie: "fake-jira", SignIn: s.fits, Called: s.called,
		Links: []fake.Link{{Key: "jira.portals", Href: "/"}, {Key: "jira.requests", Href: "/requests"}, {Key: "jira.approvals", Href: "/approvals"}},
	}, pages, Words); err != nil {
		return nil, err
	}
	if s.sites, err = seeded(); err != nil {
		return nil, err
	}
	for _, p := range o.People {
		if p.Password.Empty() {
			p.Password = secret.Of(fake.Token(9))
		}
		s.people[p.Login] = &user{Person: p, Account: "712020:" + fake.Stable("jira:"+p.Login), Token: secret.Of(fake.Token(24))}
	}
	s.handler = s.routes()
	return s, nil
}

func (s *System) routes() http.Handler {
	api := http.NewServeMux()
	rest := s.restRoutes()
	api.HandleFunc("POST /oauth/token", s.tokenEndpoint)
	api.HandleFunc("GET /oauth/token/accessible-resources", s.accessibleResources)
	api.HandleFunc("/ex/jira/{cloud}/rest/", s.byToken(rest))
	paths := []string{"/oauth/token", "/oauth/token/", "/ex/jira/"}
	for _, one := range s.sites {
		api.HandleFunc("/"+one.Key+"/rest/", s.byAPIToken(one, rest))
		paths = append(paths, "/"+one.Key+"/rest/")
	}
	api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { gateway(http.StatusNotFound, "Not Found").Write(w) })
	guarded := s.stage.Front(fake.Refusals{Throttled: s.throttled, Broken: broken}, api)
	mux := http.NewServeMux()
	for _, path := range paths {
		mux.Handle(path, guarded)
	}
	s.pageRoutes(mux)
	return mux
}

// ServeHTTP serves the API and the pages.
func (s *System) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends what waits.
func (s *System) Close() { s.stage.Close() }

// Stage has the records of what was called and written.
func (s *System) Stage() *fake.Stage { return s.stage }

// Set changes the switches.
func (s *System) Set(change func(*Switches)) { s.stage.Do(func() { change(s.switches) }) }

// Turn sets the switch NAME=VALUE.
func (s *System) Turn(setting string) (err error) {
	s.Set(func(all *Switches) { err = fake.Turn(all, setting) })
	return err
}

// AddApp registers an app, with an id and a secret made here. An empty callback
// lets any loopback one pass.
func (s *System) AddApp(name, callback string) App {
	a := App{Name: name, ID: fake.Token(24), Secret: secret.Of(fake.Token(48)), Callback: callback}
	s.PutApp(a)
	return a
}

// PutApp registers an app with an id and a secret of the caller, or changes it.
func (s *System) PutApp(a App) { s.stage.Do(func() { s.apps[a.ID] = &a }) }

// Password is with what somebody signs in to the pages.
func (s *System) Password(login string) (password secret.Text) {
	s.stage.Do(func() {
		if u := s.people[login]; u != nil {
			password = u.Password
		}
	})
	return password
}

// APIToken is what somebody gives with their e-mail where there is no app.
func (s *System) APIToken(login string) (token secret.Text) {
	s.stage.Do(func() {
		if u := s.people[login]; u != nil {
			token = u.Token
		}
	})
	return token
}

// Account is the accountId of a login.
func (s *System) Account(login string) (account string) {
	s.stage.Do(func() {
		if u := s.people[login]; u != nil {
			account = u.Account
		}
	})
	return account
}

// Place is a site as a program finds it.
type Place struct {
	Key, Name, CloudID string
	Path               string // below the address of the cloud; its URL is that address and this
}

// Sites are all of them; the one of the story is kaede.
func (s *System) Sites() (all []Place) {
	s.stage.Do(func() {
		for _, one := range s.sites {
			all = append(all, Place{one.Key, one.Name, one.Cloud, "/" + one.Key})
		}
	})
	return all
}

func (s *System) fits(login, password string) (fit bool) {
	s.stage.Do(func() {
		u := s.people[login]
		fit = u != nil && !u.Inactive && u.Password.Equal(secret.Of(password))
	})
	return fit
}

func (s *System) called(login string) (name string) {
	s.stage.Do(func() {
		if u := s.people[login]; u != nil {
			name = u.Name
		}
	})
	return name
}

// errNoRecord says that a test or a demo asked for what is not there.
func errNoRecord(what string) error { return fault.New(fault.NotFound, "fake-record", "what", what) }

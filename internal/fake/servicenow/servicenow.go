package servicenow

import (
	"embed"
	"net/http"
	"slices"
	"strings"
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

// Options says what an instance holds; the zero value is Kaede Trading and its
// catalog.
type Options struct {
	Clock  clock.Clock   // nil is the machine's
	People []fake.Person // nil is fake.Company
	Items  []Item        // nil is Catalog
	Switches
}

// Switches say how an instance is set up and how it misbehaves. They can be
// changed at any time.
type Switches struct {
	fake.Mischief
	ACLDrop           bool          `switch:"acl-drop"`           // fields of PATCH and PUT are dropped, and the answer is 200
	NoRows            bool          `switch:"returns-no-rows"`    // glide.invalid_query.returns_no_rows
	TwoStep           bool          `switch:"two-step"`           // two-step checkout: order_now and checkout make no request
	Workflow          time.Duration `switch:"workflow"`           // from the decision of a row to the approval of its request
	Approvers         string        `switch:"approvers"`          // logins with commas between; "" is the manager of whom it is for
	Need              string        `switch:"need"`               // any (also "") or all of them
	AccessLifespan    time.Duration `switch:"access-lifespan"`    // 0 is 30 minutes
	FreshToken        bool          `switch:"fresh-token"`        // a repeated token request makes a new access token
	ClientCredentials bool          `switch:"client-credentials"` // glide.oauth.inbound.client.credential.grant_type.enabled
	DuplicateMail     bool          `switch:"duplicate-mail"`     // everybody has a second account with the same e-mail
	MailCase          bool          `switch:"mail-case"`          // e-mails are kept in capitals
	CommentOptional   bool          `switch:"comment-optional"`   // a rejection needs no comments
	Doorbell          string        `switch:"doorbell"`           // URL that a business rule on sysapproval_approver calls
	DoorbellToken     string        `switch:"doorbell-token"`     // sent to it as Authorization: Bearer
	DoorbellDelay     time.Duration `switch:"doorbell-delay"`     // an async rule runs a while later
}

// Client is an OAuth API endpoint for external clients.
type Client struct {
	Name      string // shown when somebody is asked to consent
	ID        string
	Secret    secret.Text
	Redirects []string
	User      string // login that acts with the client's own credentials
}

// System is one instance. It is an http.Handler.
type System struct {
	stage    *fake.Stage
	site     *fake.Site
	handler  http.Handler
	switches *Switches

	// All below is touched inside stage.Do only.
	tables    map[string][]Row
	numbers   map[string]int
	people    map[string]fake.Person // by login
	passwords map[string]secret.Text
	clients   map[string]*Client
	codes     map[string]code
	tokens    []*token
	carts     map[string]*cart // by login
	by        string           // whose name stands on what is written now
	looked    map[[2]string]time.Time
}

// New makes an instance. Close ends what waits in it.
func New(o Options) (*System, error) {
	s := &System{
		switches: &o.Switches, tables: map[string][]Row{}, numbers: map[string]int{}, people: map[string]fake.Person{},
		passwords: map[string]secret.Text{}, clients: map[string]*Client{}, codes: map[string]code{}, carts: map[string]*cart{}, by: "system", looked: map[[2]string]time.Time{},
	}
	s.stage = fake.NewStage(o.Clock, &s.switches.Mischief)
	var err error
	if o.People == nil {
		if o.People, err = fake.Company(); err != nil {
			return nil, err
		}
	}
	if o.Items == nil {
		if o.Items, err = Catalog(); err != nil {
			return nil, err
		}
	}
	if s.site, err = fake.NewSite(s.stage, fake.Site{
		Name: "servicenow.name", Look: "now", Cookie: "fake-now", SignIn: s.fits, Called: s.called,
		Links: []fake.Link{{Key: "servicenow.catalog", Href: "/"}, {Key: "servicenow.requests", Href: "/requests"}, {Key: "servicenow.approvals", Href: "/approvals"}},
	}, pages, Words); err != nil {
		return nil, err
	}
	s.stage.Do(func() { s.seed(o.People, o.Items); s.arrange() })
	s.handler = s.routes()
	return s, nil
}

func (s *System) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("/api/now/table/{table}", s.signed(s.tableAPI))
	api.HandleFunc("/api/now/v2/table/{table}", s.signed(s.tableAPI))
	api.HandleFunc("/api/now/table/{table}/{id}", s.signed(s.recordAPI))
	api.HandleFunc("/api/now/v2/table/{table}/{id}", s.signed(s.recordAPI))
	s.catalogRoutes(api)
	api.HandleFunc("POST /oauth_token.do", s.tokenEndpoint)
	api.HandleFunc("POST /oauth_revoke.do", s.revokeEndpoint)
	api.HandleFunc("/api/", s.signed(func(w http.ResponseWriter, _ *http.Request, _ caller) {
		refuse(http.StatusBadRequest, "Requested URI does not represent any resource", "").Write(w)
	}))
	guarded := s.stage.Front(fake.Refusals{Throttled: s.throttled, Broken: broken}, api)
	mux := http.NewServeMux()
	for _, path := range []string{"/api/", "/oauth_token.do", "/oauth_revoke.do"} {
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
func (s *System) Set(change func(*Switches)) {
	s.stage.Do(func() { change(s.switches); s.arrange() })
}

// Turn sets the switch NAME=VALUE.
func (s *System) Turn(setting string) (err error) {
	s.Set(func(all *Switches) { err = fake.Turn(all, setting) })
	return err
}

// arrange makes the records be as the switches say.
func (s *System) arrange() {
	s.tables["sys_user"] = slices.DeleteFunc(s.tables["sys_user"], func(row Row) bool { return strings.HasPrefix(row["user_name"], twin) })
	for login, p := range s.people {
		row := s.user(login)
		row["email"] = p.Email
		if s.switches.MailCase {
			row["email"] = strings.ToUpper(p.Email)
		}
		if s.switches.DuplicateMail {
			s.insert("sys_user", Row{"user_name": twin + login, "name": p.Name, "email": row["email"], "active": "true"})
		}
	}
}

// twin begins the name of a second account.
const twin = "old."

// AddClient registers an OAuth endpoint, with a client id and a secret made
// here. An empty list of redirects lets any loopback one pass.
func (s *System) AddClient(name string, redirects ...string) Client {
	c := Client{Name: name, ID: fake.Hex(16), Secret: secret.Of(fake.Token(15)), Redirects: redirects}
	s.PutClient(c)
	return c
}

// PutClient registers an OAuth endpoint with an id and a secret of the caller,
// or changes it.
func (s *System) PutClient(c Client) { s.stage.Do(func() { s.clients[c.ID] = &c }) }

// Password is with what somebody signs in.
func (s *System) Password(login string) (password secret.Text) {
	s.stage.Do(func() { password = s.passwords[login] })
	return password
}

// fits says whether a login and a password belong to somebody active.
func (s *System) fits(login, password string) (fit bool) {
	s.stage.Do(func() {
		known, there := s.passwords[login]
		fit = there && known.Equal(secret.Of(password)) && s.user(login)["active"] == "true"
	})
	return fit
}

// called is the name of a login.
func (s *System) called(login string) (name string) {
	s.stage.Do(func() { name = s.user(login)["name"] })
	return name
}

// errNoRecord says that a test or a demo asked for what is not there.
func errNoRecord(what string) error { return fault.New(fault.NotFound, "fake-record", "what", what) }

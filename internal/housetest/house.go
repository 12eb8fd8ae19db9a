package housetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Home is a whole house that runs in the test's process, on a free port and in
// a folder of its own.
type Home struct {
	*house.House
	Link string       // the set-up link; it counts once, and AsSetup uses it up
	Mail *mail.Server // where its mails go, with WithMail; else nil

	options house.Options
	once    sync.Once
	cookies []*http.Cookie
	peopled sync.Once
	kaede   Kaede
}

// Options is what a house stands on, for rooms whose tests change it: they do
// not know the house itself.
type Options = house.Options

// House starts a house with rate limits that no test reaches, and stops it at
// the end of the test. Without options it stands on SQLite and the machine's
// clock.
func House(t testing.TB, options ...func(*house.Options)) *Home {
	t.Helper()
	data := filepath.Join(t.TempDir(), "house")
	config, err := house.LoadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen, config.Data = "localhost:0", data
	config.Database = secret.Of("sqlite:" + filepath.Join(data, "house.db"))
	config.Unseal.File = filepath.Join(data, "unseal.key")
	said := &bytes.Buffer{}
	o := house.Options{
		Config: config, Clock: clock.System(), Log: Log(t), Version: "test", Lang: words.English, Say: said, Demo: true,
		Rates: map[string]web.Rate{}, Overrun: patience,
	}
	for _, option := range options {
		option(&o)
	}
	relay := mailbox(t, &o)
	h, err := house.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Errorf("stop the house: %v", err)
		}
	})
	if err := h.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	home := &Home{House: h, Mail: relay, options: o}
	if _, link, found := strings.Cut(said.String(), h.URL()+"/setup?"); found {
		home.Link = h.URL() + "/setup?" + strings.Fields(link)[0]
	}
	return home
}

// On puts the house onto a database, such as Postgres(t).
func On(database string) func(*house.Options) {
	return func(o *house.Options) { o.Config.Database = secret.Of(database) }
}

// Option changes what a house stands on before it starts.
type Option = func(*house.Options)

// OnClock puts the house onto a clock that the test moves.
func OnClock(c clock.Clock) Option { return func(o *house.Options) { o.Clock = c } }

// FourEyes has what four_eyes names wait for a second person.
func FourEyes() Option { return func(o *house.Options) { o.Config.FourEyes = true } }

// LogTo has the house log into w at the finest level.
func LogTo(w io.Writer) Option {
	return func(o *house.Options) {
		o.Log = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// Beside starts another node of the house, on its PostgreSQL database and with
// its keys, and stops it at the end of the test.
func (h *Home) Beside(t testing.TB) *house.House {
	t.Helper()
	o := h.options
	o.Config.Data = filepath.Join(t.TempDir(), "beside")
	two, err := house.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := two.Stop(context.Background()); err != nil {
			t.Errorf("stop the second node: %v", err)
		}
	})
	if err := two.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return two
}

// WithMail gives the house a mail server, Home.Mail, to look into.
func WithMail() func(*house.Options) {
	return func(o *house.Options) {
		o.Config.Mail.From = mailaddr.Mailbox{Name: "Sekisho", Address: mustAddress("no-reply@sekisho.example")}
	}
}

func mustAddress(text string) mailaddr.Address {
	address, err := mailaddr.Parse(text)
	if err != nil {
		panic(err)
	}
	return address
}

// mailbox starts the mail server of a house that says whom its mails are from
// and not by which server they leave.
func mailbox(t testing.TB, o *house.Options) *mail.Server {
	t.Helper()
	if o.Config.Mail.From.IsZero() || !o.Config.Mail.SMTP.IsZero() {
		return nil
	}
	relay, err := mail.Start(mail.Options{Security: mail.STARTTLS})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	ca := filepath.Join(t.TempDir(), "mail-ca.pem")
	if err := os.WriteFile(ca, relay.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.Config.Mail.SMTP.UnmarshalText([]byte(relay.URL())); err != nil {
		t.Fatal(err)
	}
	o.Config.Mail.CA = ca
	o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8")
	return relay
}

// EachHouse runs f with a house on either engine.
func EachHouse(t *testing.T, f func(t *testing.T, h *Home)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { f(t, House(t, On(url))) })
}

// Visitor is somebody with a browser's cookies who follows no redirect by
// himself.
type Visitor struct {
	t    testing.TB
	base string
	http *http.Client
}

// Answer is what a visitor got.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Nobody is a visitor without a session.
func (h *Home) Nobody(t testing.TB) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Visitor{t, h.URL(), &http.Client{Jar: jar, Transport: transport, CheckRedirect: stay, Timeout: 20 * time.Second}}
}

// SetupForm is what AsSetup says of itself, with the value of the link.
func SetupForm(link string) url.Values {
	value := ""
	if u, err := url.Parse(link); err == nil {
		value = u.Query().Get("link")
	}
	return url.Values{
		"link": {value}, "org.name": {"first"}, "org.title": {"First House"}, "login": {"founder"}, "given_name": {"Fumiko"},
		"family_name": {"Okada"}, "locale": {""}, "password": {SetupPassword},
	}
}

// SetupPassword is the password of who AsSetup signs in.
const SetupPassword = "seven lanterns over a quiet river"

// AsSetup is a visitor who completed the set-up form: the first administrator,
// signed in a moment ago. All of them share one session.
func (h *Home) AsSetup(t testing.TB) *Visitor {
	t.Helper()
	v := h.Nobody(t)
	h.once.Do(func() {
		if h.Link == "" {
			t.Fatal("the house has people: no set-up link was printed")
		}
		if got := v.Post("/setup", SetupForm(h.Link)); got.Status != http.StatusSeeOther {
			t.Fatalf("complete the set-up: %d\n%s", got.Status, got.Body)
		}
		h.cookies = v.Cookies()
	})
	base, _ := url.Parse(h.URL())
	v.http.Jar.SetCookies(base, h.cookies)
	return v
}

// Kaede is the organization of a house with people, and who they are.
type Kaede struct {
	Org                       id.Org // the provider
	Momiji                    id.Org // a customer below it
	Aoi, Botan, Chika, Daichi id.Person
	Ume                       id.Person // administrator of Momiji alone
}

// People fills a house with the company of the demonstration: Chika is
// administrator and operator, Botan the manager of Aoi, Daichi an operator's
// apprentice without a role; and a customer with its own administrator.
func (h *Home) People(t testing.TB) Kaede {
	t.Helper()
	h.peopled.Do(func() { h.kaede = h.people(t) })
	return h.kaede
}

func (h *Home) people(t testing.TB) (k Kaede) {
	ctx, by, r := context.Background(), id.Local(0), h.Register()
	provider, err := r.PutOrganization(ctx, by, org.Organization{Name: "kaede", Title: "Kaede Trading", Type: org.Provider})
	if err != nil {
		t.Fatal(err)
	}
	customer, err := r.PutOrganization(ctx, by, org.Organization{Name: "momiji", Title: "Momiji Design", Type: org.Customer, Parent: provider.ID})
	if err != nil {
		t.Fatal(err)
	}
	k.Org, k.Momiji = provider.ID, customer.ID
	for _, p := range []struct {
		id      *id.Person
		login   string
		family  string
		given   string
		reading string
		org     id.Org
		roles   []id.Role
		manager *id.Person
	}{
		{&k.Chika, "chika", "山本", "千佳", "やまもと ちか", k.Org, []id.Role{org.Administrator, org.Operator}, nil},
		{&k.Botan, "botan", "佐藤", "牡丹", "さとう ぼたん", k.Org, []id.Role{org.User}, &k.Chika},
		{&k.Aoi, "aoi", "高橋", "葵", "たかはし あおい", k.Org, []id.Role{org.User}, &k.Botan},
		{&k.Daichi, "daichi", "中村", "大地", "なかむら だいち", k.Org, nil, &k.Chika},
		{&k.Ume, "ume", "小林", "梅", "こばやし うめ", k.Momiji, []id.Role{org.Administrator}, nil},
	} {
		*p.id = id.New[id.Person](time.Now())
		member := org.Member{Org: p.org, Person: *p.id, Roles: p.roles}
		if p.manager != nil {
			member.Manager = *p.manager
		}
		person := org.Person{
			ID: *p.id, Login: p.login, Email: p.login + "@kaede.example", FamilyName: p.family, GivenName: p.given, Reading: p.reading,
			State: org.Active, Created: time.Now(),
		}
		err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			added, err := r.AddPerson(tx, by, person)
			if err == nil {
				err = r.Verify(tx, person.ID, person.Email)
			}
			if err != nil {
				return store.Abort(err)
			}
			joined, err := r.SetMember(tx, id.System("housetest"), member)
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(added, joined)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.Forget()
	return k
}

// As is a visitor with a session of the person in an organization, as after a
// sign-in with a passkey a moment ago.
func (h *Home) As(t testing.TB, who id.Person, where id.Org) *Visitor {
	t.Helper()
	return h.AsBy(t, who, where, factor.ByPasskey)
}

// AsBy is a visitor with a session of the person in an organization, who proved
// who they are by these methods a moment ago.
func (h *Home) AsBy(t testing.TB, who id.Person, where id.Org, methods ...factor.Method) *Visitor {
	t.Helper()
	v := h.Nobody(t)
	room := h.SignIn()
	var proofs []factor.Proof
	for _, m := range methods {
		proofs = append(proofs, factor.Proof{Method: m, At: time.Now()})
	}
	o := room.NewOpening(who, proofs, "test", "127.0.0.1")
	o.Session.Org = where
	err := h.Store().Self(who).Write(context.Background(), func(tx *store.Tx) store.End {
		event, err := room.Open(tx, testPath, o, true, "")
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		t.Fatal(err)
	}
	v.SetCookies([]*http.Cookie{{Name: "sekisho", Value: o.Cookie.Reveal(), Path: "/"}})
	return v
}

// SetCookies makes the visitor send cookies along.
func (v *Visitor) SetCookies(cookies []*http.Cookie) {
	base, _ := url.Parse(v.base)
	v.http.Jar.SetCookies(base, cookies)
}

// testPath is not declared: it is no way into a real house.
var testPath = admit.Path{Name: "test"}

// Cookies are what the visitor sends along.
func (v *Visitor) Cookies() []*http.Cookie {
	base, _ := url.Parse(v.base)
	return v.http.Jar.Cookies(base)
}

// Get asks for a page.
func (v *Visitor) Get(path string) Answer {
	v.t.Helper()
	return v.Send(http.MethodGet, path, "", nil)
}

// Post sends a form as a page of the house does.
func (v *Visitor) Post(path string, form url.Values) Answer {
	v.t.Helper()
	return v.Send(http.MethodPost, path, form.Encode(), http.Header{
		"Origin": {v.base}, "Content-Type": {"application/x-www-form-urlencoded"},
	})
}

// Call sends body as JSON from a page of the house; nil sends nothing.
func (v *Visitor) Call(method, path string, body any) Answer {
	v.t.Helper()
	header, text := http.Header{"Origin": {v.base}}, ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			v.t.Fatal(err)
		}
		text = string(b)
		header.Set("Content-Type", "application/json")
	}
	return v.Send(method, path, text, header)
}

// Send sends exactly the given headers and the cookies; Host overrides the
// house's own.
func (v *Visitor) Send(method, path, body string, header http.Header) Answer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, v.base+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	got, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return Answer{got.StatusCode, got.Header, string(text)}
}

// Base is the address of the house that the visitor looks at.
func (v *Visitor) Base() string { return v.base }

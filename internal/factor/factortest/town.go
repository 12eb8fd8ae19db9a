package factortest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

// PutForward is the machine's clock, put forward.
type PutForward struct {
	clock.Clock
	by atomic.Int64
}

// Now implements clock.Clock.
func (l *PutForward) Now() time.Time { return l.Clock.Now().Add(time.Duration(l.by.Load())) }

// Pass lets time pass.
func (l *PutForward) Pass(d time.Duration) { l.by.Add(int64(d)) }

// Town is a house with people and mail, whose clock can be put forward.
type Town struct {
	*housetest.Home
	housetest.Kaede
	Clock *PutForward
}

// EachTown runs f with such a house on either engine.
func EachTown(t *testing.T, f func(t *testing.T, r Town)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(t, NewTown(t, housetest.On(url), housetest.WithMail())) })
}

// NewTown makes one.
func NewTown(t *testing.T, options ...func(*housetest.Options)) Town {
	t.Helper()
	c := &PutForward{Clock: clock.System()}
	options = append(options, func(o *housetest.Options) { o.Clock = c })
	h := housetest.House(t, options...)
	return Town{h, h.People(t), c}
}

// LinkIn finds the link in a mail.
var LinkIn = regexp.MustCompile(`https?://[^\s"<>]+\?link=[A-Za-z0-9_-]+`)

// ValueOf is the value of a link.
func ValueOf(t testing.TB, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("link") == "" {
		t.Fatalf("no link: %q", link)
	}
	return u.Query().Get("link")
}

// Mailed waits for a mail and returns the value of its link. The link leads to
// this house by its configured address.
func (r Town) Mailed(t testing.TB, to, subject string) string {
	t.Helper()
	m := r.MailedTo(t, to, subject)
	link := LinkIn.FindString(m.Text)
	if !strings.HasPrefix(link, r.URL()+"/") {
		t.Fatalf("A055 the mail leads to %q, not to %s", link, r.URL())
	}
	return ValueOf(t, link)
}

// MailedTo waits for a mail.
func (r Town) MailedTo(t testing.TB, to, subject string) mail.Mail {
	t.Helper()
	until, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	m, err := r.Mail.WaitFor(until, to, subject)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Subjects are the mails that went out.
func (r Town) Subjects() (all []string) {
	for _, m := range r.Mail.Messages() {
		all = append(all, strings.Join(m.To, ",")+": "+m.Subject)
	}
	return all
}

// Has reports what a problem page says.
func Has(a housetest.Answer, status int, text string) bool {
	return a.Status == status && strings.Contains(a.Body, text)
}

// Person reads somebody.
func (r Town) Person(t testing.TB, who id.Person) org.Person {
	t.Helper()
	p, err := r.Register().Person(ctx, who)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Write runs a write and wants it done.
func (r Town) Write(t testing.TB, f func(*store.Tx) (store.Event, error)) error {
	t.Helper()
	return r.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}

// Invite adds somebody and invites them, and returns the value of the link.
func (r Town) Invite(t testing.TB, in id.Org, login, email string) (org.Person, org.Draft) {
	t.Helper()
	p := housetest.Megumi(login, email)
	by := id.OfPerson(r.Chika)
	err := r.Write(t, func(tx *store.Tx) (store.Event, error) {
		if _, err := r.Register().AddPerson(tx, by, p); err != nil {
			return store.Event{}, err
		}
		return r.Register().SetMember(tx, id.Local(0), org.Member{Org: in, Person: p.ID, Roles: []id.Role{org.User}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Person(t, p.ID), r.InviteAgain(t, in, p.ID)
}

// InviteAgain invites somebody who is in the register.
func (r Town) InviteAgain(t testing.TB, in id.Org, who id.Person) org.Draft {
	t.Helper()
	to, err := r.Register().Organization(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	drafts, err := r.Welcome().Prepare(ctx, id.OfPerson(r.Chika), to, []org.Person{r.Person(t, who)})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Store().Org(in).Write(ctx, func(tx *store.Tx) store.End {
		event, err := drafts[0].Write(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		t.Fatal(err)
	}
	return drafts[0]
}

// Looks is how scanners, previews and prefetches look at a link: whatever they
// send, nothing is used up.
func Looks(t *testing.T, v *housetest.Visitor, path string) {
	t.Helper()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, header := range []http.Header{
			nil, {"Purpose": {"prefetch"}}, {"Sec-Purpose": {"prefetch;prerender"}}, {"User-Agent": {"LinkScanner/1.0"}}, {"Accept": {"image/*"}},
		} {
			if got := v.Send(method, path, "", header); got.Status != http.StatusOK {
				t.Errorf("A055 %s with %v: %d %.200s", method, header, got.Status, got.Body)
			}
		}
	}
}

// OptionsOf are the options of a ceremony that a page begins.
func OptionsOf(t *testing.T, a housetest.Answer) (options json.RawMessage, ticket string) {
	t.Helper()
	var c struct {
		Options json.RawMessage `json:"options"`
		Ticket  string          `json:"ticket"`
	}
	if err := json.Unmarshal([]byte(a.Body), &c); err != nil || a.Status != http.StatusOK || c.Ticket == "" {
		t.Fatalf("no ceremony: %d %.300s", a.Status, a.Body)
	}
	return c.Options, c.Ticket
}

// GoodPassword is one that the policy takes.
const GoodPassword = "a lantern for every boat"

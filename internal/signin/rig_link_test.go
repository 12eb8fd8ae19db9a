package signin_test

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
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

// putForward is the machine's clock, put forward.
type putForward struct {
	clock.Clock
	by atomic.Int64
}

func (l *putForward) Now() time.Time { return l.Clock.Now().Add(time.Duration(l.by.Load())) }

func (l *putForward) pass(d time.Duration) { l.by.Add(int64(d)) }

// town is a house with people and mail, whose clock can be put forward.
type town struct {
	*housetest.Home
	housetest.Kaede
	clock *putForward
}

// eachTown runs f with such a house on either engine.
func eachTown(t *testing.T, f func(t *testing.T, r town)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(t, newTown(t, housetest.On(url), housetest.WithMail())) })
}

func newTown(t *testing.T, options ...func(*housetest.Options)) town {
	t.Helper()
	c := &putForward{Clock: clock.System()}
	options = append(options, func(o *housetest.Options) { o.Clock = c })
	h := housetest.House(t, options...)
	return town{h, h.People(t), c}
}

var linkIn = regexp.MustCompile(`https?://[^\s"<>]+\?link=[A-Za-z0-9_-]+`)

// valueOf is the value of a link.
func valueOf(t testing.TB, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("link") == "" {
		t.Fatalf("no link: %q", link)
	}
	return u.Query().Get("link")
}

// mailed waits for a mail and returns the value of its link. The link leads to
// this house by its configured address.
func (r town) mailed(t testing.TB, to, subject string) string {
	t.Helper()
	m := r.mailedTo(t, to, subject)
	link := linkIn.FindString(m.Text)
	if !strings.HasPrefix(link, r.URL()+"/") {
		t.Fatalf("A055 the mail leads to %q, not to %s", link, r.URL())
	}
	return valueOf(t, link)
}

func (r town) mailedTo(t testing.TB, to, subject string) mail.Mail {
	t.Helper()
	until, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	m, err := r.Mail.WaitFor(until, to, subject)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// subjects are the mails that went out.
func (r town) subjects() (all []string) {
	for _, m := range r.Mail.Messages() {
		all = append(all, strings.Join(m.To, ",")+": "+m.Subject)
	}
	return all
}

// has reports what a problem page says.
func has(a housetest.Answer, status int, text string) bool {
	return a.Status == status && strings.Contains(a.Body, text)
}

func (r town) person(t testing.TB, who id.Person) org.Person {
	t.Helper()
	p, err := r.Register().Person(ctx, who)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// write runs a write and wants it done.
func (r town) write(t testing.TB, f func(*store.Tx) (store.Event, error)) error {
	t.Helper()
	return r.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}

// invite adds somebody and invites them, and returns the value of the link.
func (r town) invite(t testing.TB, in id.Org, login, email string) (org.Person, org.Draft) {
	t.Helper()
	p := org.Person{ID: id.New[id.Person](time.Now()), Login: login, Email: email, FamilyName: "伊藤", GivenName: "恵", Reading: "いとう めぐみ", State: org.Invited, Created: time.Now()}
	by := id.OfPerson(r.Chika)
	err := r.write(t, func(tx *store.Tx) (store.Event, error) {
		if _, err := r.Register().AddPerson(tx, by, p); err != nil {
			return store.Event{}, err
		}
		return r.Register().SetMember(tx, id.Local(0), org.Member{Org: in, Person: p.ID, Roles: []id.Role{org.User}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.person(t, p.ID), r.inviteAgain(t, in, p.ID)
}

func (r town) inviteAgain(t testing.TB, in id.Org, who id.Person) org.Draft {
	t.Helper()
	to, err := r.Register().Organization(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	drafts, err := r.SignIn().Prepare(ctx, id.OfPerson(r.Chika), to, []org.Person{r.person(t, who)})
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

// looks is how scanners, previews and prefetches look at a link: whatever they
// send, nothing is used up.
func looks(t *testing.T, v *housetest.Visitor, path string) {
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

// optionsOf are the options of a ceremony that a page begins.
func optionsOf(t *testing.T, a housetest.Answer) (options json.RawMessage, ticket string) {
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

const goodPassword = "a lantern for every boat"

func text(s string) secret.Text { return secret.Of(s) }

package welcome_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/welcome"
)

const (
	linkOver     = "This link does not count any more"
	otherBrowser = "This link belongs to another browser"
)

// recovers gives somebody a password by a link of the machine, and with it no
// other factor.
func (r town) recovers(t *testing.T, login, pw string) {
	t.Helper()
	made, err := r.Welcome().MakeRecoverLink(ctx, id.Local(0), login)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Welcome().Recover(ctx, text(factortest.ValueOf(t, made.Link.Reveal())), factor.First{Password: text(pw)}, welcome.Where{}); err != nil {
		t.Fatal(err)
	}
}

// forgets asks for a link on the page, as a browser does, and returns it.
func (r town) forgets(t *testing.T, v *housetest.Visitor, login, to, but string) string {
	t.Helper()
	if got := v.Post("/reset", url.Values{"login": {login}}); got.Status != 200 {
		t.Fatalf("asking: %d", got.Status)
	}
	return r.second(t, to, but)
}

// A046 A047 whoever is asked for, the answer is the same, and only who has a
// proven address of their own gets a mail.
func TestResetTellsNobody(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		by := id.Local(0)
		state := func(who id.Person, change func(*org.Person)) {
			p := r.Person(t, who)
			change(&p)
			if _, err := r.Register().ChangePerson(ctx, by, p); err != nil {
				t.Fatal(err)
			}
		}
		state(r.Daichi, func(p *org.Person) { p.State = org.Disabled })
		state(r.Botan, func(p *org.Person) { p.Email = "botan@elsewhere.example" }) // not verified any more
		v := r.Nobody(t)
		v.Get("/reset")
		v.Post("/reset", url.Values{"login": {"nobody"}}) // the cookie is there from now on
		var first housetest.Answer
		for i, login := range []string{
			"aoi", "nobody", "daichi", "botan", "daichi@kaede.example", "botan@elsewhere.example", "ＡＯＩ", "aoi@kaede.example", "", strings.Repeat("a", 400), "'; --",
		} {
			got := v.Post("/reset", url.Values{"login": {login}})
			got.Header.Del("Date")
			if i == 0 {
				first = got
				continue
			}
			if diff := cmp.Diff(stripped(first), stripped(got)); diff != "" {
				t.Errorf("A046 %q is answered otherwise: %s", login, diff)
			}
		}
		if got := r.Nobody(t).Post("/reset", url.Values{"login": {"chika"}}); got.Status != 200 {
			t.Fatal(got.Status)
		}
		r.MailedTo(t, "chika@kaede.example", "パスワード") // goes out behind all others
		for _, one := range r.Subjects() {
			if !strings.HasPrefix(one, "aoi@kaede.example: ") && !strings.HasPrefix(one, "chika@kaede.example: ") {
				t.Errorf("a mail went to %s", one)
			}
		}
	})
}

// stripped is an answer without what differs between any two.
func stripped(a housetest.Answer) []string {
	body := a.Body
	if i := strings.Index(body, `<footer`); i > 0 {
		body = body[:i]
	}
	return []string{http.StatusText(a.Status), body, strings.Join(a.Header["Set-Cookie"], "\n"), a.Header.Get("Content-Security-Policy")}
}

func TestResetRefused(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.recovers(t, "aoi", "the first of all passwords")
		v, other := r.Nobody(t), r.Nobody(t)
		link := r.forgets(t, v, "aoi", "aoi@kaede.example", "")
		for name, bad := range map[string]string{"nothing": "", "made up": strings.Repeat("A", 43), "A021 cut": link[:42]} {
			if got := factortest.NewPassword(v, bad, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
				t.Errorf("%s: %d", name, got.Status)
			}
		}
		other.Get("/reset")
		for range 7 { // more than a factortest.Wrong binding would survive
			for _, got := range []housetest.Answer{other.Get("/reset/new?link=" + link), factortest.NewPassword(other, link, factortest.GoodPassword)} {
				if !factortest.Has(got, 422, otherBrowser) {
					t.Errorf("A055 in another browser: %d %.200s", got.Status, got.Body)
				}
			}
		}
		factortest.Looks(t, v, "/reset/new?link="+link)
		for _, bad := range []string{"", "short", "passwordpassword", "takahashi aoi aoi"} {
			if got := factortest.NewPassword(v, link, bad); got.Status != 400 || !strings.Contains(got.Body, "new-password") {
				t.Errorf("%q is taken: %d", bad, got.Status)
			}
		}
		evil := v.Send(http.MethodPost, "/reset", "login=aoi", http.Header{"Host": {"evil.example"}, "Origin": {r.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}})
		if evil.Status != http.StatusMisdirectedRequest {
			t.Errorf("A055 asked at another host: %d", evil.Status)
		}
		forwarded := http.Header{"X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}, "Origin": {r.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}}
		v.Send(http.MethodPost, "/reset", "login=aoi", forwarded)
		poisoned := r.second(t, "aoi@kaede.example", link) // its address is looked at there

		r.disable(t, r.Aoi, org.Disabled)
		if got := factortest.NewPassword(v, link, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
			t.Errorf("A039 of somebody disabled: %d", got.Status)
		}
		r.disable(t, r.Aoi, org.Active)
		if got := factortest.NewPassword(v, poisoned, factortest.GoodPassword); got.Status != 200 {
			t.Errorf("a good link: %d %.300s", got.Status, got.Body)
		}
		for name, over := range map[string]string{"A055 replayed": poisoned, "A055 the others of the person": link} {
			if got := factortest.NewPassword(v, over, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
				t.Errorf("%s: %d", name, got.Status)
			}
		}
		late := r.forgets(t, v, "aoi", "aoi@kaede.example", poisoned)
		r.Clock.Pass(welcome.ResetLife)
		if got := factortest.NewPassword(v, late, factortest.GoodPassword); !factortest.Has(got, 422, linkOver) {
			t.Errorf("A055 after 15 minutes: %d", got.Status)
		}
	})
}

func (r town) disable(t *testing.T, who id.Person, state org.State) {
	t.Helper()
	p := r.Person(t, who)
	p.State = state
	if _, err := r.Register().ChangePerson(ctx, id.Local(0), p); err != nil {
		t.Fatal(err)
	}
}

// A reset ends sessions and links, keeps the other factors, and gives no
// session: mail adds nothing to what was shown (A056).
func TestReset(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.recovers(t, "aoi", "the first of all passwords")
		used := r.passkeyOf(t, r.Aoi)
		session, v := r.As(t, r.Aoi, r.Org), r.Nobody(t)
		link := r.forgets(t, v, "aoi@kaede.example", "aoi@kaede.example", used)
		got := factortest.NewPassword(v, link, factortest.GoodPassword)
		if !factortest.Has(got, 200, "/signin") {
			t.Fatalf("resetting: %d %.300s", got.Status, got.Body)
		}
		if v.Get("/organization").Status != http.StatusUnauthorized {
			t.Error("A056 the link signed somebody in")
		}
		if session.Get("/organization").Status != http.StatusUnauthorized {
			t.Error("A039 a session outlives the reset")
		}
		_, h, err := r.Welcome().Holds(ctx, id.OfPerson(r.Chika), r.Org, r.Aoi)
		if err != nil || h.Passwords != 1 || h.Passkeys != 1 {
			t.Errorf("A056 what is left is %+v (%v)", h, err)
		}
		r.MailedTo(t, "aoi@kaede.example", "更新されました")
	})
}

func TestResetAtOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.recovers(t, "aoi", "the first of all passwords")
		browser := secret.Random(32)
		r.Welcome().AskReset("aoi", browser, "203.0.113.9")
		link := text(r.Mailed(t, "aoi@kaede.example", "パスワード"))
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				err := r.Welcome().ResetPassword(ctx, link, browser, text(factortest.GoodPassword))
				switch code := fault.Code(err); {
				case err == nil:
					won.Add(1)
				case code != "reset-link-invalid" && code != "store-busy" && code != "password-busy":
					t.Errorf("one was refused as %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 64 set a password", won.Load())
		}
	})
}

// A stranger can neither fill a mailbox nor use up what the person asks for.
func TestResetMailsAreFew(t *testing.T) {
	r := newTown(t, housetest.WithMail())
	for range 10 {
		r.Welcome().AskReset("aoi", secret.Random(32), "203.0.113.9")
	}
	r.Welcome().AskReset("aoi", secret.Random(32), "198.51.100.7")
	r.Welcome().AskReset("chika", secret.Random(32), "198.51.100.7")
	r.MailedTo(t, "chika@kaede.example", "")
	deadline := time.Now().Add(5 * time.Second)
	for len(r.Mail.Messages()) < 5 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if got := len(r.Mail.Messages()); got != 5 { // 3 and 1 for aoi, 1 for chika
		t.Errorf("%d mails went out: %v", got, r.Subjects())
	}
}

// Two who proved the same mailbox are nobody's own: no link goes there.
func TestResetOfASharedMailbox(t *testing.T) {
	r := newTown(t, housetest.WithMail())
	err := r.Write(t, func(tx *store.Tx) (store.Event, error) {
		p, err := r.Register().PersonIn(&tx.View, r.Botan)
		if err != nil {
			return store.Event{}, err
		}
		p.Email = "aoi@kaede.example"
		event, err := r.Register().PutPerson(tx, id.Local(0), p)
		if err == nil {
			err = r.Register().Verify(tx, r.Botan, "aoi@kaede.example")
		}
		return event, err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Welcome().AskReset("aoi", secret.Random(32), "203.0.113.9")
	r.Welcome().AskReset("aoi@kaede.example", secret.Random(32), "203.0.113.9")
	r.Welcome().AskReset("chika", secret.Random(32), "203.0.113.9")
	r.MailedTo(t, "chika@kaede.example", "")
	if got := r.Subjects(); len(got) != 1 {
		t.Errorf("A051 mails went to %v", got)
	}
}

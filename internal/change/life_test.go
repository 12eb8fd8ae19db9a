package change_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// TestFourEyesForget wants nothing kept of a change whose question is over,
// however it ends.
func TestFourEyesForget(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		for _, c := range []struct {
			name string
			end  func(which id.Ask) (request.Ask, error)
			want request.State
		}{
			{"refused", func(which id.Ask) (request.Ask, error) {
				return e.h.Hall().Decide(ctx, present(e.k.Daichi), request.Verdict{Org: e.k.Org, Ask: which, Digest: e.sheet(which, e.k.Daichi).Digest, Reason: "Not now"})
			}, request.Refused},
			{"withdrawn", func(which id.Ask) (request.Ask, error) {
				return e.h.Hall().Withdraw(ctx, e.k.Chika, e.k.Org, which)
			}, request.Withdrawn},
			{"made", func(which id.Ask) (request.Ask, error) { return e.decide(which, e.k.Daichi) }, request.Released},
		} {
			t.Run("CAP-H18 "+c.name, func(t *testing.T) {
				e.t = t
				before, which := e.state(), e.newRole(org.PeopleRead)
				if e.kept(which) != 1 {
					t.Error("nothing is kept while it waits")
				}
				a, err := c.end(which)
				if err != nil || a.State != c.want {
					t.Errorf("%s %v", a.State, err)
				}
				if n := e.kept(which); n != 0 {
					t.Errorf("%d rows are kept", n)
				}
				if c.want != request.Released {
					e.stays(before)
				}
			})
		}
	})
}

func TestFourEyesExpire(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		moved := clock.NewMoved(time.Now())
		h := housetest.House(t, housetest.On(dsn), housetest.FourEyes(), housetest.WithMail(), housetest.OnClock(moved))
		e := &fourEyes{t: t, h: h, k: h.People(t)}
		e.promote(e.k.Daichi, org.Administrator, org.Operator)
		which := e.newRole(org.PeopleRead)
		moved.Advance(73 * time.Hour)
		for range 300 {
			if e.sheet(which, e.k.Chika).Ask.State == request.Expired && e.kept(which) == 0 {
				return
			}
			moved.Advance(time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("CAP-H18 after three days the ask is %s", e.sheet(which, e.k.Chika).Ask.State)
	})
}

// TestFourEyesFromAbove has a customer's only administrator ask, and somebody of
// the provider above approve.
func TestFourEyesFromAbove(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		o, err := e.h.Register().Organization(ctx, e.k.Momiji)
		if o.ParentRoles = nil; err == nil {
			_, err = e.h.Register().PutOrganization(ctx, house, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		ume := e.h.As(t, e.k.Ume, e.k.Momiji)
		ask := func() housetest.Answer {
			return ume.Call(http.MethodPost, "/api/v1/organizations/"+string(e.k.Momiji)+"/roles", map[string]any{"name": "shop", "permissions": []string{org.PeopleRead}})
		}
		if got := ask(); got.Status != http.StatusUnprocessableEntity {
			t.Errorf("CAP-H18 nobody is let in from above: %d %s", got.Status, got.Body)
		}
		if o, err = e.h.Register().Organization(ctx, e.k.Momiji); err == nil {
			o.ParentRoles = []string{string(org.Administrator)}
			_, err = e.h.Register().PutOrganization(ctx, house, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		which := e.waits(ask())
		page := e.daichi().Get("/asks/" + string(which))
		digest := digestIn.FindStringSubmatch(page.Body)
		if page.Status != http.StatusOK || digest == nil {
			t.Fatalf("the page from above: %d %.600s", page.Status, page.Body)
		}
		if got := e.daichi().Post("/asks/"+string(which)+"/decide", map[string][]string{"digest": {digest[1]}, "decision": {"approve"}}); got.Status != http.StatusSeeOther {
			t.Fatalf("approved: %d %.800s", got.Status, got.Body)
		}
		roles, err := e.h.Register().Roles(ctx, e.k.Momiji)
		if last := roles[len(roles)-1]; err != nil || last.Name != "shop" {
			t.Errorf("CAP-H18 made: %+v %v", last, err)
		}
		if cards, _, err := e.h.Cards().List(ctx, e.k.Chika, true, "", 10); err != nil || len(cards) == 0 {
			t.Errorf("CAP-H18 Chika had no card of it: %v", err)
		}
	})
}

// TestFourEyesOnce has everybody approve at once what needs two: it is made once,
// by two.
func TestFourEyesOnce(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		e.n++
		which := e.waits(e.local(http.MethodPost, "/api/v1/manifests/apply", documents(t, e.said(groupDoc))))
		digest := e.sheet(which, e.k.Chika).Digest
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				_, _ = e.h.Hall().Decide(ctx, present([]id.Person{e.k.Chika, e.k.Daichi}[i%2]), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: digest})
			})
		}
		all.Wait()
		s := e.sheet(which, e.k.Chika)
		if _, err := e.decide(which, e.k.Chika); s.Ask.State == request.Open && err != nil { // a write that met another was given up
			_, err = e.decide(which, e.k.Daichi)
			if s = e.sheet(which, e.k.Chika); err != nil {
				t.Log(err)
			}
		}
		made := 0
		for _, step := range s.Thread {
			if step.Name == request.StepReleased {
				made++
			}
		}
		if s.Ask.State != request.Released || made != 1 || len(s.Votes) != 2 {
			t.Errorf("CAP-H18 %s, made %d times, %d votes", s.Ask.State, made, len(s.Votes))
		}
	})
}

// TestFourEyesMoveToANewKey makes a new data key while a change waits: what is kept
// of it moves, and it can still be approved.
func TestFourEyesMoveToANewKey(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		e.n++
		which := e.waits(e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(t, e.said(systemDoc))))
		cell := func() (sealed []byte) {
			err := e.h.Store().House().Read(ctx, func(v *store.View) error {
				return v.Row("SELECT sealed FROM change_held WHERE ask = $1", string(which)).Scan(&sealed)
			})
			if err != nil {
				t.Fatal(err)
			}
			return sealed
		}
		before := cell()
		if bytes.Contains(before, []byte(canary)) {
			t.Error("R9 the secret lies open")
		}
		if got := e.chika().Call(http.MethodPost, "/api/v1/seal/rotate", nil); got.Status >= 300 {
			t.Fatal(got.Status, got.Body)
		}
		for range 500 {
			if !bytes.Equal(cell(), before) {
				if _, err := e.decide(which, e.k.Daichi); err != nil {
					t.Error(err)
				}
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("CAP-H18 what is kept did not move to the new key")
	})
}

// TestFourEyesShowWhatIsHidden has marks that turn text around, or hide it, in a
// definition: whoever approves reads them.
func TestFourEyesShowWhatIsHidden(t *testing.T) {
	e := eyes(t, housetest.SQLite(t))
	e.n++
	c := shedContent(strings.Replace(shedDefinition, "id: shed\n", "id: shed # \u202egnihtyna\u202c \u200b\n", 1))
	c["name"] = e.called("barn")
	which := e.waits(e.chika().Call(http.MethodPost, e.in("/systems"), c))
	page := e.daichi().Get("/asks/" + string(which)).Body
	if strings.ContainsAny(page, "\u202e\u202c\u200b") || !strings.Contains(page, `id: shed # \u{202e}gnihtyna\u{202c} \u{200b}`) {
		t.Errorf("A128 a mark is hidden on the page")
	}
	if got := e.daichi().Get("/api/v1/asks/" + string(which)).Body; !strings.Contains(got, `"sort":"system"`) || !strings.Contains(got, `u{202e}`) {
		t.Errorf("A128 the API says %s", got)
	}
}

// TestFourEyesDelegate has a seat handed to somebody who could not make the
// change.
func TestFourEyesDelegate(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		now := time.Now()
		for _, to := range []id.Person{e.k.Botan, e.k.Chika} {
			_, err := e.h.Hall().Delegate(ctx, id.OfPerson(e.k.Daichi), request.Delegation{Org: e.k.Org, From: e.k.Daichi, To: to, Starts: now.Add(-time.Hour), Ends: now.Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
		}
		which := e.newRole(org.PeopleRead)
		t.Run("CAP-H18 to somebody who could not make it", func(t *testing.T) {
			e.t = t
			e.refuses(which, e.k.Botan, "not-asked-to-decide", request.Open)
		})
		t.Run("A110 to who asked", func(t *testing.T) {
			e.t = t
			e.refuses(which, e.k.Chika, "decides-about-themselves", request.Open)
		})
	})
}

// TestFourEyesReset follows a reset: whose factors were taken gets the link by
// mail, and nobody else sees it.
func TestFourEyesReset(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		path := e.in("/members/" + string(e.k.Aoi) + "/sign-in/reset")
		got := e.chika().Call(http.MethodPost, path, map[string]any{"take": []string{"password"}})
		which := e.waits(got)
		if e.mails("aoi@kaede.example") != 0 || strings.Contains(got.Body, "/recover") {
			t.Error("CAP-H18 something was told before it was approved")
		}
		if _, err := e.decide(which, e.k.Daichi); err != nil {
			t.Fatal(err)
		}
		for range 300 {
			if e.mails("aoi@kaede.example") == 1 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := e.mails("aoi@kaede.example"); n != 1 || e.count().Passwords != 0 {
			t.Errorf("CAP-H18 %d mails to Aoi, %+v", n, e.count())
		}
		p, err := e.h.Register().Person(ctx, e.k.Daichi)
		if p.Email = ""; err == nil {
			_, err = e.h.Register().ChangePerson(ctx, house, p)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := e.h.As(t, e.k.Daichi, e.k.Org).Call(http.MethodPut, "/api/v1/me/password", map[string]any{"new": "nine boats in the morning fog"}); got.Status >= 300 {
			t.Fatal(got.Body)
		}
		got = e.chika().Call(http.MethodPost, e.in("/members/"+string(e.k.Daichi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}})
		if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "reset-needs-mail") {
			t.Errorf("CAP-H18 a link that nobody may see: %d %s", got.Status, got.Body)
		}
	})
}

// mails counts those with a link to sign in anew.
func (e *fourEyes) mails(to string) (n int) {
	for _, m := range e.h.Mail.Messages() {
		if strings.Contains(strings.Join(m.To, " "), to) && strings.Contains(m.Text, "/recover") {
			n++
		}
	}
	return n
}

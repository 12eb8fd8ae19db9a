package change_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
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
			_, err = e.h.Register().PutOrganization(ctx, id.Local(0), o)
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
			_, err = e.h.Register().PutOrganization(ctx, id.Local(0), o)
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
			_, err = e.h.Register().ChangePerson(ctx, id.Local(0), p)
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

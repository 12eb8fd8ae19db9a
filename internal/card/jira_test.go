package card_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// cloud is a house beside a simulated Jira Service Management with two sites, on
// one clock that the test moves.
type cloud struct {
	t      *testing.T
	h      *housetest.Home
	k      housetest.Kaede
	clock  *clock.Moved
	jira   *jira.System
	app    jira.App
	system id.Connector
}

const bellWord = "a word between the bell and the house"

func inTheCloud(t *testing.T, database string, people ...string) *cloud {
	t.Helper()
	c := &cloud{t: t, clock: clock.NewMoved(time.Now().UTC().Truncate(time.Second))}
	all, err := jira.New(jira.Options{Clock: c.clock})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(all)
	t.Cleanup(func() { site.Close(); all.Close() })
	c.jira, c.app = all, all.AddApp("Sekisho", "")
	c.h = housetest.House(t, housetest.On(database), housetest.OnClock(c.clock), func(o *housetest.Options) {
		o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8")
	})
	c.k = c.h.People(t)
	made := c.as("chika").Call(http.MethodPost, "/api/v1/organizations/"+string(c.k.Org)+"/systems", map[string]any{
		"definition": "jira-service-management-cloud", "name": "jira", "title": "Jira", "mode": "user", "scheme": "oauth2_code", "client_id": c.app.ID, "enabled": true,
		"settings":    map[string]any{"base_url": site.URL, "login_url": site.URL, "site_url": site.URL + "/kaede"},
		"set_secrets": map[string]string{"client_secret": c.app.Secret.Reveal(), "webhook_secret": bellWord}, "networks": []string{"127.0.0.0/8"},
	})
	var s struct{ ID id.Connector }
	if err := json.Unmarshal([]byte(made.Body), &s); err != nil || s.ID == "" {
		t.Fatalf("add the system: %d %s", made.Status, made.Body)
	}
	c.system = s.ID
	for _, login := range people {
		v := c.as(login)
		at, err := url.Parse(v.Get("/connect/" + string(s.ID) + "/start").Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		q := at.Query()
		back := url.Values{"state": {q.Get("state")}, "code": {all.Code(login, c.app.ID, q.Get("redirect_uri"), q.Get("scope"))}}
		if got := v.Get("/connect/" + string(s.ID) + "/callback?" + back.Encode()); got.Status >= 400 {
			t.Fatalf("connect %s: %d %s", login, got.Status, got.Body)
		}
	}
	return c
}

func (c *cloud) person(login string) id.Person {
	return map[string]id.Person{"aoi": c.k.Aoi, "botan": c.k.Botan, "chika": c.k.Chika, "daichi": c.k.Daichi}[login]
}

func (c *cloud) as(login string) *housetest.Visitor { return c.h.As(c.t, c.person(login), c.k.Org) }

// until waits for something; the clock moves on meanwhile.
func (c *cloud) until(what string, there func() bool) {
	c.t.Helper()
	for range 6000 {
		if there() {
			return
		}
		time.Sleep(5 * time.Millisecond)
		c.clock.Advance(100 * time.Millisecond)
	}
	c.t.Fatalf("it did not come: %s", what)
}

// about waits for somebody's card about a request.
func (c *cloud) about(login, key string) (found card.Card) {
	c.t.Helper()
	n := 0
	c.until("a card of "+login+" about "+key, func() bool {
		if n++; n%40 == 1 {
			if err := c.h.Cards().Rung(ctx, c.k.Org, c.system, nil); err != nil {
				c.t.Fatal(err)
			}
		}
		page, _, err := c.h.Cards().List(ctx, c.person(login), false, "", 20)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, one := range page {
			if one.Ticket == key {
				found = one
			}
		}
		return found.ID != ""
	})
	return found
}

// press decides on the card's page, and waits for the end.
func (c *cloud) press(login string, one card.Card, form url.Values) card.Card {
	c.t.Helper()
	form.Set("digest", one.Digest)
	if got := c.as(login).Post(card.PathOf(one.ID), form); got.Status != http.StatusSeeOther {
		c.t.Fatalf("%s presses: %d\n%s", login, got.Status, got.Body)
	}
	c.until("the end of a decision", func() bool {
		now, err := c.h.Cards().Get(ctx, c.person(login), one.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		one = now
		return one.State != card.Deciding
	})
	return one
}

func (c *cloud) raise(kind string) string {
	c.t.Helper()
	made, err := c.jira.Raise("kaede", kind, "aoi", map[string]any{"summary": "Root on db01", "customfield_10050": "db01"})
	if err != nil {
		c.t.Fatal(err)
	}
	return made.Key
}

// stage is how a stage of a request stands at Jira, such as "pending daichi:approved".
func (c *cloud) stage(key string, n int) string {
	c.t.Helper()
	now, err := c.jira.Request(key)
	if err != nil || len(now.Approvals) <= n {
		c.t.Fatalf("%+v %v", now, err)
	}
	said := now.Approvals[n].Final
	for _, one := range now.Approvals[n].Answers {
		said += " " + one.Login + ":" + one.Decision
	}
	return said
}

// TestQuestionsOfJira: accounts see two sites, requests have stages, one of which
// is over already, what is sent is another word than what is read, and where all
// must approve the first of them has not failed because the others have yet to
// answer.
func TestQuestionsOfJira(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := inTheCloud(t, database, "botan", "chika", "daichi")
		approve, refuse := url.Values{"decision": {"approve"}}, url.Values{"decision": {"refuse"}, "reason": {"not before spring"}}
		key := c.raise("Emergency change")
		t.Run("TRAP-C6 the first stage", func(t *testing.T) {
			first := c.press("botan", c.about("botan", key), approve)
			if first.State != card.Applied || c.stage(key, 0) != "approved botan:approved" {
				t.Errorf("the card is %s (%s %s), Jira says %s", first.State, first.Why, first.Said, c.stage(key, 0))
			}
		})
		t.Run("TRAP-C6 the first of two who must both", func(t *testing.T) {
			one := c.about("daichi", key)
			if one.Sheet.Stage != "Operations approval" {
				t.Errorf("the card is about stage %q", one.Sheet.Stage)
			}
			if one = c.press("daichi", one, approve); one.State != card.Applied || c.stage(key, 1) != "pending daichi:approved chika:pending" {
				t.Errorf("the card is %s (%s %s), Jira says %s", one.State, one.Why, one.Said, c.stage(key, 1))
			}
		})
		t.Run("TRAP-C6 the second of them refuses", func(t *testing.T) {
			one := c.press("chika", c.about("chika", key), refuse)
			if one.State != card.Applied || one.Decision != "rejected" || c.stage(key, 1) != "declined daichi:approved chika:declined" {
				t.Errorf("the card is %s %s (%s %s), Jira says %s", one.Decision, one.State, one.Why, one.Said, c.stage(key, 1))
			}
		})
		if err := c.jira.Turn("approvers=botan,haruka"); err != nil {
			t.Fatal(err)
		}
		t.Run("TRAP-C12 TRAP-H6 one of either was faster", func(t *testing.T) {
			key := c.raise("Access to a server")
			one := c.about("botan", key)
			if err := c.jira.Decide(key, "haruka", "declined"); err != nil {
				t.Fatal(err)
			}
			wrote := len(c.jira.Stage().Writes())
			one = c.press("botan", one, approve)
			if one.State != card.Superseded || !strings.Contains(one.Other, "Haruka") || c.stage(key, 0) != "declined botan:pending haruka:declined" {
				t.Errorf("the card is %s by %q, Jira says %s", one.State, one.Other, c.stage(key, 0))
			}
			if n := len(c.jira.Stage().Writes()) - wrote; n != 0 {
				t.Errorf("%d writes were sent", n)
			}
			if page := c.as("botan").Get(card.PathOf(one.ID)); !strings.Contains(page.Body, "Haruka") || strings.Contains(page.Body, `name="decision"`) {
				t.Errorf("the card says\n%s", page.Body)
			}
		})
	})
}

// TestARingIsBelievedInNothing: what a doorbell says changes nothing, whoever
// signed it; it has the question read again, and however often it is rung no
// more often than that is allowed.
func TestARingIsBelievedInNothing(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := inTheCloud(t, database, "botan")
		key := c.raise("Access to a server")
		before := c.about("botan", key)
		nobody := c.h.Nobody(t)
		ring := func(body, signed, word string) int {
			mac := hmac.New(sha256.New, []byte(word))
			mac.Write([]byte(signed))
			return nobody.Send(http.MethodPost, "/hooks/"+string(c.system), body, http.Header{
				"Content-Type": {"application/json"}, "X-Hub-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
			}).Status
		}
		reads := func() (n int) {
			for _, one := range c.jira.Stage().Calls() {
				if strings.HasSuffix(one.Path, "/rest/servicedeskapi/request") && strings.Contains(one.Query, "APPROVER") {
					n++
				}
			}
			return n
		}
		lie := `{"webhookEvent":"jira:issue_updated","issue":{"key":"` + key + `","fields":{"status":{"name":"Approved"}}},"approval":{"finalDecision":"approved"}}`
		c.until("nothing is read any more", func() bool { // what rang before
			was := reads()
			c.clock.Advance(5 * time.Second)
			time.Sleep(50 * time.Millisecond)
			return reads() == was
		})
		was := reads()
		for name, status := range map[string]int{
			"TRAP-C18 another word": ring(lie, lie, "another word"), "TRAP-C18 no word": ring(lie, lie, ""),
			"TRAP-C18 other bytes of the same value": ring(strings.Replace(lie, ":", ": ", 1), lie, bellWord), "TRAP-C18 another's signature": ring(lie, "{}", bellWord),
		} {
			if status != http.StatusForbidden {
				t.Errorf("%s: %d", name, status)
			}
		}
		for range 50 { // replayed, while no time passes
			if status := ring(lie, lie, bellWord); status != http.StatusNoContent {
				t.Fatalf("a ring: %d", status)
			}
		}
		c.until("it is read again", func() bool { return reads() > was })
		for range 30 {
			c.clock.Advance(100 * time.Millisecond)
			time.Sleep(5 * time.Millisecond)
		}
		if n := reads() - was; n > 4 {
			t.Errorf("TRAP-C18 fifty rings at once had it read %d times", n)
		}
		now, err := c.h.Cards().Get(ctx, c.k.Botan, before.ID)
		if err != nil || now.State != card.Open || now.Digest != before.Digest || c.stage(key, 0) != "pending botan:pending" {
			t.Errorf("TRAP-C18 the card is %s, %v; Jira says %s", now.State, err, c.stage(key, 0))
		}
	})
}

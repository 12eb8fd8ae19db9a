package ticket_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// cloud is a simulated Jira beside the house.
type cloud struct {
	*jira.System
	r   *rig
	at  string
	app jira.App
}

func (r *rig) cloud() *cloud {
	r.t.Helper()
	system, err := jira.New(jira.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(system.Close)
	l, err := fake.Listen("", system)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	return &cloud{system, r, l.URL, system.AddApp("Sekisho", "")}
}

// settings lead to the cloud's site of the company.
func (c *cloud) settings() map[string]any {
	return map[string]any{"base_url": c.at, "login_url": c.at, "site_url": c.at + "/kaede", "asset_field": "customfield_10050"}
}

// asks is a request of Aoi's, which Botan is asked to approve.
func (c *cloud) asks() jira.Request {
	c.r.t.Helper()
	q, err := c.Raise("kaede", "Access to a server", "aoi", map[string]any{"summary": "Root on db01", "customfield_10050": "db01"})
	if err != nil {
		c.r.t.Fatal(err)
	}
	return q
}

// consent starts at the house and consents at the cloud as login; it returns the
// way back and what was asked for there.
func (c *cloud) consent(v *housetest.Visitor, system, login string) (back string, asked url.Values) {
	c.r.t.Helper()
	got := v.Get("/connect/" + system + "/start")
	at, err := url.Parse(got.Header.Get("Location"))
	if err != nil || got.Status != http.StatusSeeOther || !strings.HasPrefix(at.String(), c.at+"/authorize?") {
		c.r.t.Fatalf("start: %d %s %.300s", got.Status, got.Header.Get("Location"), got.Body)
	}
	q := at.Query()
	code := c.Code(login, c.app.ID, q.Get("redirect_uri"), q.Get("scope"))
	return "/connect/" + system + "/callback?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), q
}

// question is a card of somebody's, of whatever kind.
type question struct {
	ID                                           id.Card
	Kind, State, Ticket, Digest, Title, Decision string
}

// cardOf waits for a card of somebody, open or over.
func (r *rig) cardOf(who id.Person, fits func(question) bool) question {
	r.t.Helper()
	var last []question
	for range 1500 {
		last = nil
		for _, done := range []bool{false, true} {
			page, _, err := r.h.Cards().List(r.t.Context(), who, done, "", 50)
			if err != nil {
				r.t.Fatal(err)
			}
			for _, c := range page {
				last = append(last, question{c.ID, string(c.Kind), string(c.State), c.Ticket, c.Digest, c.Sheet.Title, c.Decision})
			}
		}
		if i := slices.IndexFunc(last, fits); i >= 0 {
			return last[i]
		}
		r.h.Cards().Resync()
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatalf("no such card; there are %+v", last)
	return question{}
}

// S1: one administrator authorizes the house once for the whole ticket system, and
// tries on the test screen what a ticket says.
func TestOneConnectionForAll(t *testing.T) {
	each(t, func(r *rig) {
		c := r.cloud()
		const definition = "jira-service-management-cloud"
		if got := r.chika.Get("/admin/systems"); !strings.Contains(got.Body, "/admin/systems/new?definition="+definition) || !strings.Contains(got.Body, "Jira Service Management") {
			t.Errorf("S1-B2 the gallery does not offer it: %d", got.Status)
		}
		page := r.chika.Get("/admin/systems/new?definition=" + definition + "&mode=service")
		callback := copied.FindStringSubmatch(page.Body)
		if page.Status != http.StatusOK || callback == nil {
			t.Fatalf("S1-B1 the form shows no callback to copy: %d", page.Status)
		}
		for _, want := range []string{`name="auth.client_id"`, `name="auth.client_secret"`, `name="site_url"`, "Ticket system URL", "read:servicedesk-request", "OAuth 2.0 (3LO)"} {
			if !strings.Contains(page.Body, want) {
				t.Errorf("S1-B1 S1-B2 the form has no %s", want)
			}
		}
		system := strings.Split(callback[1], "/")[4]
		form := url.Values{
			"definition": {definition}, "id": {system}, "mode": {"service"}, "scheme": {"oauth2_code"}, "revision": {"0"}, "name": {"jira"}, "title": {""},
			"base_url": {c.at}, "login_url": {c.at}, "site_url": {c.at + "/kaede"}, "asset_field": {"customfield_10050"},
			"approved_statuses": {"Approved"}, "waiting_statuses": {"Waiting for approval"},
			"auth.client_id": {c.app.ID}, "auth.client_secret": {c.app.Secret.Reveal()},
			"auth.scope": {"read:servicedesk-request read:jira-user offline_access"},
		}
		if got := r.chika.Post("/admin/systems/new", form); got.Status != http.StatusSeeOther {
			t.Fatalf("S1-B2 add: %d %.600s", got.Status, got.Body)
		}
		authorize := `href="/connect/` + system + `/start"`
		if got := r.chika.Get("/admin/systems/" + system); !strings.Contains(got.Body, authorize) || strings.Contains(got.Body, c.app.Secret.Reveal()) {
			t.Errorf("S1-B3 no Authorize once it is enabled: %d", got.Status)
		}
		botan, ume := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Ume, r.k.Momiji)
		t.Run("S1-B3 refused: who may not authorize for all", func(t *testing.T) {
			if got := botan.Get("/connect/" + system + "/start"); got.Status != http.StatusForbidden {
				t.Errorf("botan: %d", got.Status)
			}
			if got := ume.Get("/connect/" + system + "/start"); got.Status != http.StatusNotFound {
				t.Errorf("an administrator of another organization: %d", got.Status)
			}
			if got := botan.Get("/settings/integrations"); strings.Contains(got.Body, system) {
				t.Error("it stands among what each person switches on")
			}
			back, _ := c.consent(r.chika, system, "daichi")
			if got := botan.Get(back); got.Status != http.StatusForbidden {
				t.Errorf("in another's session: %d", got.Status)
			}
			if _, err := r.h.Systems().As(t.Context(), r.k.Org, id.Connector(system), ""); err == nil {
				t.Error("it is connected")
			}
		})
		back, asked := c.consent(r.chika, system, "daichi")
		if scopes := strings.Fields(asked.Get("scope")); asked.Get("client_id") != c.app.ID || asked.Get("redirect_uri") != callback[1] || asked.Get("response_type") != "code" ||
			!slices.Contains(scopes, "read:servicedesk-request") || !slices.Contains(scopes, "offline_access") || len(scopes) != 3 {
			t.Errorf("S1-B1 it asks there for %v", asked)
		}
		if got := r.chika.Get(back); got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/admin/systems/"+system+"?done=authorized" {
			t.Fatalf("S1-B3 back: %d %s %.300s", got.Status, got.Header.Get("Location"), got.Body)
		}
		if got := r.chika.Get("/admin/systems/" + system); !strings.Contains(got.Body, "Daichi Doi") {
			t.Errorf("S1-B3 the page does not say as whom: %d", got.Status)
		}
		for _, who := range []id.Person{r.k.Aoi, r.k.Botan, r.k.Daichi} {
			if _, err := r.h.Systems().As(t.Context(), r.k.Org, id.Connector(system), who); err != nil {
				t.Errorf("S1-B3 it does not serve everybody: %v", err)
			}
		}
		t.Run("S1-B4 CAP-I4 a ticket on the test screen", func(t *testing.T) { c.tried(t, system) })
	})
}

// tried looks at a ticket, and at one that is not there, on the test screen.
func (c *cloud) tried(t *testing.T, system string) {
	q, path := c.asks(), "/admin/systems/"+system+"/test"
	got := c.r.chika.Post(path, url.Values{"ticket": {q.Key}})
	for _, want := range []string{q.Key, "Root on db01", "Waiting for approval", "Aoi Aizawa", "db01", "customfield_10050", "/rest/servicedeskapi/request/" + q.Key} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("the screen does not show %q: %d", want, got.Status)
		}
	}
	if strings.Contains(got.Body, "Bearer ") || strings.Contains(got.Body, c.app.Secret.Reveal()) {
		t.Error("TRAP-C24 a credential stands on the screen")
	}
	for _, number := range []string{"OPS-999", "OPS-1/../OPS-2", q.Key + "\n", "project = OPS"} {
		if got := c.r.chika.Post(path, url.Values{"ticket": {number}}); got.Status != http.StatusOK || number != q.Key+"\n" && strings.Contains(got.Body, "Root on db01") {
			t.Errorf("A116 %q: %d", number, got.Status)
		}
	}
	if got := c.r.h.As(t, c.r.k.Botan, c.r.k.Org).Post(path, url.Values{"ticket": {q.Key}}); got.Status != http.StatusForbidden {
		t.Errorf("botan tests: %d", got.Status)
	}
	if n := len(c.Stage().Writes()); n != 0 {
		t.Errorf("TRAP-H19 a test wrote %d times", n)
	}
	if c.r.recorded("connector.tested") != 5 {
		t.Errorf("TRAP-H19 %d tests are on record", c.r.recorded("connector.tested"))
	}
}

// add adds the cloud as the API does, for each person by themselves.
func (c *cloud) add(change ...func(map[string]any)) string {
	return c.r.add(append([]func(map[string]any){func(b map[string]any) {
		b["definition"], b["name"], b["title"], b["client_id"], b["settings"] = "jira-service-management-cloud", "jira", "Jira", c.app.ID, c.settings()
		b["set_secrets"] = map[string]any{"client_secret": c.app.Secret.Reveal(), "webhook_secret": bellKey}
	}}, change...)...)
}

const bellKey = "it is a secret between the two"

// signed is a body's signature as Jira sends it.
func signed(key string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// A118: a ring is proven, and believed in nothing: whatever it says, the question
// is what the system says when it is read again.
func TestARingIsBelievedInNothing(t *testing.T) {
	each(t, func(r *rig) {
		c := r.cloud()
		system := c.add()
		botan, nobody := r.h.As(t, r.k.Botan, r.k.Org), r.h.Nobody(t)
		back, _ := c.consent(botan, system, "botan")
		if got := botan.Get(back); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		q := c.asks()
		shown := r.cardOf(r.k.Botan, func(c question) bool { return c.Ticket == q.Key && c.State == "open" })
		lie, err := json.Marshal(map[string]any{
			"webhookEvent": "jira:issue_updated", "timestamp": 1, "approval": "approved",
			"issue": map[string]any{"key": q.Key, "fields": map[string]any{"status": map[string]any{"name": "Approved"}, "summary": "Nothing dangerous"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ring := func(signature string, body []byte) housetest.Answer {
			h := http.Header{"Content-Type": {"application/json"}}
			if signature != "" {
				h.Set("X-Hub-Signature", signature)
			}
			return nobody.Send(http.MethodPost, "/hooks/"+system, string(body), h)
		}
		for name, row := range map[string]struct {
			signature string
			body      []byte
		}{
			"unsigned":                            {"", lie},
			"signed with another key":             {signed("another secret", lie), lie},
			"signed with the client's secret":     {signed(c.app.Secret.Reveal(), lie), lie},
			"other bytes under a signature":       {signed(bellKey, lie), append(slices.Clone(lie), ' ')},
			"the signature without its algorithm": {strings.TrimPrefix(signed(bellKey, lie), "sha256="), lie},
			"another algorithm":                   {strings.Replace(signed(bellKey, lie), "sha256=", "sha1=", 1), lie},
		} {
			if got := ring(row.signature, row.body); got.Status != http.StatusForbidden || problem(t, got) != "connector-ring-unproved" {
				t.Errorf("A118 %s: %d %s", name, got.Status, got.Body)
			}
		}
		listed := func() int { return c.Stage().Count(http.MethodGet, "/ex/jira/") }
		again := func() { // until it was read anew because of a ring
			t.Helper()
			before := listed()
			for range 10 { // the same ring, replayed
				if got := ring(signed(bellKey, lie), lie); got.Status != http.StatusNoContent {
					t.Fatalf("A118 a proven ring: %d %s", got.Status, got.Body)
				}
			}
			for range 1500 {
				if listed() > before {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Fatal("nobody looked because of the ring")
		}
		again()
		now, err := r.h.Cards().Get(t.Context(), r.k.Botan, shown.ID)
		if err != nil || now.State != "open" || now.Digest != shown.Digest || now.Sheet.Title != "Root on db01" {
			t.Errorf("A118 a ring that lies made the card %s %+v, %v", now.State, now.Sheet, err)
		}
		if n := len(c.Stage().Writes()); n != 0 {
			t.Errorf("A118 rings wrote %d times", n)
		}
		if err := c.Decide(q.Key, "botan", "declined"); err != nil {
			t.Fatal(err)
		}
		again() // "approved", after it was rejected
		over := r.cardOf(r.k.Botan, func(c question) bool { return c.Ticket == q.Key && c.State != "open" })
		if over.State != "superseded" || over.Decision != "rejected" {
			t.Errorf("A118 after the rejection it is %s as %q", over.State, over.Decision)
		}
	})
}

package card_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// shared is a house with a ServiceNow that one connection serves for all.
type shared struct {
	t      *testing.T
	h      *housetest.Home
	k      housetest.Kaede
	sn     *servicenow.System
	system id.Connector
}

func share(t *testing.T, url string, turn func(*servicenow.Switches), more map[string]any) *shared {
	t.Helper()
	sn, err := servicenow.New(servicenow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sn.Set(func(s *servicenow.Switches) {
		s.ClientCredentials = true
		if turn != nil {
			turn(s)
		}
	})
	site := httptest.NewServer(sn)
	t.Cleanup(func() { site.Close(); sn.Close() })
	h := housetest.House(t, housetest.On(url), func(o *housetest.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })
	s := &shared{t: t, h: h, k: h.People(t), sn: sn}
	const client, word = "sekisho", "a word between the two"
	sn.PutClient(servicenow.Client{ID: client, Secret: secret.Of(word), Name: "Sekisho", User: "chika"})
	body := map[string]any{
		"definition": "servicenow", "name": "servicenow", "title": "ServiceNow", "settings": map[string]any{"base_url": site.URL}, "mode": "service",
		"scheme": "client_credentials", "client_id": client, "set_secrets": map[string]string{"client_secret": word}, "enabled": true, "networks": []string{"127.0.0.0/8"},
	}
	maps.Copy(body, more)
	chika := h.As(t, s.k.Chika, s.k.Org)
	path := "/api/v1/organizations/" + string(s.k.Org) + "/systems"
	made := chika.Call(http.MethodPost, path, body)
	var at struct{ ID id.Connector }
	if err := json.Unmarshal([]byte(made.Body), &at); err != nil || at.ID == "" {
		t.Fatalf("add the system: %d %s", made.Status, made.Body)
	}
	s.system = at.ID
	if got := chika.Call(http.MethodPost, path+"/"+string(at.ID)+"/authorize", nil); got.Status >= 300 {
		t.Fatalf("authorize: %d %s", got.Status, got.Body)
	}
	s.until("everybody was looked for", func() bool {
		all, err := h.Systems().Matches(ctx, s.k.Org, s.system)
		return err == nil && len(all) == 4
	})
	return s
}

func (s *shared) until(what string, there func() bool) {
	s.t.Helper()
	for range 1200 {
		if there() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("it did not come: %s", what)
}

// ordered is a request of Aoi's at ServiceNow itself, of which everybody has
// read since.
func (s *shared) ordered() servicenow.Request {
	s.t.Helper()
	q, err := s.sn.Order("aoi", orderable(s.t), 1)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.h.Cards().Rung(ctx, s.k.Org, s.system, nil); err != nil {
		s.t.Fatal(err)
	}
	return q
}

func (s *shared) open(who id.Person) []card.Card {
	s.t.Helper()
	page, _, err := s.h.Cards().List(ctx, who, false, "", 10)
	if err != nil {
		s.t.Fatal(err)
	}
	return page
}

// TestCardsOfASharedSystem: who is found for sure gets cards without connecting;
// a decision goes out by the shared account and carries the approver's name.
func TestCardsOfASharedSystem(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		s := share(t, url, nil, nil)
		request := s.ordered()
		s.until("a card", func() bool { return len(s.open(s.k.Botan)) == 1 })
		c := s.open(s.k.Botan)[0]
		for _, who := range []id.Person{s.k.Aoi, s.k.Chika, s.k.Daichi} {
			if all := s.open(who); len(all) != 0 {
				t.Errorf("H1 somebody else's card: %+v", all)
			}
		}
		botan := s.h.As(t, s.k.Botan, s.k.Org)
		if page := botan.Get(card.PathOf(c.ID)); !strings.Contains(page.Body, "Service account") && !strings.Contains(page.Body, "service account") {
			t.Errorf("the card does not say that a service account decides:\n%s", page.Body)
		}
		if got := s.h.As(t, s.k.Daichi, s.k.Org).Post(card.PathOf(c.ID), form("approve", c.Digest)); got.Status != http.StatusNotFound {
			t.Errorf("TRAP-C14 another person pressed: %d", got.Status)
		}
		other, err := s.h.Systems().As(ctx, s.k.Org, s.system, s.k.Daichi)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Decide(ctx, connector.Verdict{ID: c.Backend, Decision: connector.Approve}); connector.KindOf(err) != connector.Forbidden {
			t.Errorf("TRAP-C14 the session of another person decides: %v", err)
		}
		if now, _ := s.sn.Request(request.Number); now.Approvals[0].State != "requested" {
			t.Fatalf("TRAP-C14 it is %s", now.Approvals[0].State)
		}
		botan.Post(card.PathOf(c.ID), form("approve", c.Digest))
		s.until("the end", func() bool {
			c, err = s.h.Cards().Get(ctx, s.k.Botan, c.ID)
			return err == nil && c.State != card.Deciding
		})
		now, _ := s.sn.Request(request.Number)
		if c.State != card.Applied || now.Approval != "approved" || strings.Count(now.Approvals[0].Comments, "佐藤 牡丹") != 1 {
			t.Errorf("the card is %s (%s %s); ServiceNow has %+v", c.State, c.Why, c.Said, now.Approvals)
		}
	})
}

// TestNobodyForSure: with two accounts of one address, and with a login that only
// happens to be the same, nobody gets a card, and administrators are told.
func TestNobodyForSure(t *testing.T) {
	for _, row := range []struct {
		name, state, en, ja string
		turn                func(*servicenow.Switches)
		change              func(*shared)
	}{
		{"TRAP-C5 two accounts", connector.Ambiguous, "Not certain", "特定不可", func(s *servicenow.Switches) { s.DuplicateMail = true }, nil},
		{"TRAP-C5 another address at the same login", connector.None, "Not found", "該当なし", nil, func(s *shared) {
			if err := s.sn.Change("sys_user", s.sn.SysID("botan"), servicenow.Row{"email": "elsewhere@kaede.example"}); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := share(t, housetest.SQLite(t), row.turn, nil)
			if row.change != nil {
				row.change(s)
				if err := s.h.Store().Org(s.k.Org).Write(ctx, lookAgain); err != nil {
					t.Fatal(err)
				}
				if _, _, err := s.h.Systems().Match(ctx); err != nil {
					t.Fatal(err)
				}
			}
			s.ordered()
			m, err := s.h.Systems().MatchOf(ctx, s.k.Org, s.system, s.k.Botan)
			if err != nil || m.State != row.state {
				t.Errorf("Botan is %+v, %v", m, err)
			}
			time.Sleep(300 * time.Millisecond)
			if all := s.open(s.k.Botan); len(all) != 0 {
				t.Errorf("a card came: %+v", all)
			}
			chika := s.h.As(t, s.k.Chika, s.k.Org)
			if page := chika.Get("/"); !strings.Contains(page.Body, "/admin/systems/"+string(s.system)) {
				t.Error("the administrator's first page says nothing")
			}
			for lang, want := range map[string]string{"en": "Who is not found for sure gets no cards from this system", "ja": row.ja} {
				page := chika.Send(http.MethodGet, "/admin/systems/"+string(s.system), "", http.Header{"Accept-Language": {lang}})
				if !strings.Contains(page.Body, "佐藤 牡丹") || !strings.Contains(page.Body, want) || lang == "en" && !strings.Contains(page.Body, row.en) {
					t.Errorf("%s: the system's page does not say %q", lang, want)
				}
			}
			if n := len(s.sn.Stage().Writes()); n != 0 {
				t.Errorf("%d writes reached the system", n)
			}
			recorded := false
			records, err := s.h.Records(ctx, time.Time{})
			for _, one := range records {
				recorded = recorded || one.Name == "connection.matched" && one.Target == "connector:"+string(s.system) && one.Fields["person"] == string(s.k.Botan) && one.Fields["state"] == row.state
			}
			if err != nil || !recorded {
				t.Errorf("the log does not have it: %v", err)
			}
			if page := s.h.As(t, s.k.Aoi, s.k.Org).Get("/"); strings.Contains(page.Body, "/admin/systems/") {
				t.Error("somebody without the right is told")
			}
		})
	}
}

// TestAnAccountThatIsNotSureAnyMore: whoever presses is looked for once more. Who
// has a second account by then, or none, decides nothing: the card says so and
// what to do, the system is as it was, and the log has it.
func TestAnAccountThatIsNotSureAnyMore(t *testing.T) {
	for _, row := range []struct {
		name, en, ja string
		change       func(*shared)
	}{
		{"two accounts", "More than one account there could be yours. An administrator has to look at it.", "該当するアカウントが複数あります。管理者に確認を依頼してください", func(s *shared) {
			s.sn.Set(func(all *servicenow.Switches) { all.DuplicateMail = true })
		}},
		{"no account", "You have no account there. An administrator has to look at it.", "あなたのアカウントがありません。管理者に確認を依頼してください", func(s *shared) {
			if err := s.sn.Change("sys_user", s.sn.SysID("botan"), servicenow.Row{"email": "elsewhere@kaede.example"}); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := share(t, housetest.SQLite(t), nil, nil)
			request := s.ordered()
			s.until("a card", func() bool { return len(s.open(s.k.Botan)) == 1 })
			c := s.open(s.k.Botan)[0]
			row.change(s)
			before := len(s.sn.Stage().Writes())
			botan := s.h.As(t, s.k.Botan, s.k.Org)
			if got := botan.Post(card.PathOf(c.ID), form("approve", c.Digest)); got.Status != http.StatusSeeOther {
				t.Fatalf("approve: %d %s", got.Status, got.Body)
			}
			s.until("the end", func() bool {
				now, err := s.h.Cards().Get(ctx, s.k.Botan, c.ID)
				return err == nil && now.State == card.Failed
			})
			for lang, want := range map[string]string{"en": row.en, "ja": row.ja} {
				if page := botan.Send(http.MethodGet, card.PathOf(c.ID), "", http.Header{"Accept-Language": {lang}}); !strings.Contains(page.Body, want) {
					t.Errorf("%s: the card does not say %q", lang, want)
				}
			}
			if now, _ := s.sn.Request(request.Number); now.Approvals[0].State != "requested" || len(s.sn.Stage().Writes()) != before {
				t.Errorf("it is %s there", now.Approvals[0].State)
			}
			logged(t, s.h, s.k, "card.decided", c.ID)
			logged(t, s.h, s.k, "card.failed", c.ID)
		})
	}
}

// TestOnlyByOneself: where a definition has decisions made by the person's own
// credential only, a shared connection brings the card, and it leads out.
func TestOnlyByOneself(t *testing.T) {
	text := ""
	for _, d := range connector.BuiltIn() {
		if d.ID == "servicenow" {
			text = string(d.Source)
		}
	}
	text = strings.Replace(text, "id: servicenow\n", "id: own-desk\n", 1)
	text = strings.Replace(text, "  approval.decide:\n", "  approval.decide:\n    modes: [user]\n", 1)
	text = text[:strings.Index(text, "\ntests:")] + "\n" // one of them decides for somebody
	s := share(t, housetest.SQLite(t), nil, map[string]any{"definition": "own-desk", "document": text})
	request := s.ordered()
	s.until("a card", func() bool { return len(s.open(s.k.Botan)) == 1 })
	c := s.open(s.k.Botan)[0]
	botan := s.h.As(t, s.k.Botan, s.k.Org)
	if page := botan.Get(card.PathOf(c.ID)); strings.Contains(page.Body, `value="approve"`) || !strings.Contains(page.Body, "sysapproval_approver.do") {
		t.Errorf("the card says\n%s", page.Body)
	}
	if got := botan.Post(card.PathOf(c.ID), form("approve", c.Digest)); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("pressed all the same: %d", got.Status)
	}
	if now, _ := s.sn.Request(request.Number); now.Approvals[0].State != "requested" {
		t.Errorf("it is %s", now.Approvals[0].State)
	}
}

// lookAgain has everybody looked for again, whenever they were.
func lookAgain(tx *store.Tx) store.End {
	if _, err := tx.Exec("UPDATE connector_match SET due = 0 WHERE org = $1"); err != nil {
		return store.Abort(err)
	}
	return store.Quietly(store.QuietClaim)
}

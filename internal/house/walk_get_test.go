package house_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// counter is an outside system that asks Botan some questions: none that it is
// told of means one, and takes no answer unless it obliges.
type counter struct {
	org, person string
	mu          sync.Mutex
	rows        map[string]connector.State
	obliges     bool
	wrote       int
}

const counterSystem = id.Connector("01jd9m7r00000000000000sn0w")

func (c *counter) tie() card.Tie {
	return card.Tie{Org: id.Org(c.org), System: counterSystem, Title: "Desk", Person: id.Person(c.person), On: true, Native: connector.Party{NativeID: "n-botan"}}
}
func (c *counter) Ties(context.Context) ([]card.Tie, error) { return nil, nil }
func (c *counter) Tie(context.Context, id.Org, id.Connector, id.Person) (card.Tie, error) {
	return c.tie(), nil
}
func (c *counter) Open(context.Context, card.Tie) (card.Session, error) { return c, nil }
func (c *counter) Switch(id.Connector) string                           { return "/settings/integrations" }

func (c *counter) asked(row string) connector.Approval {
	return connector.Approval{
		ID: row, TicketID: "REQ-" + row, Title: "Laptop " + row, State: c.rows[row], CanDecide: true, Approver: connector.Party{NativeID: "n-botan"},
	}
}

func (c *counter) Approvals(context.Context) (all []connector.Approval, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, row := range slices.Sorted(maps.Keys(c.rows)) {
		if a := c.asked(row); a.State == connector.Pending {
			all = append(all, a)
		}
	}
	return all, nil
}

func (c *counter) Approval(_ context.Context, row string) (connector.Approval, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked(row), nil
}

func (c *counter) Decide(_ context.Context, v connector.Verdict) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.obliges {
		return &connector.Problem{Kind: connector.Forbidden}
	}
	c.wrote++
	c.rows[v.ID] = connector.State(v.Decision)
	return nil
}

func (c *counter) Act(context.Context, string, string, map[string]string) error {
	return &connector.Problem{Kind: connector.Forbidden}
}

var digestInForm = regexp.MustCompile(`name="digest" value="([^"]+)"`)

// decisions are all rows that a decision would change.
func decisions(t *testing.T, s *store.Store) (rows []string) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error {
		rows = nil
		for _, text := range []string{
			"SELECT 'card ' || id || state || decision || reason || effect || CAST(version AS TEXT) FROM card ORDER BY id",
			"SELECT 'ask ' || id || state || lease || CAST(version AS TEXT) || CAST(steps AS TEXT) FROM ask ORDER BY id",
			"SELECT 'vote ' || ask || person FROM ask_vote ORDER BY ask, person",
			"SELECT 'lease ' || id || state FROM lease ORDER BY id",
			"SELECT 'effect ' || id FROM job_effect WHERE driver = 'card.decide' ORDER BY id",
			"SELECT 'draft ' || person || place FROM card_draft ORDER BY place",
		} {
			found, err := v.Query(text)
			some, err := store.Collect(found, err, func(scan func(...any) error) (row string, err error) { return row, scan(&row) })
			if err != nil {
				return err
			}
			rows = append(rows, some...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestNoLinkDecides opens every address of the house that a link can lead to,
// as the person who may decide, with everything that a decision has; nothing is
// decided, kept or sent by it. The same by a form decides (K7, A110).
func TestNoLinkDecides(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		office := &counter{rows: map[string]connector.State{"row-1": connector.Pending}}
		h := housetest.House(t, housetest.On(database), func(o *housetest.Options) { o.Systems = office })
		k := h.People(t)
		office.org, office.person = string(k.Org), string(k.Botan)
		sales, err := h.Register().PutGroup(context.Background(), id.Local(0), org.Group{Org: k.Org, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		h.As(t, k.Chika, k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/approval-policies", map[string]any{
			"name": "groups", "kinds": []string{"group"}, "stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"manager"}}}}},
		})
		led := h.As(t, k.Aoi, k.Org).Post("/ask/group/"+string(sales.ID)+"?org="+string(k.Org), url.Values{"hours": {"1"}, "reason": {"Report"}}).Header.Get("Location")
		ask, _, _ := strings.Cut(strings.TrimPrefix(led, "/asks/"), "?")
		if err := h.Cards().Read(context.Background(), office.tie(), nil); err != nil {
			t.Fatal(err)
		}
		cards, _, err := h.Cards().List(context.Background(), k.Botan, false, "", 10)
		if err != nil || len(cards) != 2 {
			t.Fatalf("%d cards, %v", len(cards), err)
		}
		botan, before, cells := h.As(t, k.Botan, k.Org), decisions(t, h.Store()), 0
		for _, c := range cards {
			digest := c.Digest
			for _, route := range h.Routes() {
				if route.Method != http.MethodGet || route.Path == "/events" {
					continue
				}
				path := strings.ReplaceAll(strings.ReplaceAll(route.Path, "{card}", string(c.ID)), "{ask}", ask)
				path = wildcard.ReplaceAllString(strings.ReplaceAll(strings.ReplaceAll(path, "{$}", ""), "{org}", string(k.Org)), "x")
				query := url.Values{
					"decision": {"approve"}, "approve": {"true"}, "action": {"approve"}, "digest": {digest}, "reason": {"Fine"}, "kept": {"1"}, "yes": {"1"},
					"_method": {"POST"}, "method": {"POST"}, "card": {string(c.ID)}, "ask": {ask}, "token": {digest},
				}
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					cells++
					botan.Send(method, path+"?"+query.Encode(), "", http.Header{
						"Origin": {h.URL()}, "Hx-Request": {"true"}, "X-Http-Method-Override": {"POST"}, "X-Http-Method": {"POST"}, "X-Method-Override": {"POST"},
					})
				}
			}
		}
		if diff := cmp.Diff(before, decisions(t, h.Store())); diff != "" {
			t.Errorf("K7 a link changed what only a person decides\n%s", diff)
		}
		for _, c := range cards {
			page := botan.Get(card.PathOf(c.ID))
			digest := digestInForm.FindStringSubmatch(page.Body)
			if digest == nil {
				t.Fatalf("%s cannot be decided: %d", c.Kind, page.Status)
			}
			botan.Post(card.PathOf(c.ID), url.Values{"decision": {"approve"}, "digest": {digest[1]}})
		}
		after := decisions(t, h.Store())
		for _, want := range []string{"vote " + ask, "effect ", "lease "} {
			if !slices.ContainsFunc(after, func(row string) bool { return strings.HasPrefix(row, want) }) {
				t.Errorf("K7 the same by a form made no %q", want)
			}
		}
		t.Logf("%d cells", cells)
	})
}

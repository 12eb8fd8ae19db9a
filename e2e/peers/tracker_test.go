package peers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
)

// tracked is a house whose organization knows a Request Tracker that runs.
type tracked struct {
	*housetest.Home
	k      housetest.Kaede
	rt     *tracker
	system connector.System
}

func withTracker(t *testing.T, rt *tracker) *tracked {
	t.Helper()
	home := housetest.House(t, func(o *house.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })
	k := home.People(t)
	s, err := home.Systems().Put(t.Context(), id.OfPerson(k.Chika), connector.Wanted{System: connector.System{
		Org: k.Org, Name: "rt", Definition: "request-tracker-5", Mode: connector.ModeUser, Scheme: "header_token", Enabled: true,
		Settings: map[string]any{"base_url": rt.url},
	}})
	must(t, err)
	return &tracked{home, k, rt, s}
}

// connect is a person who pastes their token.
func (h *tracked) connect(t *testing.T, who id.Person, token string) error {
	t.Helper()
	_, err := h.Systems().Paste(t.Context(), connector.Intent{Org: h.k.Org, System: h.system.ID, Person: who, By: id.OfPerson(who)},
		connector.Pasted{Token: secret.Of(token)})
	return err
}

// as acts at the tracker as a person.
func (h *tracked) as(t *testing.T, who id.Person) *connector.Session {
	t.Helper()
	s, err := h.Systems().As(t.Context(), h.k.Org, h.system.ID, who)
	must(t, err)
	return s
}

func TestTheDefinitionOfRequestTracker(t *testing.T) {
	rt := startRT(t)
	h := withTracker(t, rt)

	if err := h.connect(t, h.k.Botan, "1-14-0123456789abcdef0123456789abcdef"); err == nil {
		t.Error("TRAP-C24 a token that Request Tracker does not know connects")
	}
	if err := h.connect(t, h.k.Botan, rt.tokens["aoi"]); err == nil {
		t.Error("TRAP-H3 the account whose address is Aoi's connects to Botan")
	}
	must(t, h.connect(t, h.k.Botan, rt.tokens["botan"]))
	must(t, h.connect(t, h.k.Aoi, rt.tokens["aoi"]))
	if err := h.connect(t, h.k.Daichi, rt.tokens["botan"]); err == nil {
		t.Error("an account that is linked to Botan connects to Daichi too")
	}

	request, approval := rt.asked("root on db01")
	botan, aoi := h.as(t, h.k.Botan), h.as(t, h.k.Aoi)
	t.Run("reading", func(t *testing.T) {
		got, err := aoi.Ticket(t.Context(), request)
		must(t, err)
		if got.Title != "root on db01" || got.State != connector.Open || got.Requester.NativeID != "aoi" || !slices.Equal(got.Assets, []string{"db01"}) || got.Window.End.IsZero() {
			t.Errorf("the ticket reads %+v", got)
		}
		for _, bad := range []string{"../queue/1", "999999", request + "\n", ""} {
			if _, err := aoi.Ticket(t.Context(), bad); err == nil {
				t.Errorf("TRAP-C10 ticket %q was read", bad)
			}
		}
		list, err := botan.Approvals(t.Context())
		must(t, err)
		if len(list) != 1 || list[0].ID != approval || list[0].State != connector.Pending || list[0].Requester.NativeID != "aoi" || list[0].Approver.NativeID != "botan" {
			t.Errorf("TRAP-C13 Botan's questions read %+v", list)
		}
		if list, err := aoi.Approvals(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("Aoi's questions: %+v, %v", list, err)
		}
	})
	t.Run("deciding", func(t *testing.T) {
		decide := func(as *connector.Session, d connector.Decision) (connector.Approval, error) {
			return as.Decide(t.Context(), connector.Verdict{ID: approval, Decision: d, Comment: "fits the plan", Marker: "sekisho-1"})
		}
		if got, err := decide(aoi, connector.Approve); err == nil {
			t.Errorf("TRAP-C1 Aoi approves her own: %+v", got)
		}
		if state := rt.ticket(approval)["Status"]; state == "resolved" {
			t.Fatal("Aoi's decision counted")
		}
		got, err := decide(botan, connector.Approve)
		must(t, err)
		if got.State != connector.Approved || rt.ticket(approval)["Status"] != "resolved" || rt.ticket(request)["Status"] != "open" {
			t.Errorf("approved reads %+v; approval %v, request %v", got, rt.ticket(approval)["Status"], rt.ticket(request)["Status"])
		}
		if list, err := botan.Approvals(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("a decided question is still listed: %+v, %v", list, err)
		}
	})
	t.Run("rejecting", func(t *testing.T) {
		request, approval := rt.asked("root on db02")
		must(t, botan.Comment(t.Context(), approval, "not today", "sekisho-2", false)) // as if a try had ended behind its comment
		got, err := botan.Decide(t.Context(), connector.Verdict{ID: approval, Decision: connector.Reject, Comment: "not today", Marker: "sekisho-2"})
		must(t, err)
		if got.State != connector.Rejected || rt.ticket(request)["Status"] != "rejected" {
			t.Errorf("rejected reads %+v; request %v", got, rt.ticket(request)["Status"])
		}
		if all := rt.comments(approval); len(all) != 1 {
			t.Errorf("R8 the reason of a decision that was sent again stands there %d times: %q", len(all), all)
		}
	})
	t.Run("telling", func(t *testing.T) {
		_, got := rt.call("svc", http.MethodPut, "/ticket/"+request, map[string]any{"Status": "resolved"})
		if rt.ticket(request)["Status"] != "resolved" {
			t.Fatalf("not resolved: %v", got)
		}
		must(t, botan.Comment(t.Context(), request, "released until noon", "sekisho-3", false))
		if rt.ticket(request)["Status"] != "resolved" {
			t.Error("TRAP-C8 a comment opened the ticket again")
		}
		all, err := botan.Comments(t.Context(), request, "sekisho-3")
		must(t, err)
		if !connector.Marked(all, "sekisho-3") || connector.Marked(all, "sekisho-4") {
			t.Errorf("the marker is not found again: %+v", all)
		}
		if text := strings.Join(rt.comments(request), "\n"); !strings.Contains(text, "released until noon") {
			t.Errorf("the ticket says %q", text)
		}
	})
}

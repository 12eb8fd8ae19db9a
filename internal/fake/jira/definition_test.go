package jira_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fake/jira"
)

// wired is the definition that comes with the product, pointed at the simulator.
type wired struct {
	*cloud
	engine *connector.Engine
	of     *connector.Definition
}

func wire(t *testing.T, settings ...string) wired {
	t.Helper()
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	engine := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: clock.System()})
	t.Cleanup(engine.Close)
	all := connector.BuiltIn()
	at := slices.IndexFunc(all, func(d *connector.Definition) bool { return d.ID == "jira-service-management-cloud" })
	return wired{open(t, settings...), engine, all[at]}
}

// as is a call with a token of somebody.
func (w wired) as(login string) connector.Call {
	access, _ := w.Grant(login, w.app.ID, "read:servicedesk-request write:servicedesk-request read:jira-user read:jira-work write:jira-work offline_access")
	return connector.Call{
		Definition: w.of, NativeUser: w.Account(login), Credential: connector.Credential{AccessToken: access},
		Settings: map[string]any{"base_url": w.url, "login_url": w.url, "site_url": w.url + "/kaede", "service_desk": "1", "request_type": "12", "asset_field": "customfield_10050"},
	}
}

func (w wired) kind(err error, want connector.Kind) {
	w.t.Helper()
	var p *connector.Problem
	if !errors.As(err, &p) || p.Kind != want {
		w.t.Errorf("%v, want %q", err, want)
	}
}

func TestTheDefinitionTellsTheStory(t *testing.T) {
	w := wire(t, "hidden-mail")
	ctx := t.Context()
	if me, err := w.engine.Whoami(ctx, w.as("botan")); err != nil || me.NativeID != w.Account("botan") || me.Email != "" {
		t.Errorf("C5 %+v %v", me, err)
	}
	q := w.change()
	list, err := w.engine.Approvals(ctx, w.as("botan"))
	if err != nil || len(list) != 1 || list[0].ID != q.Key+":"+q.Approvals[0].ID || list[0].Requester.NativeID != w.Account("aoi") {
		t.Fatalf("%+v %v", list, err)
	}
	if done, err := w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: list[0].ID, Decision: connector.Approve, Comment: "Fine", Marker: "sekisho-1"}); err != nil || done.State != connector.Approved {
		t.Errorf("TRAP-C6 %+v %v", done, err)
	}
	if said := w.Comments(q.Key); len(said) != 1 || said[0].By != "botan" || said[0].Public || said[0].Text != "Fine" || effectOf(said[0]) != "sekisho-1" {
		t.Errorf("%+v", said)
	}
	second, err := w.engine.Approvals(ctx, w.as("daichi"))
	if err != nil || len(second) != 1 || second[0].ID == list[0].ID || second[0].Stage != "Operations approval" {
		t.Fatalf("TRAP-C6 the finished one: %+v %v", second, err)
	}
	_, err = w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: second[0].ID, Decision: connector.Approve})
	w.kind(err, connector.Forbidden)
	if done, err := w.engine.Decide(ctx, w.as("daichi"), connector.Verdict{ID: second[0].ID, Decision: connector.Reject}); err != nil || done.State != connector.Rejected {
		t.Errorf("%+v %v", done, err)
	}
	if ticket, err := w.engine.Ticket(ctx, w.as("aoi"), q.Key); err != nil || ticket.State != "closed" || ticket.NativeState != "Declined" {
		t.Errorf("%+v %v", ticket, err)
	}
	other := w.raise()
	if ticket, err := w.engine.Ticket(ctx, w.as("aoi"), other.Key); err != nil || ticket.State != "waiting" || !slices.Equal(ticket.Assets, []string{"db01"}) {
		t.Errorf("%+v %v", ticket, err)
	}
	if err := w.engine.Comment(ctx, w.as("aoi"), other.Key, "Released", "sekisho-2", true); err != nil {
		t.Fatal(err)
	}
	if said, err := w.engine.Comments(ctx, w.as("aoi"), other.Key, "sekisho-2"); err != nil || !connector.Marked(said, "sekisho-2") {
		t.Errorf("%+v %v", said, err)
	}
	w.decide("botan", other.Key, other.Approvals[0].ID, "approve")
	if ticket, err := w.engine.Transition(ctx, w.as("daichi"), other.Key, "Resolved", "Done", "", ""); err != nil || ticket.NativeState != "Resolved" {
		t.Errorf("%+v %v", ticket, err)
	}
}

func TestTheDefinitionWithstandsTheSwitches(t *testing.T) {
	w := wire(t)
	ctx := t.Context()
	q := w.raise()
	id := q.Key + ":" + q.Approvals[0].ID
	approve := func() error {
		_, err := w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: id, Decision: connector.Approve})
		return err
	}
	for _, one := range []struct {
		on, off string
		want    connector.Kind
	}{
		{"lie", "lie=0", connector.NotApplied},
		{"outage", "outage=false", connector.Unavailable},
		{"broken", "broken=0", connector.Unavailable},
		{"throttle", "throttle=0", connector.Throttled},
		{"scopes=read:jira-user", "scopes=", connector.Forbidden},
	} {
		w.turn(one.on)
		w.kind(approve(), one.want)
		w.turn(one.off)
		w.wants(q.Key, "Waiting for approval", "pending botan:pending")
	}
	t.Run("pages smaller than asked for", func(*testing.T) {
		w.turn("page-size=2")
		for range 4 {
			w.raise()
		}
		if list, err := w.engine.Approvals(ctx, w.as("botan")); err != nil || len(list) != 5 {
			w.t.Errorf("%d %v", len(list), err)
		}
		w.turn("page-size=0")
	})
	t.Run("TRAP-C12 decided elsewhere", func(*testing.T) {
		if err := w.Decide(q.Key, "botan", "declined"); err != nil {
			w.t.Fatal(err)
		}
		w.kind(approve(), connector.Conflict)
	})
	t.Run("orders", func(*testing.T) {
		order, err := w.engine.Order(ctx, w.as("aoi"), connector.Wish{Item: "10", Values: map[string]string{"summary": "Root on db02", "customfield_10050": "100502"}})
		if err != nil || w.now(order.Number).Summary != "Root on db02" {
			w.t.Errorf("%+v %v", order, err)
		}
		item, err := w.engine.Item(ctx, w.as("aoi"), "10")
		if err != nil || len(item.Fields) != 4 || len(item.Fields[1].Options) != 3 {
			w.t.Errorf("%+v %v", item, err)
		}
	})
}

// effectOf is the mark of a comment that nobody sees.
func effectOf(c jira.Comment) string {
	mark, _ := c.Properties["sekisho"].(map[string]any)
	effect, _ := mark["effect"].(string)
	return effect
}

// TestACommentIsFoundByItsProperty: whoever works at the desks leaves a mark that
// nobody sees, and it is found among hundreds of comments by one call; customers,
// and who consented before, leave it in the text, which is found as before.
func TestACommentIsFoundByItsProperty(t *testing.T) {
	w := wire(t)
	ctx := t.Context()
	key := w.raise().Key
	old := w.as("botan")
	old.Credential.AccessToken, _ = w.Grant("botan", w.app.ID, "read:servicedesk-request write:servicedesk-request read:jira-user offline_access")
	for marker, who := range map[string]connector.Call{"e-before": old, "e-customer": w.as("aoi")} {
		if err := w.engine.Comment(ctx, who, key, "Said", marker, true); err != nil {
			t.Fatal(err)
		}
		if said := w.Comments(key); !strings.HasSuffix(said[len(said)-1].Text, "["+marker+"]") {
			t.Errorf("%s: %+v", marker, said)
		}
	}
	for i := range 240 {
		if err := w.Say(key, "daichi", fmt.Sprint("Word ", i), true); err != nil {
			t.Fatal(err)
		}
	}
	const hostile = "Released *bold* [link|http://x.example]\n\n<b>=1+1</b>"
	if err := w.engine.Comment(ctx, w.as("botan"), key, hostile, "e-now", false); err != nil {
		t.Fatal(err)
	}
	said := w.Comments(key)
	if last := said[len(said)-1]; effectOf(last) != "e-now" || last.Public || strings.Contains(last.Text, "e-now") || !strings.Contains(last.Text, "*bold* [link|http://x.example]") {
		t.Errorf("%+v", last)
	}
	for marker, want := range map[string]bool{"e-now": true, "e-before": true, "e-customer": true, "e-never": false} {
		w.Stage().Forget()
		all, err := w.engine.Comments(ctx, w.as("botan"), key, marker)
		if err != nil || connector.Marked(all, marker) != want {
			t.Errorf("%s: %v, %v", marker, connector.Marked(all, marker), err)
		}
		if calls := len(w.Stage().Calls()); marker == "e-now" && calls != 2 {
			t.Errorf("the newest is found by %d calls", calls)
		}
	}
	for name, who := range map[string]connector.Call{"who consented before": old, "a customer": w.as("aoi")} {
		if all, err := w.engine.Comments(ctx, who, key, "e-customer"); err != nil || !connector.Marked(all, "e-customer") {
			t.Errorf("%s: %d comments, %v", name, len(all), err)
		}
	}
	t.Run("a decision that is sent again", func(t *testing.T) {
		for _, who := range []connector.Call{w.as("botan"), old} {
			q := w.raise()
			verdict := connector.Verdict{ID: q.Key + ":" + q.Approvals[0].ID, Decision: connector.Reject, Comment: "No", Marker: "e-again"}
			w.turn("cut=1") // the comment is there, and nobody heard of it
			if _, err := w.engine.Decide(ctx, who, verdict); connector.KindOf(err) != connector.Unavailable {
				t.Fatal(err)
			}
			if done, err := w.engine.Decide(ctx, who, verdict); err != nil || done.State != connector.Rejected {
				t.Errorf("%+v, %v", done, err)
			}
			if said := w.Comments(q.Key); len(said) != 1 {
				t.Errorf("the reason stands there %d times: %+v", len(said), said)
			}
		}
	})
	t.Run("more than may be read", func(t *testing.T) {
		w.turn("page-size=5") // as few as the system likes: what may be read is pages, too
		defer w.turn("page-size=0")
		all, err := w.engine.Comments(ctx, w.as("botan"), key, "e-never")
		if !errors.Is(err, connector.ErrCut) || len(all) == 0 || connector.Marked(all, "e-never") {
			t.Errorf("%d comments, %v", len(all), err)
		}
		if all, err := w.engine.Comments(ctx, w.as("botan"), key, "e-now"); err != nil || !connector.Marked(all, "e-now") {
			t.Errorf("%d comments, %v", len(all), err)
		}
	})
}

package servicenow_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/egress"
)

// wired is the definition that comes with the product, pointed at the simulator.
type wired struct {
	*desk
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
	at := slices.IndexFunc(all, func(d *connector.Definition) bool { return d.ID == "servicenow" })
	return wired{open(t, settings...), engine, all[at]}
}

// as is a call with a token of somebody.
func (w wired) as(login string) connector.Call {
	access, _ := w.Grant(login, w.client.ID)
	return connector.Call{
		Definition: w.of, Settings: map[string]any{"base_url": w.url, "currency": "USD"}, NativeUser: w.SysID(login), Credential: connector.Credential{AccessToken: access},
	}
}

func kind(err error) connector.Kind {
	var p *connector.Problem
	if errors.As(err, &p) {
		return p.Kind
	}
	return ""
}

func (w wired) kind(err error, want connector.Kind) {
	w.t.Helper()
	if kind(err) != want {
		w.t.Errorf("%v, want %q", err, want)
	}
}

// The story over there: ask, card, decide, told.
func TestTheDefinitionTellsTheStory(t *testing.T) {
	w := wire(t)
	ctx := t.Context()
	me, err := w.engine.Whoami(ctx, w.as("botan"))
	if diff := cmp.Diff(connector.Party{NativeID: w.SysID("botan"), Name: "馬場 牡丹 (Botan Baba)", Email: "botan@kaede.example"}, me); diff != "" || err != nil {
		t.Error(err, diff)
	}
	order, err := w.engine.Order(ctx, w.as("aoi"), connector.Wish{Item: w.SysID("Macbook Pro"), Quantity: 2})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := w.engine.Approvals(ctx, w.as("daichi")); len(list) != 0 || err != nil {
		t.Errorf("of others: %v %v", list, err)
	}
	list, err := w.engine.Approvals(ctx, w.as("botan"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	card := list[0]
	aoi := connector.Party{NativeID: w.SysID("aoi"), Name: "相沢 葵 (Aoi Aizawa)"}
	if card.TicketID != order.Number || card.Requester != aoi || card.State != connector.Pending || card.Amount != (connector.Amount{Value: "3998.00", Currency: "USD"}) ||
		len(card.Lines) != 1 || card.Lines[0] != "Macbook Pro - 2 @ $1,999.00" || !card.DueAt.Equal(w.clock.Now().Add(72*time.Hour)) {
		t.Errorf("%+v", card)
	}
	_, err = w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: card.ID, Decision: connector.Reject})
	w.kind(err, connector.Invalid)
	_, err = w.engine.Decide(ctx, w.as("haruka"), connector.Verdict{ID: card.ID, Decision: connector.Approve})
	w.kind(err, connector.Forbidden)
	done, err := w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: card.ID, Decision: connector.Approve, ETag: card.ETag})
	if err != nil || done.State != connector.Approved || done.DecidedBy.NativeID != w.SysID("botan") {
		t.Errorf("%+v %v", done, err)
	}
	ticket, err := w.engine.Ticket(ctx, w.as("aoi"), order.Number)
	if err != nil || ticket.State != "approved" || ticket.Requester.NativeID != aoi.NativeID {
		t.Errorf("%+v %v", ticket, err)
	}
	_, err = w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: card.ID, Decision: connector.Reject, Comment: "late"})
	w.kind(err, connector.Conflict)
	if list, err := w.engine.Approvals(ctx, w.as("botan")); len(list) != 0 || err != nil {
		t.Errorf("%v %v", list, err)
	}
	if err := w.engine.Comment(ctx, w.as("aoi"), order.Number, "Released until noon", "sekisho-7", true); err != nil {
		t.Fatal(err)
	}
	said, err := w.engine.Comments(ctx, w.as("aoi"), order.Number, "sekisho-7")
	if err != nil || !connector.Marked(said, "sekisho-7") || connector.Marked(said, "sekisho-8") {
		t.Errorf("%v %v", said, err)
	}
}

func TestTheDefinitionWithstandsTheSwitches(t *testing.T) {
	w := wire(t)
	ctx := t.Context()
	row := w.ask().Approvals[0].ID
	approve := func() error {
		_, err := w.engine.Decide(ctx, w.as("botan"), connector.Verdict{ID: row, Decision: connector.Approve})
		return err
	}
	for _, one := range []struct {
		on, off string
		want    connector.Kind
	}{
		{"acl-drop", "acl-drop=false", connector.NotApplied},
		{"lie", "lie=0", connector.NotApplied},
		{"garbage", "garbage=0", connector.Invalid},
		{"outage", "outage=false", connector.Unavailable},
		{"broken", "broken=0", connector.Unavailable},
		{"throttle", "throttle=0", connector.Throttled},
	} {
		w.turn(one.on)
		if err := approve(); kind(err) == "" || one.want != connector.Invalid && kind(err) != one.want {
			t.Errorf("%s: %v, want %s", one.on, err, one.want)
		}
		w.turn(one.off)
		if now := w.System.Requests()[0]; now.Approvals[0].State != "requested" {
			t.Fatalf("%s: %+v", one.on, now.Approvals)
		}
	}
	if err := approve(); err != nil {
		t.Error(err)
	}
	t.Run("TRAP-C12 decided elsewhere", func(*testing.T) {
		row = w.ask().Approvals[0].ID
		w.turn("elsewhere=rejected")
		if err := approve(); kind(err) != connector.NotApplied && kind(err) != connector.Conflict {
			w.t.Errorf("%v", err)
		}
	})
	t.Run("C5 two accounts with one e-mail", func(*testing.T) {
		call := w.as("chika")
		if who, err := w.engine.ResolveUser(ctx, call, "Botan@kaede.example", "", ""); err != nil || who.NativeID != w.SysID("botan") {
			w.t.Errorf("%v %v", who, err)
		}
		w.turn("duplicate-mail")
		_, err := w.engine.ResolveUser(ctx, call, "Botan@kaede.example", "", "")
		w.kind(err, connector.AmbiguousUser)
	})
	t.Run("C7 two-step checkout", func(*testing.T) {
		w.turn("two-step")
		order, err := w.engine.Order(ctx, w.as("aoi"), connector.Wish{Item: w.SysID("VPN Access"), Values: map[string]string{"reason": "home office"}})
		if err != nil {
			w.t.Fatal(err)
		}
		if q, err := w.Request(order.Number); err != nil || q.Title != "VPN Access" {
			w.t.Errorf("%+v %v", q, err)
		}
	})
	t.Run("catalog", func(*testing.T) {
		items, err := w.engine.Catalog(ctx, w.as("aoi"), "laptop", "")
		if err != nil || len(items) != 1 || items[0].Title != "Developer Laptop" || items[0].Category != "Hardware" {
			w.t.Errorf("%+v %v", items, err)
		}
		item, err := w.engine.Item(ctx, w.as("aoi"), w.SysID("VPN Access"))
		if err != nil || len(item.Fields) != 1 || item.Fields[0].ID != "reason" {
			w.t.Errorf("%+v %v", item, err)
		}
	})
}

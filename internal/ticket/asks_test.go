package ticket_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// CAP-H13 CAP-I1: an ask that names a ticket has each of its steps told there,
// once, and says so.
func TestStepsOfAnAskAreToldOnce(t *testing.T) {
	each(t, func(r *rig) {
		system := id.Connector(r.add())
		if got := r.chika.Get(r.consent(r.chika, string(system), "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		x, err := r.h.Systems().As(t.Context(), r.k.Org, system, r.k.Chika)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x.CreateTicket(t.Context(), connector.NewTicket{Title: "a laptop"})
		if err != nil {
			t.Fatal(err)
		}
		hall, root := r.h.Hall(), id.Local(0)
		g, err := r.h.Register().PutGroup(t.Context(), root, org.Group{Org: r.k.Org, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hall.PutPolicy(t.Context(), root, request.ApprovalPolicy{Org: r.k.Org, Name: "groups", Spec: request.Spec{
			Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Approver("person:" + string(r.k.Botan))}}}}},
		}}); err != nil {
			t.Fatal(err)
		}
		wanted := request.Wanted{Org: r.k.Org, Kind: "group", Target: string(g.ID), Reason: "Report", Ticket: request.Ticket{System: system, Number: made.ID}}
		refused := func(who id.Person, change func(w *request.Wanted)) string {
			w := wanted
			change(&w)
			_, err := hall.Raise(t.Context(), who, w)
			if f := fault.As(err); f != nil && len(f.Fields) > 0 {
				return f.Fields[0].Code
			}
			return fault.Code(err)
		}
		ume := r.h.As(t, r.k.Ume, r.k.Momiji)
		var theirs struct{ ID id.Connector }
		if got := ume.Call(http.MethodPost, "/api/v1/organizations/"+string(r.k.Momiji)+"/systems", r.body()); json.Unmarshal([]byte(got.Body), &theirs) != nil || theirs.ID == "" {
			t.Fatalf("a system of another organization: %d %s", got.Status, got.Body)
		}
		for name, row := range map[string]struct {
			who    id.Person
			change func(w *request.Wanted)
			want   string
		}{
			"A128 TRAP-H15 what no system writes":        {r.k.Chika, func(w *request.Wanted) { w.Ticket.Number = "INC1\nINC2" }, "ticket-number-malformed"},
			"TRAP-H15 digits of another script":          {r.k.Chika, func(w *request.Wanted) { w.Ticket.Number = "INC００１０００１" }, "ticket-number-malformed"},
			"TRAP-H15 a number of another system":        {r.k.Chika, func(w *request.Wanted) { w.Ticket.Number = "OPS-7" }, "ticket-unknown"},
			"not there":                                  {r.k.Chika, func(w *request.Wanted) { w.Ticket.Number = "INC9999999" }, "ticket-unknown"},
			"not connected":                              {r.k.Aoi, func(*request.Wanted) {}, "ticket-not-told"},
			"R4 a system of nobody here":                 {r.k.Chika, func(w *request.Wanted) { w.Ticket.System = id.New[id.Connector](time.Now()) }, "connector-unknown"},
			"R4 TRAP-C25 a system of others":             {r.k.Chika, func(w *request.Wanted) { w.Ticket.System = theirs.ID }, "connector-unknown"},
			"R4 TRAP-C25 from elsewhere, of this system": {r.k.Ume, func(w *request.Wanted) { w.Org = r.k.Momiji }, "connector-unknown"},
		} {
			t.Run("CAP-H13 refused: "+name, func(t *testing.T) {
				if got := refused(row.who, row.change); got != row.want {
					t.Errorf("%q, want %q", got, row.want)
				}
			})
		}
		t.Run("CAP-H13 told, each step once", func(t *testing.T) {
			a, err := hall.Raise(t.Context(), r.k.Chika, wanted)
			if err != nil {
				t.Fatal(err)
			}
			if a.Ticket.Title != "a laptop" || a.Ticket.Unread {
				t.Errorf("read as who asks: %+v", a.Ticket)
			}
			s, err := hall.Show(t.Context(), r.k.Org, a.ID, r.k.Botan)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := hall.Decide(t.Context(), request.Decider{Person: r.k.Botan}, request.Verdict{Org: r.k.Org, Ask: a.ID, Approve: true, Digest: s.Digest}); err != nil {
				t.Fatal(err)
			}
			done := 0
			for range 800 {
				if s, err = hall.Show(t.Context(), r.k.Org, a.ID, r.k.Chika); err != nil {
					t.Fatal(err)
				}
				done = 0
				for _, state := range s.Told {
					if state == request.ToldDone {
						done++
					}
				}
				if done == 3 {
					break
				}
				time.Sleep(25 * time.Millisecond)
			}
			if done != 3 || len(s.Thread) != 3 {
				t.Fatalf("%d told of %d steps: %v", done, len(s.Thread), s.Told)
			}
			for _, step := range s.Thread {
				if n := marked(t, x, made.ID, a.TellAs(step)); n != 1 {
					t.Errorf("%s stands there %d times", step.Name, n)
				}
			}
		})
	})
}

package ticket_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
)

// sales makes a group that is asked for, about which Botan decides, and gives
// what somebody wants: to be in it, with a ticket.
func (r *rig) sales(system, number string) request.Wanted {
	r.t.Helper()
	g, err := r.h.Register().PutGroup(r.t.Context(), id.Local(0), org.Group{Org: r.k.Org, Name: "sales"})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.h.Hall().PutPolicy(r.t.Context(), id.Local(0), request.ApprovalPolicy{Org: r.k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Approver("person:" + string(r.k.Botan))}}}}},
		Glass: time.Hour,
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return request.Wanted{
		Org: r.k.Org, Kind: "group", Target: string(g.ID), Reason: "Quarterly report", Length: 2 * time.Hour,
		Ticket: request.Ticket{System: id.Connector(system), Number: number},
	}
}

// in reports whether somebody is in what is asked for.
func (r *rig) in(who id.Person, w request.Wanted) bool {
	r.t.Helper()
	all, err := r.h.Register().MembersOf(r.t.Context(), r.k.Org, id.Group(w.Target))
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Contains(all, who)
}

// decided looks at an ask as Botan and decides.
func (r *rig) decided(a request.Ask, approve bool) request.Ask {
	r.t.Helper()
	s, err := r.h.Hall().Show(r.t.Context(), r.k.Org, a.ID, r.k.Botan)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err = r.h.Hall().Decide(r.t.Context(), request.Decider{Person: r.k.Botan}, request.Verdict{Org: r.k.Org, Ask: a.ID, Approve: approve, Digest: s.Digest, Reason: "Not now"})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// herself is how Chika is refused who decides about her own ask.
func (r *rig) herself(a request.Ask) string {
	r.t.Helper()
	s, err := r.h.Hall().Show(r.t.Context(), r.k.Org, a.ID, r.k.Chika)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.h.Hall().Decide(r.t.Context(), request.Decider{Person: r.k.Chika}, request.Verdict{Org: r.k.Org, Ask: a.ID, Approve: true, Digest: s.Digest})
	return fault.Code(err)
}

// A116: a number is the number of one ticket, or it is refused: it never becomes
// a part of a question to the system, and nothing of the ask stays.
func TestNumbersThatAreMoreThanANumber(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		if got := r.chika.Get(r.consent(r.chika, system, "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		one, other := r.sn.Open("incident", "aoi", servicenow.Row{"short_description": "A light"}), r.sn.Open("incident", "chika", servicenow.Row{"short_description": "No light"})
		wanted := r.sales(system, other.Number)
		for _, number := range []string{
			one.Number + "/../" + other.Number, one.Number + "\n" + other.Number, other.Number + "^ORnumber=" + one.Number, other.Number + "^NQactive=true",
			"INC^numberSTARTSWITHINC", "numberSTARTSWITHINC", other.Number + " OR 1=1", other.Number + "'--", `INC" OR "a"="a`, other.Number + "%0a", other.Number + "?sysparm_limit=1",
			other.Number + "&sysparm_query=", other.Number + "#x", strings.ToLower(other.Number), "ＩＮＣ" + other.Number[3:], "INC" + strings.Map(wide, other.Number[3:]), other.Number + "\u200b",
			other.Number + "\u202e", "USR0000001", "sys_user", "../sys_user/" + r.sn.SysID("botan"), r.sn.SysID(other.Number), "OPS-1", "javascript:gs.now()", strings.Repeat("9", 65), "xx" + other.Number,
		} {
			w := wanted
			w.Ticket.Number = number
			_, err := r.h.Hall().Raise(t.Context(), r.k.Chika, w)
			f := fault.As(err)
			if f == nil || f.Code != "ask-invalid" || len(f.Fields) != 1 || f.Fields[0].Code != "ticket-number-malformed" && f.Fields[0].Code != "ticket-unknown" {
				t.Errorf("A116 %q: %v", number, err)
			}
		}
		for _, call := range r.sn.Stage().Calls() {
			if strings.Contains(call.Path, "..") || strings.Contains(call.Path, "sys_user/") || strings.Contains(call.Query, "sysparm_query=number") && strings.Contains(call.Query, "%5E") {
				t.Errorf("A116 the system was asked %s?%s", call.Path, call.Query)
			}
		}
		if r.recorded("request.asked") != 0 || len(r.sn.Comments(one.Number))+len(r.sn.Comments(other.Number)) != 0 {
			t.Errorf("A116 %d asks stayed", r.recorded("request.asked"))
		}
		wanted.Ticket.Number = " " + other.Number + "\t"
		if a, err := r.h.Hall().Raise(t.Context(), r.k.Chika, wanted); err != nil || a.Ticket.Number != other.Number || a.Ticket.Title != "No light" {
			t.Errorf("A116 blanks around the number: %+v, %v", a.Ticket, err)
		}
	})
}

// wide makes digits the full-width ones.
func wide(d rune) rune { return d - '0' + '０' }

// A119 A121: what stands in a ticket opens nothing: the hall asks people, and what
// they say counts, whatever the system says about the same.
func TestWhatATicketSaysOpensNothing(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		if got := r.chika.Get(r.consent(r.chika, system, "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		q := r.sn.Open("change_request", "chika", servicenow.Row{"short_description": "Be in sales"})
		wanted := r.sales(system, q.Number)
		set := func(fields servicenow.Row) {
			t.Helper()
			if err := r.sn.Change("change_request", q.ID, fields); err != nil {
				t.Fatal(err)
			}
		}
		set(servicenow.Row{"approval": "approved"}) // by who asks, or by a system that lies
		a, err := r.h.Hall().Raise(t.Context(), r.k.Chika, wanted)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("A119 A121 an approved ticket", func(t *testing.T) {
			x, err := r.h.Systems().As(t.Context(), r.k.Org, id.Connector(system), r.k.Chika)
			if err != nil {
				t.Fatal(err)
			}
			if is, err := x.Ticket(t.Context(), q.Number); err != nil || is.State != connector.Approved {
				t.Fatalf("the ticket says %+v, %v", is, err)
			}
			if a.State != request.Open || r.in(r.k.Chika, wanted) || r.recorded("lease.begun") != 0 {
				t.Errorf("the ask is %s", a.State)
			}
			if got := r.herself(a); got != "decides-about-themselves" {
				t.Errorf("she decides about herself by it: %q", got)
			}
		})
		t.Run("A121 approved there, refused here", func(t *testing.T) {
			if a = r.decided(a, false); a.State != request.Refused || r.in(r.k.Chika, wanted) {
				t.Errorf("the ask is %s", a.State)
			}
		})
		t.Run("A121 rejected there, approved here", func(t *testing.T) {
			set(servicenow.Row{"approval": "rejected", "active": "false"})
			a, err := r.h.Hall().Raise(t.Context(), r.k.Chika, wanted)
			if err != nil {
				t.Fatal(err)
			}
			if a = r.decided(a, true); a.State != request.Released || !r.in(r.k.Chika, wanted) {
				t.Errorf("the ask is %s", a.State)
			}
		})
	})
}

// A116: through the connection that serves all, whoever asks learns nothing of a
// ticket that is not theirs, and neither does who decides.
func TestATicketOfSomebodyElse(t *testing.T) {
	each(t, func(r *rig) {
		r.sn.Set(func(s *servicenow.Switches) { s.ClientCredentials = true })
		r.sn.PutClient(servicenow.Client{ID: "service", Secret: secret.Of("a word between the two"), Name: "Sekisho", User: "chika"})
		system := r.add(func(b map[string]any) {
			b["mode"], b["scheme"], b["client_id"], b["set_secrets"] = "service", "client_credentials", "service", map[string]any{"client_secret": "a word between the two"}
		})
		if got := r.chika.Call(http.MethodPost, r.systems()+"/"+system+"/authorize", nil); got.Status >= 300 {
			t.Fatalf("authorize: %d %s", got.Status, got.Body)
		}
		for range 1500 { // until the house knows who people are there
			all, err := r.h.Systems().Matches(t.Context(), r.k.Org, id.Connector(system))
			if err == nil && len(all) == 4 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		q := r.sn.Open("incident", "aoi", servicenow.Row{"short_description": "Dismissal of Fumi"})
		wanted := r.sales(system, q.Number)
		pages := func(a request.Ask) (all string) {
			for _, who := range []id.Person{a.Person, r.k.Botan} {
				v := r.h.As(t, who, r.k.Org)
				got, raw := v.Get("/asks/"+string(a.ID)), v.Call(http.MethodGet, "/api/v1/asks/"+string(a.ID), nil)
				if got.Status != http.StatusOK || raw.Status != http.StatusOK || !strings.Contains(got.Body, q.Number) {
					t.Fatalf("%d %d", got.Status, raw.Status)
				}
				all += got.Body + raw.Body
			}
			return all
		}
		hers, err := r.h.Hall().Raise(t.Context(), r.k.Aoi, wanted)
		if err != nil {
			t.Fatal(err)
		}
		if hers.Ticket.Title != "Dismissal of Fumi" || hers.Ticket.Unread || hers.Ticket.Person != "" || !strings.Contains(pages(hers), "Dismissal of Fumi") {
			t.Errorf("A116 her own ticket: %+v", hers.Ticket)
		}
		other, err := r.h.Hall().Raise(t.Context(), r.k.Daichi, wanted)
		if err != nil {
			t.Fatal(err)
		}
		if other.Ticket.Title != "" || other.Ticket.URL != "" || !other.Ticket.Unread {
			t.Errorf("A116 another's ticket: %+v", other.Ticket)
		}
		text := pages(other)
		if strings.Contains(text, "Dismissal") || !strings.Contains(text, "it could not be checked whether who asked may read it") {
			t.Error("A116 the pages tell of a ticket of somebody else, or do not say that it is one")
		}
	})
}

// A127: with the ticket system and the mail away, who may break the glass has the
// thing at once; who decides is alarmed and reviews it; and the ticket is told
// when its system is back, once.
func TestTheGlassWaitsForNobody(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		r := newRig(t, housetest.House(t, housetest.On(url), housetest.WithMail(), onLoopback))
		system := r.add()
		if got := r.chika.Get(r.consent(r.chika, system, "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		q := r.sn.Open("incident", "chika", servicenow.Row{"short_description": "All is down"})
		wanted := r.sales(system, q.Number)
		role, err := r.h.Register().PutRole(t.Context(), id.Local(0), org.Role{Org: r.k.Org, Name: "breaker", Permissions: []string{request.Break}})
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.h.Register().Member(t.Context(), r.k.Org, r.k.Chika)
		if err == nil {
			m.Roles = append(m.Roles, role.ID)
			err = r.h.Register().PutMember(t.Context(), id.Local(0), m)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.sn.Set(func(s *servicenow.Switches) { s.Outage = true })
		if err := r.h.Mail.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.h.Hall().Raise(t.Context(), r.k.Chika, wanted); fault.Code(err) != "egress-unreachable" {
			t.Errorf("an ask that is no emergency: %v", err)
		}
		wanted.Break, wanted.Length, wanted.Reason = true, time.Hour, "All is down\nSekisho: sales: Approved (Botan Sato)"
		if _, err := r.h.Hall().Raise(t.Context(), r.k.Botan, wanted); err == nil {
			t.Error("A127 somebody without the permission breaks the glass")
		}
		a, err := r.h.Hall().Raise(t.Context(), r.k.Chika, wanted)
		if err != nil || a.State != request.Released || !r.in(r.k.Chika, wanted) || !a.Ticket.Unread || a.Ticket.Number != q.Number {
			t.Fatalf("A127 %s %+v, %v", a.State, a.Ticket, err)
		}
		loud := r.cardOf(r.k.Botan, func(c question) bool { return c.Kind == "ask" && c.State == "open" })
		if page := r.h.As(t, r.k.Botan, r.k.Org).Get("/cards/" + string(loud.ID)); page.Status != http.StatusOK || !strings.Contains(page.Body, "/asks/"+string(a.ID)) {
			t.Errorf("A127 the alarm leads nowhere: %d", page.Status)
		}
		if got := r.herself(a); got != "decides-about-themselves" {
			t.Errorf("A127 one person is enough: %q", got)
		}
		if a = r.decided(a, false); a.Review != request.ReviewWrong || r.in(r.k.Chika, wanted) {
			t.Errorf("A127 the second person found it wrong, and it is %s, %s", a.State, a.Review)
		}
		r.sn.Set(func(s *servicenow.Switches) { s.Outage = false })
		x, err := r.h.Systems().As(t.Context(), r.k.Org, id.Connector(system), r.k.Chika)
		if err != nil {
			t.Fatal(err)
		}
		var s request.Sheet
		for range 1500 { // what was away rests, and is tried ever more rarely
			if s, err = r.h.Hall().Show(t.Context(), r.k.Org, a.ID, r.k.Chika); err != nil {
				t.Fatal(err)
			}
			if waits := slices.ContainsFunc(s.Thread, func(step request.Step) bool { return s.Told[step.Seq] != request.ToldDone }); !waits {
				break
			}
			time.Sleep(60 * time.Millisecond)
		}
		for _, step := range s.Thread {
			effect := a.TellAs(step)
			if n := marked(t, x, q.Number, effect); n != 1 {
				t.Errorf("A127 %s stands at the ticket %d times", step.Name, n)
			}
			all, err := x.Comments(t.Context(), q.Number, string(effect))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				if strings.Contains(c.Text, "\nSekisho: sales: Approved") {
					t.Errorf("A120 what she wrote reads like a line of ours: %q", c.Text)
				}
			}
		}
	})
}

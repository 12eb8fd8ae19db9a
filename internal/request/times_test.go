package request_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// Times, bounds, and what becomes of an ask: CAP-H1, H8 to H15, H17.
func TestTimes(t *testing.T) {
	each(t, func(r *rig) {
		fumi := r.person("fumi")
		refused := func(t *testing.T, want string, change func(w *request.Wanted)) {
			t.Helper()
			w := r.wants()
			change(&w)
			_, err := r.hall.Raise(ctx, r.Aoi, w)
			got := fault.Code(err)
			if f := fault.As(err); f != nil && len(f.Fields) > 0 {
				got = f.Fields[0].Path + " " + f.Fields[0].Code
			}
			r.want("refused", got, want)
		}
		r.scene("CAP-H1 a role for a time", func(p *request.ApprovalPolicy) {
			p.Kinds, p.Targets = []string{"role"}, []string{"role:" + string(org.Auditor)}
		}, func(t *testing.T) {
			a := r.ask(r.Aoi, func(w *request.Wanted) { w.Kind, w.Target = "role", string(org.Auditor) })
			a, code := r.decide(a, r.Botan, true)
			r.want("released", code+string(a.State), "released")
			g, err := r.home.Register().Grants(ctx, r.Aoi)
			r.want("holds", g.Holds(r.Org, org.PeopleRead), err == nil)
			r.clock.Advance(2*time.Hour + time.Second)
			r.until("taken back", func() bool {
				r.home.Register().Forget()
				g, _ := r.home.Register().Grants(ctx, r.Aoi)
				return !g.Holds(r.Org, org.PeopleRead)
			})
			r.until("over", func() bool { return r.now(a) == request.Over })
		})
		r.scene("A123 refused: who cannot give a role opens it to nobody", nil, func(t *testing.T) {
			keeper, err := r.home.Register().PutRole(ctx, root, org.Role{Org: r.Org, Name: "policy-keeper", Permissions: []string{request.Policy}})
			if err != nil {
				t.Fatal(err)
			}
			mei := r.person("mei", keeper.ID)
			p := request.ApprovalPolicy{Org: r.Org, Name: "sly", Spec: request.Spec{Kinds: []string{"role"}, Rules: []request.Rule{{Name: "yes", When: "true"}}}}
			if _, err := r.hall.PutPolicy(ctx, id.OfPerson(mei), p); fault.Code(err) != "stronger-than-you" {
				t.Errorf("said %v", err)
			}
			p.Kinds = nil
			if _, err := r.hall.PutPolicy(ctx, id.OfPerson(mei), p); fault.Code(err) != "stronger-than-you" {
				t.Errorf("of every kind: %v", err)
			}
			if _, err := r.hall.PutPolicy(ctx, id.OfPerson(r.Aoi), p); fault.Code(err) != "not-permitted" {
				t.Errorf("without the permission: %v", err)
			}
		})
		r.scene("CAP-H9 the clock starts at the decision", nil, func(*testing.T) {
			a := r.ask(r.Aoi, nil)
			r.clock.Advance(time.Hour)
			a, _ = r.decide(a, r.Botan, true)
			r.want("until", a.Until, r.clock.Now().Add(2*time.Hour))
		})
		r.scene("CAP-H10 a start far ahead of a short length", func(p *request.ApprovalPolicy) { p.Ahead, p.Most = 20*24*time.Hour, 2*time.Hour }, func(t *testing.T) {
			refused(t, "from ask-too-far-ahead", func(w *request.Wanted) { w.From = r.clock.Now().Add(21 * 24 * time.Hour) })
			refused(t, "length ask-too-long", func(w *request.Wanted) { w.Length = 3 * time.Hour })
			refused(t, "length ask-needs-an-end", func(w *request.Wanted) { w.Endless = true })
			start := r.clock.Now().Add(10 * 24 * time.Hour)
			a := r.ask(r.Aoi, func(w *request.Wanted) { w.From = start })
			a, _ = r.decide(a, r.Botan, true)
			r.want("approved", a.State, request.Approved)
			r.want("in before its start", r.in(r.Aoi, r.sales), false)
			r.clock.Advance(10*24*time.Hour + time.Second)
			r.until("in", func() bool { return r.in(r.Aoi, r.sales) })
			s := r.show(a, r.Aoi)
			if got := s.Ask.Until.Sub(start); got < 2*time.Hour || got > 2*time.Hour+time.Minute {
				t.Errorf("out for %v", got)
			}
		})
		r.scene("CAP-H8 reminder, escalation, expiry", func(p *request.ApprovalPolicy) {
			p.Reminders, p.Expires = []time.Duration{time.Hour}, 8*time.Hour
			p.Escalate = request.Escalation{After: 4 * time.Hour, To: []request.Approver{person(r.Chika)}}
		}, func(*testing.T) {
			a, b := r.ask(r.Aoi, nil), r.ask(r.Daichi, nil)
			r.clock.Advance(time.Hour + time.Second)
			r.until("reminded", func() bool { return len(r.steps(a)) == 2 && len(r.steps(b)) == 2 })
			_, code := r.decide(a, r.Chika, true)
			r.want("before the escalation", code, "not-asked-to-decide")
			r.clock.Advance(3 * time.Hour)
			r.until("escalated", func() bool { return len(r.steps(a)) == 3 && len(r.steps(b)) == 3 })
			a, _ = r.decide(a, r.Chika, true)
			r.want("after it", a.State, request.Released)
			r.clock.Advance(4 * time.Hour)
			r.until("expired", func() bool { return r.now(b) == request.Expired })
			r.want("steps", r.steps(b), []string{"asked", "reminded", "escalated", "expired"})
			_, code = r.decide(b, r.Botan, true)
			r.want("too late", code, "ask-decided")
		})
		r.scene("CAP-H11 shortened by who decides, seen by who asked", nil, func(t *testing.T) {
			a := r.ask(r.Aoi, nil)
			digest := r.show(a, r.Botan).Digest
			try := func(d time.Duration) string {
				_, err := r.hall.Decide(ctx, request.Decider{Person: r.Botan}, request.Verdict{Org: r.Org, Ask: a.ID, Approve: true, Digest: digest, Shorter: d})
				return fault.Code(err)
			}
			r.want("longer", try(3*time.Hour), "decision-not-shorter")
			r.want("shorter", try(30*time.Minute), "")
			s := r.show(a, r.Aoi)
			r.want("out for", s.Ask.Until, r.clock.Now().Add(30*time.Minute))
			r.want("asked for", s.Ask.Asked, 7200)
			r.want("steps", r.steps(a), []string{"asked", "narrowed", "approved", "released"})
		})
		r.scene("CAP-H12 extended by a new decision", nil, func(*testing.T) {
			a, _ := r.decide(r.ask(r.Aoi, nil), r.Botan, true)
			r.clock.Advance(time.Hour)
			b := r.ask(r.Aoi, func(w *request.Wanted) { w.Extends = a.Lease })
			r.want("not by itself", r.show(a, r.Aoi).Lease.Until, a.Until)
			b, _ = r.decide(b, r.Botan, true)
			r.want("until", b.Until, a.Until.Add(2*time.Hour))
			r.want("the first ask says so", r.show(a, r.Aoi).Ask.Until, b.Until)
			r.clock.Advance(time.Hour + 2*time.Second)
			r.want("in after the first end", r.in(r.Aoi, r.sales), true)
			r.clock.Advance(2 * time.Hour)
			r.until("taken back", func() bool { return !r.in(r.Aoi, r.sales) })
		})
		r.scene("CAP-H12 refused: what is over, or somebody else's", nil, func(t *testing.T) {
			a, _ := r.decide(r.ask(r.Aoi, nil), r.Botan, true)
			if _, err := r.hall.Raise(ctx, r.Daichi, request.Wanted{Org: r.Org, Kind: "group", Target: string(r.sales), Reason: "x", Extends: a.Lease}); fault.Code(err) != "lease-unknown" {
				t.Errorf("somebody else's: %v", err)
			}
			if _, err := r.hall.GiveBack(ctx, r.Daichi, r.Org, a.Lease); fault.Code(err) != "lease-unknown" {
				t.Errorf("given back by somebody else: %v", err)
			}
			if _, err := r.hall.GiveBack(ctx, r.Aoi, r.Org, a.Lease); err != nil {
				t.Fatal(err)
			}
			r.want("given back early", []any{r.in(r.Aoi, r.sales), r.now(a)}, []any{false, request.Over})
			refused(t, "lease-over", func(w *request.Wanted) { w.Extends = a.Lease })
			if _, err := r.hall.GiveBack(ctx, r.Aoi, r.Org, a.Lease); fault.Code(err) != "lease-over" {
				t.Errorf("twice: %v", err)
			}
		})
		r.scene("CAP-H13 questions back and forth are part of what is decided", nil, func(t *testing.T) {
			a := r.ask(r.Aoi, nil)
			stale := r.show(a, r.Botan).Digest
			if _, err := r.hall.Say(ctx, r.Daichi, r.Org, a.ID, "Why?"); fault.Code(err) != "ask-unknown" {
				t.Errorf("somebody who has no part in it: %v", err)
			}
			if _, err := r.hall.Say(ctx, r.Botan, r.Org, a.ID, "a\u202eb"); fault.Code(err) != "ask-invalid" {
				t.Errorf("A128: %v", err)
			}
			for who, text := range map[id.Person]string{r.Botan: "Which report?", r.Aoi: "The third quarter's"} {
				if _, err := r.hall.Say(ctx, who, r.Org, a.ID, text); err != nil {
					t.Fatal(err)
				}
			}
			_, code := r.press(a, r.Botan, true, stale)
			r.want("decided before the answer was read", code, "ask-changed")
			a, _ = r.decide(a, r.Botan, true)
			r.want("after", a.State, request.Released)
		})
		r.scene("CAP-H13 withdrawn", nil, func(t *testing.T) {
			a := r.ask(r.Aoi, nil)
			if _, err := r.hall.Withdraw(ctx, r.Botan, r.Org, a.ID); fault.Code(err) != "ask-unknown" {
				t.Errorf("by somebody else: %v", err)
			}
			if _, err := r.hall.Withdraw(ctx, r.Aoi, r.Org, a.ID); err != nil {
				t.Fatal(err)
			}
			_, code := r.decide(a, r.Botan, true)
			r.want("decided after", code, "ask-decided")
		})
		r.scene("CAP-H14 the glass is broken, and reviewed", func(p *request.ApprovalPolicy) { p.Glass = time.Hour }, func(t *testing.T) {
			glass := func(w *request.Wanted) { w.Break, w.Length = true, time.Hour }
			refused(t, "not-permitted", glass)
			rin := r.breaker()
			w := r.wants()
			w.Break, w.Length, w.Reason = true, time.Hour, ""
			if _, err := r.hall.Raise(ctx, rin, w); fault.Code(err) != "ask-invalid" {
				t.Errorf("H18 without a reason: %v", err)
			}
			a := r.ask(rin, glass)
			r.want("at once", []any{a.State, a.Review, r.in(rin, r.sales)}, []any{request.Released, request.ReviewDue, true})
			_, code := r.decide(a, rin, true)
			r.want("reviewed by oneself", code, "decides-about-themselves")
			waiting, err := r.hall.Waiting(ctx, r.Org, r.Botan)
			r.want("waits for review", len(waiting) > 0 && waiting[len(waiting)-1].ID == a.ID || len(waiting) > 0 && waiting[0].ID == a.ID, err == nil)
			a, code = r.decide(a, r.Botan, false)
			r.want("found wrong", code+string(a.Review), "wrong")
			r.want("taken back at once", r.in(rin, r.sales), false)
		})
		r.scene("CAP-H14 refused: the glass of what no policy lets be broken", nil, func(t *testing.T) {
			refused(t, "glass-not-offered", func(w *request.Wanted) { w.Break = true })
		})
		r.scene("CAP-H15 a rule decides, and is named", func(p *request.ApprovalPolicy) {
			p.Rules = []request.Rule{
				{Name: "short", When: "ask.hours <= 1.0"}, {Name: "no-nights", When: `ask.hours > 1.5 && beneficiary.login == "daichi"`, Refuse: true},
			}
		}, func(*testing.T) {
			a := r.ask(r.Aoi, func(w *request.Wanted) { w.Length = time.Hour })
			r.want("approved", []any{a.State, a.Rule, a.DecidedBy}, []any{request.Released, "short", id.System("hall")})
			b := r.ask(r.Daichi, nil)
			r.want("refused", []any{b.State, b.Rule}, []any{request.Refused, "no-nights"})
			c := r.ask(fumi, nil)
			r.want("neither", c.State, request.Open)
		})
		r.scene("CAP-H15 refused: a refusing rule that cannot be judged lets nothing through", func(p *request.ApprovalPolicy) {
			p.Rules = []request.Rule{{Name: "yes", When: "true"}, {Name: "no", When: "ask.nothing > 1", Refuse: true}}
		}, func(t *testing.T) {
			refused(t, "policy-fails", func(*request.Wanted) {})
		})
		r.scene("CAP-H17 one lease is revoked, the others stay", nil, func(t *testing.T) {
			a, _ := r.decide(r.ask(r.Aoi, nil), r.Botan, true)
			b, _ := r.decide(r.ask(r.Daichi, nil), r.Botan, true)
			if _, err := r.hall.Revoke(ctx, id.OfPerson(r.Botan), r.Org, a.Lease); fault.Code(err) != "not-permitted" {
				t.Errorf("without the permission: %v", err)
			}
			if _, err := r.hall.Revoke(ctx, id.OfPerson(r.Ume), r.Org, a.Lease); fault.Code(err) != "organization-unknown" {
				t.Errorf("R4 from another organization: %v", err)
			}
			l, err := r.hall.Revoke(ctx, id.OfPerson(r.Chika), r.Org, a.Lease)
			r.want("revoked", []any{l.State, l.Why, err}, []any{lease.Back, lease.Revoked, error(nil)})
			r.want("gone, and the other stays", []any{r.in(r.Aoi, r.sales), r.in(r.Daichi, r.sales), r.now(b)}, []any{false, true, request.Released})
		})
		r.scene("CAP-H1 refused: held already, asked already, without a reason, too long a reason", nil, func(t *testing.T) {
			refused(t, "reason field-required", func(w *request.Wanted) { w.Reason = "" })
			refused(t, "reason field-too-long", func(w *request.Wanted) { w.Reason = strings.Repeat("x", 1001) })
			refused(t, "target-unknown", func(w *request.Wanted) { w.Kind = "secret" })
			refused(t, "group-unknown", func(w *request.Wanted) { w.Target = "nothere" })
			a := r.ask(r.Aoi, nil)
			refused(t, "ask-open-already", func(*request.Wanted) {})
			r.decide(a, r.Botan, true)
			refused(t, "held-already", func(*request.Wanted) {})
			if _, err := r.hall.Raise(ctx, r.Ume, r.wants()); fault.Code(err) != "asks-nowhere" {
				t.Errorf("R4 somebody from another organization: %v", err)
			}
		})
		r.scene("a change of group or member leaves what is lent alone", nil, func(t *testing.T) {
			r.decide(r.ask(r.Aoi, nil), r.Botan, true)
			g, err := r.home.Register().Group(ctx, r.Org, r.sales)
			if err == nil {
				g.Members = nil
				_, err = r.home.Register().PutGroup(ctx, root, g)
			}
			r.want("in", []any{r.in(r.Aoi, r.sales), err}, []any{true, error(nil)})
		})
	})
}

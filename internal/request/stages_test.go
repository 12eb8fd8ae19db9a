package request_test

import (
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

func inGroup(g id.Group) request.Approver { return request.Approver("group:" + string(g)) }

// scene runs one scenario with a group of its own to ask for and the one policy
// that offers it.
func (r *rig) scene(name string, change func(p *request.ApprovalPolicy), f func(t *testing.T)) {
	r.t.Helper()
	outer := r.t
	r.n++
	outer.Run(name, func(t *testing.T) {
		r.t = t
		defer func() { r.t = outer }()
		r.sales = r.group("scene-" + string(rune('a'+r.n/26)) + string(rune('a'+r.n%26)))
		p := r.policy(func(p *request.ApprovalPolicy) {
			p.Name, p.Targets = "scene-"+string(rune('a'+r.n/26))+string(rune('a'+r.n%26)), []string{"group:" + string(r.sales)}
			if change != nil {
				change(p)
			}
		})
		r.last = p
		f(t)
	})
}

// Who decides: CAP-H3, H4, H5, H6 with everything that must not count.
func TestWhoDecides(t *testing.T) {
	each(t, func(r *rig) {
		eri, fumi, gen := r.person("eri"), r.person("fumi"), r.person("gen", org.Auditor)
		security, legal := r.group("security", eri, fumi), r.group("legal", fumi, gen)

		r.scene("CAP-H3 manager of who would get it", func(p *request.ApprovalPolicy) { p.Stages = stage(1, request.Manager) }, func(*testing.T) {
			a := r.ask(r.Daichi, func(w *request.Wanted) { w.For = r.Aoi })
			_, code := r.decide(a, r.Chika, true) // Daichi's manager, not Aoi's
			r.want("manager of who asked", code, "not-asked-to-decide")
			a, code = r.decide(a, r.Botan, true)
			r.want("manager of who gets it", code+string(a.State), "released")
			r.want("who gets it", r.in(r.Aoi, r.sales), true)
			r.want("who asked", r.in(r.Daichi, r.sales), false)
		})
		r.scene("CAP-H3 role and named fallback, never nobody", func(p *request.ApprovalPolicy) {
			p.Stages, p.Fallback = stage(1, request.Owner), []request.Approver{"role:administrator"}
		}, func(*testing.T) {
			a, code := r.decide(r.ask(r.Aoi, nil), r.Chika, true)
			r.want("fallback", code+string(a.State), "released")
		})
		r.scene("CAP-H3 refused: nobody would decide", func(p *request.ApprovalPolicy) { p.Stages = stage(1, request.Owner) }, func(t *testing.T) {
			if _, err := r.hall.Raise(ctx, r.Aoi, r.wants()); fault.Code(err) != "ask-nobody-decides" {
				t.Errorf("said %v", err)
			}
			p, err := r.hall.Preview(ctx, r.Aoi, r.wants())
			r.want("shown before sending", p.Nobody, err == nil)
		})
		r.scene("CAP-H3 condition picks the policy", func(p *request.ApprovalPolicy) { p.When = `"security" in requester.groups` }, func(t *testing.T) {
			if _, err := r.hall.Raise(ctx, r.Aoi, r.wants()); fault.Code(err) != "ask-not-offered" {
				t.Errorf("outside of the condition: %v", err)
			}
			r.ask(eri, nil)
		})
		r.scene("CAP-H3 refused: a condition that cannot be judged lets nothing past it", func(p *request.ApprovalPolicy) {
			p.Place, p.When = -1, `ask.nothing == 1`
		}, func(t *testing.T) {
			r.policy(func(p *request.ApprovalPolicy) { p.Name = r.last.Name + "-lax"; p.Targets = r.last.Targets })
			if _, err := r.hall.Raise(ctx, r.Aoi, r.wants()); fault.Code(err) != "policy-fails" {
				t.Errorf("said %v", err)
			}
		})
		r.scene("CAP-H4 two teams, both", func(p *request.ApprovalPolicy) {
			p.Stages = []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{inGroup(security)}}, {Approvers: []request.Approver{inGroup(legal)}}}}}
		}, func(*testing.T) {
			a, _ := r.decide(r.ask(r.Aoi, nil), fumi, true)
			r.want("A115 one person in both teams counts once", a.State, request.Open)
			_, code := r.decide(a, fumi, true)
			r.want("A115 the same person again", code, "ask-voted-already")
			a, _ = r.decide(a, gen, true)
			r.want("both", a.State, request.Released)
		})
		r.scene("CAP-H4 two teams, either", func(p *request.ApprovalPolicy) {
			p.Stages = []request.Stage{{Any: true, Groups: []request.Panel{{Approvers: []request.Approver{inGroup(security)}, Need: 2}, {Approvers: []request.Approver{inGroup(legal)}}}}}
		}, func(*testing.T) {
			a := r.ask(r.Aoi, nil)
			a, _ = r.decide(a, eri, true)
			r.want("one of two", a.State, request.Open)
			a, _ = r.decide(a, gen, true)
			r.want("the other team", a.State, request.Released)
		})
		r.scene("CAP-H4 stages in their order", func(p *request.ApprovalPolicy) {
			p.Stages = append(stage(1, request.Manager), stage(1, person(r.Chika))...)
		}, func(*testing.T) {
			a := r.ask(r.Aoi, nil)
			_, code := r.decide(a, r.Chika, true)
			r.want("the second stage first", code, "not-asked-to-decide")
			a, _ = r.decide(a, r.Botan, true)
			r.want("after the first", a.State, request.Open)
			r.want("in", r.in(r.Aoi, r.sales), false)
			a, _ = r.decide(a, r.Chika, true)
			r.want("after the second", a.State, request.Released)
		})
		r.scene("CAP-H4 refused in the second stage", func(p *request.ApprovalPolicy) {
			p.Stages = append(stage(1, request.Manager), stage(1, person(r.Chika))...)
		}, func(*testing.T) {
			a, _ := r.decide(r.ask(r.Aoi, nil), r.Botan, true)
			a, _ = r.decide(a, r.Chika, false)
			r.want("state", a.State, request.Refused)
			r.want("in", r.in(r.Aoi, r.sales), false)
		})
		r.scene("CAP-H5 two of three, two refusals", func(p *request.ApprovalPolicy) {
			p.Stages = stage(2, person(eri), person(fumi), person(gen))
			p.Stages[0].Refuse = 2
		}, func(*testing.T) {
			a := r.ask(r.Aoi, nil)
			a, _ = r.decide(a, eri, false)
			r.want("one refusal of two", a.State, request.Open)
			a, _ = r.decide(a, fumi, true)
			a, _ = r.decide(a, gen, true)
			r.want("two of three", a.State, request.Released)
			b := r.ask(r.Daichi, nil)
			b, _ = r.decide(b, eri, false)
			b, _ = r.decide(b, gen, false)
			r.want("two refusals", b.State, request.Refused)
		})
		r.scene("CAP-H5 refused: three are needed where two are left", func(p *request.ApprovalPolicy) {
			p.Stages = stage(3, person(eri), person(fumi), person(gen))
		}, func(t *testing.T) {
			if _, err := r.hall.Raise(ctx, gen, r.wants()); fault.Code(err) != "ask-nobody-decides" {
				t.Errorf("said %v", err)
			}
		})
		r.scene("CAP-H6 A109 nobody decides about themselves", func(p *request.ApprovalPolicy) {
			p.Stages = stage(1, inGroup(security), request.Manager)
		}, func(*testing.T) {
			a := r.ask(eri, nil)
			_, code := r.decide(a, eri, true)
			r.want("who asked, being an approver", code, "decides-about-themselves")
			b := r.ask(r.Botan, func(w *request.Wanted) { w.For = r.Aoi })
			_, code = r.decide(b, r.Botan, true)
			r.want("manager and requester", code, "decides-about-themselves")
			c := r.ask(r.Daichi, func(w *request.Wanted) { w.For = fumi })
			_, code = r.decide(c, fumi, true)
			r.want("who would get it", code, "decides-about-themselves")
			_, code = r.decide(c, "", true)
			r.want("nobody", code, "ask-unknown")
		})
		r.scene("TRAP-H8 a group of one", func(p *request.ApprovalPolicy) {
			p.Stages = stage(1, inGroup(r.group("solo", eri)))
		}, func(t *testing.T) {
			if _, err := r.hall.Raise(ctx, eri, r.wants()); fault.Code(err) != "ask-nobody-decides" {
				t.Errorf("who is the whole group asks: %v", err)
			}
			if _, err := r.hall.Raise(ctx, r.Aoi, request.Wanted{Org: r.Org, Kind: "group", Target: string(r.sales), Reason: "For eri", For: eri, Length: time.Hour}); fault.Code(err) != "ask-nobody-decides" {
				t.Errorf("who is the whole group would get it: %v", err)
			}
			a, code := r.decide(r.ask(r.Aoi, nil), eri, true)
			r.want("somebody else asks", code+string(a.State), "released")
		})
		r.scene("A109 membership gained after asking", func(p *request.ApprovalPolicy) { p.Stages = stage(1, inGroup(security)) }, func(t *testing.T) {
			a := r.ask(r.Aoi, nil)
			g, err := r.home.Register().Group(ctx, r.Org, security)
			if err == nil {
				g.Members = append(g.Members, r.Aoi)
				_, err = r.home.Register().PutGroup(ctx, root, g)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, code := r.decide(a, r.Aoi, true)
			r.want("the new member of the group", code, "decides-about-themselves")
		})
		r.scene("CAP-H13 who may decide is shown before and after", nil, func(t *testing.T) {
			p, err := r.hall.Preview(ctx, r.Aoi, r.wants())
			if err != nil || len(p.Stages) != 1 || p.Stages[0].Groups[0].Who[0].ID != r.Botan {
				t.Fatalf("%+v %v", p.Stages, err)
			}
			s := r.show(r.ask(r.Aoi, nil), r.Aoi)
			r.want("after", s.Stages[0].Groups[0].Who[0].Login, "botan")
			if _, err := r.hall.Show(ctx, r.Org, s.Ask.ID, r.Daichi); fault.Code(err) != "ask-unknown" {
				t.Errorf("R4 somebody who has no part in it: %v", err)
			}
			if _, err := r.hall.Show(ctx, r.Momiji, s.Ask.ID, r.Botan); fault.Code(err) != "ask-unknown" {
				t.Errorf("R4 from another organization: %v", err)
			}
		})
		r.scene("CAP-H7 a delegate decides, and both are named", nil, func(t *testing.T) {
			r.hand(r.Botan, gen, r.clock.Now().Add(-time.Hour), r.clock.Now().Add(time.Hour))
			a, code := r.decide(r.ask(r.Aoi, nil), gen, true)
			r.want("delegate", code+string(a.State), "released")
			step := r.show(a, r.Aoi).Thread[1]
			r.want("who and for whom", []any{step.By, step.As}, []any{id.OfPerson(gen), r.Botan})
			b := r.ask(r.Daichi, nil)
			b, _ = r.decide(b, r.Botan, true)
			r.want("whose place it is decides, too", b.State, request.Released)
		})
		r.scene("CAP-H7 refused: over, not begun, onward, back to who asked", nil, func(*testing.T) {
			now := r.clock.Now()
			r.hand(r.Botan, eri, now.Add(-3*time.Hour), now.Add(-time.Hour))
			r.hand(r.Botan, fumi, now.Add(time.Hour), now.Add(2*time.Hour))
			r.hand(r.Botan, r.Aoi, now.Add(-time.Hour), now.Add(time.Hour))
			r.hand(gen, r.Chika, now.Add(-time.Hour), now.Add(time.Hour)) // gen is Botan's delegate still
			a := r.ask(r.Aoi, nil)
			for who, want := range map[id.Person]string{eri: "not-asked-to-decide", fumi: "not-asked-to-decide", r.Chika: "not-asked-to-decide", r.Aoi: "decides-about-themselves"} {
				_, code := r.decide(a, who, true)
				if code == "ask-unknown" {
					code = "not-asked-to-decide" // it is not even there for them
				}
				r.want(string(who), code, want)
			}
		})
		r.scene("CAP-H7 A109 refused: the delegate of who asked", func(p *request.ApprovalPolicy) {
			p.Stages = stage(1, person(r.Botan), person(r.Chika))
		}, func(*testing.T) {
			a := r.ask(r.Botan, nil) // gen is Botan's delegate still
			_, code := r.decide(a, gen, true)
			r.want("their delegate", code, "not-asked-to-decide")
			a, _ = r.decide(a, r.Chika, true)
			r.want("somebody else", a.State, request.Released)
		})
	})
}

package request_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// A decision counts for exactly what was shown: R5, the rows of A112 that there
// are without tickets and a catalog.
func TestDecisionIsBound(t *testing.T) {
	each(t, func(r *rig) {
		eri := r.person("eri")
		team := r.group("team", eri)
		rename := func(t *testing.T) {
			g, err := r.home.Register().Group(ctx, r.Org, r.sales)
			if err == nil {
				g.Title = "Everything"
				_, err = r.home.Register().PutGroup(ctx, root, g)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		disable := func(t *testing.T, who id.Person, state org.State) {
			m, err := r.home.Register().Member(ctx, r.Org, who)
			if err == nil {
				m.State = state
				err = r.home.Register().PutMember(ctx, root, m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		amend := func(change func(m *request.Amended)) func(t *testing.T, a request.Ask) {
			return func(t *testing.T, a request.Ask) {
				var m request.Amended
				change(&m)
				if _, err := r.hall.Amend(ctx, a.Person, r.Org, a.ID, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		length, start, reason := time.Hour, r.clock.Now().Add(5*time.Hour), "Something else"
		// Between the look and the press.
		for name, row := range map[string]struct {
			change func(t *testing.T, a request.Ask)
			want   string
		}{
			"duration": {amend(func(m *request.Amended) { m.Length = &length }), "ask-changed"},
			"start":    {amend(func(m *request.Amended) { m.From = &start }), "ask-changed"},
			"reason":   {amend(func(m *request.Amended) { m.Reason = &reason }), "ask-changed"},
			"target":   {func(t *testing.T, _ request.Ask) { rename(t) }, "ask-changed"},
			"policy": {func(t *testing.T, _ request.Ask) {
				r.repolicy(func(p *request.ApprovalPolicy) { p.Most = 9 * time.Hour })
			}, "ask-changed"},
			"policy gone": {func(t *testing.T, _ request.Ask) { r.unpolicy() }, ""},
			"approver lost the right": {func(t *testing.T, _ request.Ask) {
				r.repolicy(func(p *request.ApprovalPolicy) { p.Stages = stage(1, person(r.Chika)) })
			}, "ask-unknown"},
			"requester disabled": {func(t *testing.T, a request.Ask) { disable(t, a.Person, org.Disabled) }, "holder-not-active"},
		} {
			r.scene("A112 R5 "+name, nil, func(t *testing.T) {
				a := r.ask(r.Aoi, nil)
				digest := r.show(a, r.Botan).Digest
				row.change(t, a)
				defer disable(t, r.Aoi, org.Active)
				after, code := r.press(a, r.Botan, true, digest)
				if name == "approver lost the right" {
					r.want("refused", code, "not-asked-to-decide")
				} else {
					r.want("refused", code, row.want)
				}
				if name == "policy gone" {
					r.want("state", after.State, request.Void)
				}
				r.want("in", r.in(r.Aoi, r.sales), false)
			})
		}
		// Between the first decision and the release.
		two := func(p *request.ApprovalPolicy) {
			p.Stages = append(stage(1, inGroup(team)), stage(1, person(r.Chika))...)
		}
		for name, change := range map[string]func(t *testing.T){
			"target": rename,
			"policy": func(*testing.T) { r.repolicy(func(p *request.ApprovalPolicy) { p.Most = 9 * time.Hour }) },
			"approver lost the right": func(t *testing.T) {
				g, err := r.home.Register().Group(ctx, r.Org, team)
				if err == nil {
					g.Members = []id.Person{r.Botan}
					_, err = r.home.Register().PutGroup(ctx, root, g)
				}
				if err != nil {
					t.Fatal(err)
				}
			},
		} {
			r.scene("A112 R5 between two stages: "+name, two, func(t *testing.T) {
				defer func() {
					g, err := r.home.Register().Group(ctx, r.Org, team)
					if err == nil {
						g.Members = []id.Person{eri}
						_, err = r.home.Register().PutGroup(ctx, root, g)
					}
					if err != nil {
						t.Fatal(err)
					}
				}()
				a, code := r.decide(r.ask(r.Aoi, nil), eri, true)
				r.want("first stage", code, "")
				change(t)
				a, code = r.decide(a, r.Chika, true)
				r.want("second stage", code, "ask-reasked")
				s := r.show(a, r.Aoi)
				r.want("asked anew", []any{s.Ask.State, s.Ask.Revision, s.Ask.Stage, len(s.Votes), r.in(r.Aoi, r.sales)}, []any{request.Open, 2, 0, 0, false})
			})
		}
		// Between the last decision and a start that lies ahead.
		for name, row := range map[string]struct {
			change func(t *testing.T)
			want   request.State
		}{
			"nothing": {func(*testing.T) {}, request.Released},
			"target":  {rename, request.Open},
			"approver was removed": {func(t *testing.T) {
				r.repolicy(func(p *request.ApprovalPolicy) { p.Stages = stage(1, person(r.Chika)) })
			}, request.Open},
			"requester disabled": {func(t *testing.T) { disable(t, r.Aoi, org.Disabled) }, request.Void},
		} {
			r.scene("A112 R5 before its start: "+name, nil, func(t *testing.T) {
				a := r.ask(r.Aoi, func(w *request.Wanted) { w.From = r.clock.Now().Add(time.Hour) })
				a, _ = r.decide(a, r.Botan, true)
				r.want("approved", a.State, request.Approved)
				row.change(t)
				defer disable(t, r.Aoi, org.Active)
				r.clock.Advance(time.Hour + time.Second)
				r.until(string(row.want), func() bool { return r.now(a) == row.want })
				r.want("in", r.in(r.Aoi, r.sales), row.want == request.Released)
			})
		}
	})
}

// repolicy changes the scene's policy.
func (r *rig) repolicy(change func(p *request.ApprovalPolicy)) {
	r.t.Helper()
	change(&r.last)
	p, err := r.hall.PutPolicy(ctx, root, r.last)
	if err != nil {
		r.t.Fatal(err)
	}
	r.last = p
}

func (r *rig) unpolicy() {
	r.t.Helper()
	if err := r.hall.EndPolicy(ctx, root, r.Org, r.last.ID); err != nil {
		r.t.Fatal(err)
	}
}

// Many at once: A110, A113, A114, H5.
func TestAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		const many = 64
		all := func(f func(i int) string) map[string]int {
			var mu sync.Mutex
			var wg sync.WaitGroup
			codes := map[string]int{}
			for i := range many {
				wg.Go(func() {
					code := f(i)
					mu.Lock()
					defer mu.Unlock()
					codes[code]++
				})
			}
			wg.Wait()
			return codes
		}
		verdict := func(a request.Ask, digest string, approve bool) request.Verdict {
			return request.Verdict{Org: r.Org, Ask: a.ID, Approve: approve, Digest: digest, Reason: "x"}
		}
		press := func(who id.Person, v request.Verdict) string {
			for {
				_, err := r.hall.Decide(ctx, request.Decider{Person: who}, v)
				if f := fault.As(err); err == nil || f != nil && f.Kind != fault.Busy {
					return fault.Code(err)
				} else if f == nil {
					return err.Error()
				}
			}
		}
		r.scene("A110 H5 one person presses 64 times", nil, func(t *testing.T) {
			a := r.ask(r.Aoi, nil)
			v := verdict(a, r.show(a, r.Botan).Digest, true)
			codes := all(func(int) string { return press(r.Botan, v) })
			r.want("codes", codes, map[string]int{"": 1, "ask-decided": many - 1})
			r.want("steps", r.steps(a), []string{"asked", "approved", "released"})
		})
		r.scene("A114 approve and refuse at once", func(p *request.ApprovalPolicy) { p.Stages = stage(1, person(r.Botan), person(r.Chika)) }, func(t *testing.T) {
			for range 8 {
				a := r.ask(r.Aoi, nil)
				digest := r.show(a, r.Botan).Digest
				var won atomic.Int64
				all(func(i int) string {
					who := r.Botan
					if i%2 == 1 {
						who = r.Chika
					}
					code := press(who, verdict(a, digest, i%2 == 1))
					if code == "" {
						won.Add(1)
					}
					return code
				})
				r.want("one wins", won.Load(), 1)
				s := r.show(a, r.Aoi)
				r.want("and everybody sees the same", s.Ask.State == request.Released, r.in(r.Aoi, r.sales))
				if s.Ask.State == request.Released {
					if _, err := r.hall.GiveBack(ctx, r.Aoi, r.Org, s.Ask.Lease); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
		r.scene("A113 the same is asked for 64 times at once", nil, func(*testing.T) {
			codes := all(func(int) string {
				for {
					_, err := r.hall.Raise(ctx, r.Aoi, r.wants())
					if f := fault.As(err); err != nil && f == nil {
						return err.Error()
					} else if f == nil || f.Kind != fault.Busy {
						return fault.Code(err)
					}
				}
			})
			r.want("codes", codes, map[string]int{"": 1, "ask-open-already": many - 1})
		})
	})
}

// A114 from two nodes of one house.
func TestTwoNodesDecideAtOnce(t *testing.T) {
	r := newRig(t, housetest.Postgres(t))
	beside := r.home.Beside(t)
	r.scene("A114 two nodes", func(p *request.ApprovalPolicy) { p.Stages = stage(1, person(r.Botan), person(r.Chika)) }, func(t *testing.T) {
		for range 20 {
			a := r.ask(r.Aoi, nil)
			digest := r.show(a, r.Botan).Digest
			var won atomic.Int64
			var wg sync.WaitGroup
			for i, hall := range []*request.Hall{r.hall, beside.Hall()} {
				wg.Go(func() {
					who := []id.Person{r.Botan, r.Chika}[i]
					_, err := hall.Decide(ctx, request.Decider{Person: who}, request.Verdict{Org: r.Org, Ask: a.ID, Approve: i == 0, Digest: digest, Reason: "x"})
					if err == nil {
						won.Add(1)
					} else if fault.Code(err) != "ask-decided" {
						t.Errorf("said %v", err)
					}
				})
			}
			wg.Wait()
			r.want("one wins", won.Load(), 1)
			if s := r.show(a, r.Aoi); s.Ask.State == request.Released {
				if _, err := beside.Hall().GiveBack(ctx, r.Aoi, r.Org, s.Ask.Lease); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

package review_test

import (
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/review"
)

var (
	ctx  = context.Background()
	root = id.Local(0)
)

// rig is a house with its company, two groups and a clock that the test moves.
type rig struct {
	housetest.Kaede
	t            *testing.T
	home         *housetest.Home
	clock        *clock.Moved
	room         *review.Room
	sales, legal id.Group
	n            int
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		h := housetest.House(t, housetest.On(url), housetest.OnClock(c))
		r := &rig{Kaede: h.People(t), t: t, home: h, clock: c, room: h.Reviews()}
		r.sales, r.legal = r.group("sales", r.Aoi, r.Botan), r.group("legal", r.Daichi)
		f(r)
	})
}

func (r *rig) group(name string, members ...id.Person) id.Group {
	r.t.Helper()
	g, err := r.home.Register().PutGroup(ctx, root, org.Group{Org: r.Org, Name: name, Members: members})
	if err != nil {
		r.t.Fatal(err)
	}
	return g.ID
}

func (r *rig) in(who id.Person, which id.Group) bool {
	r.t.Helper()
	all, err := r.home.Register().MembersOf(ctx, r.Org, which)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Contains(all, who)
}

func (r *rig) until(what string, happened func() bool) {
	r.t.Helper()
	for i := range 1500 {
		if happened() {
			return
		}
		if i%50 == 49 { // a worker that was looking while the clock moved waits from then on
			r.clock.Advance(time.Second)
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("did not happen: %s", what)
}

// run writes a campaign over groups and begins it; it returns when all questions
// are put.
func (r *rig) run(change func(c *review.Campaign)) review.Round {
	r.t.Helper()
	c := review.Campaign{Title: "Who is where", Kind: "group", Reviewers: []string{"person:" + string(r.Botan)}, Days: 10}
	if change != nil {
		change(&c)
	}
	r.n++
	p, err := r.room.Campaigns.Put(ctx, root, paper.Paper[review.Campaign]{Org: r.Org, Name: "campaign-" + string(rune('a'+r.n)), Spec: c})
	if err != nil {
		r.t.Fatal(err)
	}
	round, err := r.room.Start(ctx, root, r.Org, p.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.reaches(round, review.Open)
}

func (r *rig) reaches(round review.Round, states ...review.State) review.Round {
	r.t.Helper()
	r.until("the round is "+string(states[0]), func() bool {
		now, _, err := r.room.Progress(ctx, r.Org, round.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		round = now
		return slices.Contains(states, now.State)
	})
	return round
}

func (r *rig) items(round review.Round) map[id.Person]review.Item {
	r.t.Helper()
	all, err := r.room.Items(ctx, r.Org, round.ID, review.Query{Limit: 200})
	if err != nil {
		r.t.Fatal(err)
	}
	found := map[id.Person]review.Item{}
	for _, i := range all {
		found[i.Person] = i
	}
	return found
}

// decide looks and decides; it returns the code of a refusal.
func (r *rig) decide(who id.Person, item review.Item, keep bool) string {
	r.t.Helper()
	s, err := r.room.Show(ctx, r.Org, item.ID, who)
	if err != nil {
		return fault.Code(err)
	}
	v := review.Verdict{Org: r.Org, Item: item.ID, Keep: keep, Digest: s.Digest}
	if !keep {
		v.Reason = "Moved on"
	}
	_, err = r.room.Decide(ctx, who, v)
	if err != nil && fault.As(err) == nil {
		r.t.Fatal(err)
	}
	return fault.Code(err)
}

// press decides without looking; it returns the code of a refusal.
func (r *rig) press(who id.Person, item review.Item) string {
	_, err := r.room.Decide(ctx, who, review.Verdict{Org: r.Org, Item: item.ID, Keep: true, Digest: "d"})
	return fault.Code(err)
}

func (r *rig) want(what string, got, want any) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// CAP-H16: what is kept stays, what is ended or not answered goes, and who holds
// it decides nothing.
func TestReviews(t *testing.T) {
	each(t, func(r *rig) {
		outer := r.t
		scene := func(name string, f func(t *testing.T)) {
			outer.Run(name, func(t *testing.T) {
				r.t = t
				defer func() { r.t = outer }()
				f(t)
			})
		}
		scene("CAP-H16 kept, ended, and nobody about themselves", func(t *testing.T) {
			round := r.run(func(c *review.Campaign) {
				c.Targets, c.Fallback = []string{"group:" + string(r.sales)}, []string{"person:" + string(r.Chika)}
			})
			items := r.items(round)
			r.want("grants", len(items), 2)
			r.want("who holds it sees nothing", r.decide(r.Botan, items[r.Botan], true), "review-item-unknown")
			_, err := r.room.Decide(ctx, r.Botan, review.Verdict{Org: r.Org, Item: items[r.Botan].ID, Keep: true, Digest: items[r.Botan].Digest(round)})
			r.want("CAP-H6 who holds it", fault.Code(err), "review-of-oneself")
			r.want("who was not asked", r.decide(r.Daichi, items[r.Aoi], true), "review-item-unknown")
			_, err = r.room.Show(ctx, r.Momiji, items[r.Aoi].ID, r.Ume)
			r.want("R4 from another organization", fault.Code(err), "review-item-unknown")
			_, err = r.room.Decide(ctx, r.Botan, review.Verdict{Org: r.Org, Item: items[r.Aoi].ID, Keep: true, Digest: "old"})
			r.want("R5 not what was shown", fault.Code(err), "review-changed")
			_, err = r.room.Decide(ctx, r.Botan, review.Verdict{Org: r.Org, Item: items[r.Aoi].ID, Digest: items[r.Aoi].Digest(round)})
			r.want("an end without a reason", fault.Code(err), "review-decision-invalid")
			r.want("ended", r.decide(r.Botan, items[r.Aoi], false), "")
			r.want("in", r.in(r.Aoi, r.sales), false)
			r.want("decided twice", r.decide(r.Botan, items[r.Aoi], true), "review-decided")
			r.want("kept by the fallback", r.decide(r.Chika, items[r.Botan], true), "")
			r.want("in", r.in(r.Botan, r.sales), true)
			r.reaches(round, review.Closed)
		})
		scene("CAP-K7 by the proof that a card policy asks for", func(t *testing.T) {
			desk := &presence.Desk{Store: r.home.Store(), Clock: r.clock, Register: r.home.Register()}
			p, err := desk.Put(ctx, root, presence.Policy{Org: r.Org, Name: "asks", Spec: presence.Spec{Level: "passkey"}})
			if err != nil {
				t.Fatal(err)
			}
			sure := r.group("sure", r.Aoi)
			i := r.items(r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(sure)} }))[r.Aoi]
			r.want("without a passkey", r.decide(r.Botan, i, false), "step-up-required")
			r.want("still in", r.in(r.Aoi, sure), true)
			s, err := r.room.Show(ctx, r.Org, i.ID, r.Botan)
			if err != nil || !s.Demand.Asks() {
				t.Fatalf("nothing is asked for: %+v, %v", s.Demand, err)
			}
			now := r.clock.Now()
			_, err = r.room.Decide(ctx, r.Botan, review.Verdict{
				Org: r.Org, Item: i.ID, Digest: s.Digest, Reason: "Moved on", Proof: presence.Proof{At: now, Reached: map[string]time.Time{"passkey": now}},
			})
			r.want("with one", err, error(nil))
			r.want("out", r.in(r.Aoi, sure), false)
			if err := desk.Drop(ctx, root, r.Org, p.ID); err != nil {
				t.Fatal(err)
			}
		})
		scene("CAP-H16 silence ends", func(*testing.T) {
			round := r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(r.legal)} })
			r.clock.Advance(10*24*time.Hour - time.Minute)
			r.want("before", r.in(r.Daichi, r.legal), true)
			r.clock.Advance(2 * time.Minute)
			r.reaches(round, review.Closed)
			i := r.items(round)[r.Daichi]
			r.want("after", r.in(r.Daichi, r.legal), false)
			r.want("state", i.State, review.Ended)
			r.want("silent", i.Silent, true)
			r.want("too late", r.decide(r.Botan, i, true), "review-decided")
		})
		scene("CAP-H16 silence goes to further people first", func(*testing.T) {
			audit := r.group("audit", r.Aoi, r.Daichi)
			round := r.run(func(c *review.Campaign) {
				c.Targets, c.Silence, c.Escalate, c.Further = []string{"group:" + string(audit)}, "escalate", []string{"person:" + string(r.Chika)}, 3
			})
			items := r.items(round)
			r.want("before", r.decide(r.Chika, items[r.Aoi], true), "review-item-unknown")
			r.clock.Advance(10*24*time.Hour + time.Minute)
			round = r.reaches(round, review.Escalated)
			r.until("further", func() bool { return r.items(round)[r.Aoi].Escalated && r.items(round)[r.Daichi].Escalated })
			r.want("still in", r.in(r.Aoi, audit), true)
			r.want("further people", r.decide(r.Chika, items[r.Aoi], true), "")
			r.clock.Advance(3*24*time.Hour + time.Minute)
			r.reaches(round, review.Closed)
			r.want("kept", r.in(r.Aoi, audit), true)
			r.want("ended", r.in(r.Daichi, audit), false)
		})
		scene("CAP-H16 roles, and nobody's last administrator", func(*testing.T) {
			round := r.run(func(c *review.Campaign) { c.Kind, c.Targets = "role", []string{"role:administrator"} })
			r.clock.Advance(10*24*time.Hour + time.Minute)
			r.reaches(round, review.Closed)
			i := r.items(round)[r.Chika]
			r.want("state", string(i.State)+" "+i.Trouble, "stuck last-administrator")
		})
		scene("CAP-H16 CAP-H17 leases, one by one", func(t *testing.T) {
			_, err := r.home.Hall().PutPolicy(ctx, root, request.ApprovalPolicy{Org: r.Org, Name: "open", Spec: request.Spec{
				Kinds: []string{"group"}, Most: 90 * 24 * time.Hour, Rules: []request.Rule{{Name: "yes", When: "true"}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			club, press := r.group("club"), r.group("press")
			for _, g := range []id.Group{club, press} {
				if _, err := r.home.Hall().Raise(ctx, r.Aoi, request.Wanted{Org: r.Org, Kind: "group", Target: string(g), Reason: "x", Length: 60 * 24 * time.Hour}); err != nil {
					t.Fatal(err)
				}
			}
			round := r.run(func(c *review.Campaign) { c.Kind, c.When = "lease", `grant.target == "group:`+string(club)+`"` })
			items := r.items(round)
			r.want("only what the condition says", len(items), 1)
			r.want("ended", r.decide(r.Botan, items[r.Aoi], false), "")
			r.want("the other stays", r.in(r.Aoi, press), true)
			r.want("gone", r.in(r.Aoi, club), false)
		})
		scene("CAP-H16 a delegate sits in a reviewer's place", func(t *testing.T) {
			g := r.group("desk", r.Daichi)
			if _, err := r.home.Hall().Delegate(ctx, id.OfPerson(r.Botan), request.Delegation{
				Org: r.Org, From: r.Botan, To: r.Aoi, Starts: r.clock.Now().Add(-time.Hour), Ends: r.clock.Now().Add(time.Hour),
			}); err != nil {
				t.Fatal(err)
			}
			round := r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(g)} })
			r.want("delegate", r.decide(r.Aoi, r.items(round)[r.Daichi], true), "")
			r.want("both are named", r.items(round)[r.Daichi].Seat, r.Botan)
		})
		scene("CAP-H16 the question goes to whoever is the manager by now", func(t *testing.T) {
			g := r.group("moving", r.Aoi)
			round := r.run(func(c *review.Campaign) { c.Targets, c.Reviewers = []string{"group:" + string(g)}, []string{"manager"} })
			i := r.items(round)[r.Aoi]
			waits := func(who id.Person) bool {
				all, err := r.room.Waiting(ctx, r.Org, who)
				if err != nil {
					t.Fatal(err)
				}
				cards, _, err := r.home.Cards().List(ctx, who, false, "", 200)
				if err != nil {
					t.Fatal(err)
				}
				carded := false
				for _, c := range cards {
					carded = carded || c.Backend == i.ID
				}
				return carded && slices.ContainsFunc(all, func(one review.Item) bool { return one.ID == i.ID })
			}
			r.want("the manager", waits(r.Botan), true)
			m, err := r.home.Register().Member(ctx, r.Org, r.Aoi)
			if m.Manager = r.Daichi; err == nil {
				err = r.home.Register().PutMember(ctx, root, m)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.clock.Advance(time.Hour)
			r.until("the new manager is asked", func() bool { return waits(r.Daichi) && !waits(r.Botan) })
			r.want("who was the manager", r.decide(r.Botan, i, false), "review-item-unknown")
			r.want("who is", r.decide(r.Daichi, i, false), "")
			r.want("R4 decided already, for who was never asked", r.press(r.Ume, i), "review-item-unknown")
			r.want("decided already", r.press(r.Daichi, i), "review-decided")
		})
		scene("CAP-H16 A128 refused: texts that turn what is read", func(t *testing.T) {
			_, err := r.room.Campaigns.Put(ctx, root, paper.Paper[review.Campaign]{Org: r.Org, Name: "turned", Spec: review.Campaign{Title: "a\u202eb", Kind: "group", Reviewers: []string{"manager"}}})
			r.want("title", fault.Code(err), "paper-invalid")
			_, err = r.room.Decide(ctx, r.Botan, review.Verdict{Org: r.Org, Item: "x", Digest: "d", Reason: "a\u202eb"})
			r.want("reason", fault.Code(err), "review-decision-invalid")
		})
		scene("CAP-H16 what is gone already is said so", func(t *testing.T) {
			g := r.group("gone", r.Daichi)
			round := r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(g)} })
			now, err := r.home.Register().Group(ctx, r.Org, g)
			if err == nil {
				now.Members = nil
				_, err = r.home.Register().PutGroup(ctx, root, now)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.want("decided", r.decide(r.Botan, r.items(round)[r.Daichi], true), "")
			r.want("state", r.items(round)[r.Daichi].State, review.Gone)
		})
		scene("CAP-H16 again every month, not twice at a time", func(t *testing.T) {
			g := r.group("monthly", r.Daichi)
			start := r.clock.Now().AddDate(0, 0, 2)
			p, err := r.room.Campaigns.Put(ctx, root, paper.Paper[review.Campaign]{Org: r.Org, Name: "monthly", Spec: review.Campaign{
				Title: "Monthly", Kind: "group", Targets: []string{"group:" + string(g)}, Reviewers: []string{"manager"}, Days: 3, Starts: start.Format(time.DateOnly), Months: 1,
			}})
			if err != nil {
				t.Fatal(err)
			}
			rounds := func() []review.Round {
				all, err := r.room.Rounds(ctx, r.Org, p.ID)
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			r.want("not yet", len(rounds()), 0)
			r.clock.Advance(49 * time.Hour)
			r.until("the first", func() bool { return len(rounds()) == 1 })
			r.reaches(rounds()[0], review.Open)
			_, err = r.room.Start(ctx, root, r.Org, p.ID)
			r.want("another one", fault.Code(err), "review-runs-already")
			r.clock.Advance(4 * 24 * time.Hour)
			r.reaches(rounds()[0], review.Closed)
			r.clock.Advance(31 * 24 * time.Hour)
			r.until("the second", func() bool { return len(rounds()) == 2 })
		})
		scene("CAP-H16 A123 refused: who could not take it has it reviewed by nobody", func(t *testing.T) {
			keeper, err := r.home.Register().PutRole(ctx, root, org.Role{Org: r.Org, Name: "reviews", Permissions: []string{review.Write}})
			if err != nil {
				t.Fatal(err)
			}
			m, err := r.home.Register().Member(ctx, r.Org, r.Daichi)
			if err == nil {
				m.Roles = append(m.Roles, keeper.ID)
				err = r.home.Register().PutMember(ctx, root, m)
			}
			if err != nil {
				t.Fatal(err)
			}
			for kind, want := range map[string]string{"role": "not-permitted", "group": "not-permitted", "lease": "not-permitted"} {
				_, err := r.room.Campaigns.Put(ctx, id.OfPerson(r.Daichi), paper.Paper[review.Campaign]{Org: r.Org, Name: "sly", Spec: review.Campaign{
					Title: "x", Kind: kind, Reviewers: []string{"manager"},
				}})
				r.want(kind, fault.Code(err), want)
			}
		})
	})
}

// Months are those of the calendar.
func TestNext(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for name, row := range map[string]struct {
		c           review.Campaign
		after, want string
	}{
		"CAP-H16 the 31st":           {review.Campaign{Starts: "2026-01-31", Months: 1}, "2026-02-01", "2026-02-28"},
		"CAP-H16 and back":           {review.Campaign{Starts: "2026-01-31", Months: 1}, "2026-02-28", "2026-03-31"},
		"CAP-H16 a leap year":        {review.Campaign{Starts: "2024-02-29", Months: 12}, "2027-01-01", "2027-02-28"},
		"CAP-H16 over the year":      {review.Campaign{Starts: "2026-11-30", Months: 3}, "2026-12-01", "2027-02-28"},
		"CAP-H16 once, and it is on": {review.Campaign{Starts: "2026-12-01"}, "2026-11-30", "2026-12-01"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := row.c.Next(day(row.after)); !got.Equal(day(row.want)) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
	if got := (review.Campaign{Starts: "2026-12-01"}).Next(day("2026-12-01")); !got.IsZero() {
		t.Errorf("once only: %v", got)
	}
}

// By the browser: the campaign, the cards of the reviewer, the progress and the
// file.
func TestPages(t *testing.T) {
	each(t, func(r *rig) {
		chika, botan, aoi := r.home.As(r.t, r.Chika, r.Org), r.home.As(r.t, r.Botan, r.Org), r.home.As(r.t, r.Aoi, r.Org)
		has := func(a housetest.Answer, status int, texts ...string) {
			r.t.Helper()
			if a.Status != status {
				r.t.Errorf("%d, want %d\n%.600s", a.Status, status, a.Body)
			}
			for _, text := range texts {
				if !strings.Contains(a.Body, text) {
					r.t.Errorf("nothing of %q", text)
				}
			}
		}
		has(aoi.Get("/admin/reviews"), 403)
		has(chika.Get("/admin/reviews"), 200, "No review is planned")
		bad := chika.Post("/admin/reviews/new", map[string][]string{"name": {"Bad"}, "title": {""}, "kind": {"group"}, "reviewers": {"king"}, "silence": {"end"}, "days": {"999"}})
		has(bad, 400, "field-name-error", "field-title-error", "field-reviewers-error", "field-days-error")
		saved := chika.Post("/admin/reviews/new", map[string][]string{
			"name": {"sales"}, "title": {"=Who sells"}, "kind": {"group"}, "targets": {"group:sales"}, "reviewers": {"person:botan"}, "fallback": {"person:chika"}, "silence": {"end"}, "days": {"10"},
		})
		has(saved, http.StatusSeeOther)
		page, _, _ := strings.Cut(saved.Header.Get("Location"), "?")
		has(chika.Get(page), 200, "group:sales", "person:botan", "It has not run yet")
		begun := chika.Post(page+"/start", nil)
		has(begun, http.StatusSeeOther)
		round := begun.Header.Get("Location")
		r.until("asked", func() bool {
			return strings.Contains(botan.Get("/cards").Body, "=Who sells") && strings.Contains(chika.Get(round).Body, ">Running<")
		})
		list := botan.Get("/cards")
		_, rest, _ := strings.Cut(list.Body, `href="/cards/`)
		which, _, _ := strings.Cut(rest, `"`)
		looked := botan.Get("/cards/" + which)
		has(looked, 200, ">Keep<", ">End<", "If nobody answers by then, it is ended")
		_, rest, _ = strings.Cut(looked.Body, `name="digest" value="`)
		digest, _, _ := strings.Cut(rest, `"`)
		has(botan.Post("/cards/"+which, map[string][]string{"action": {"end"}, "digest": {digest}}), 400)
		has(botan.Post("/cards/"+which, map[string][]string{"action": {"end"}, "digest": {digest}, "input.reason": {"@left"}}), http.StatusSeeOther)
		r.want("in", r.in(r.Aoi, r.sales), false)
		has(chika.Get(round), 200, "@left", "Ended 1", "Waiting 1")
		has(botan.Get(round), 403)
		file := chika.Get(round + "/sheet")
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.Body, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 3 || rows[0][0] != "holder" {
			r.t.Fatal(rows, err)
		}
		if !strings.Contains(file.Body, "'@left") {
			r.t.Error("A128 a formula in the file")
		}
	})
}

package request_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// A115: whatever the groups, what they need and who approved how often, a stage
// is approved exactly if distinct people can be given to its groups.
func TestCountingOfPeople(t *testing.T) {
	people := []id.Person{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		var groups [][]id.Person
		var needs []int
		for range rapid.IntRange(1, 3).Draw(t, "groups") {
			who := rapid.SliceOfDistinct(rapid.SampledFrom(people), rapid.ID[id.Person]).Draw(t, "who")
			slices.Sort(who)
			groups, needs = append(groups, who), append(needs, rapid.IntRange(1, 3).Draw(t, "need"))
		}
		either := rapid.Bool().Draw(t, "either")
		var votes []request.Vote
		var yes []id.Person
		for _, who := range rapid.SliceOf(rapid.SampledFrom(people)).Draw(t, "approve") {
			votes = append(votes, request.Vote{Person: who, Seat: who, Approve: true})
			if !slices.Contains(yes, who) {
				yes = append(yes, who)
			}
		}
		want := enough(groups, needs, yes)
		if either {
			want = false
			for i := range groups {
				want = want || enough(groups[i:i+1], needs[i:i+1], yes)
			}
		}
		if got := request.Approves(groups, needs, either, votes); got != want {
			t.Errorf("A115 groups %v need %v (either %v), approved by %v: %v, want %v", groups, needs, either, yes, got, want)
		}
	})
}

// enough tries every way to give people to groups.
func enough(groups [][]id.Person, needs []int, yes []id.Person) bool {
	for i, need := range needs {
		if need == 0 {
			continue
		}
		for _, who := range yes {
			if !slices.Contains(groups[i], who) {
				continue
			}
			less := slices.Clone(needs)
			less[i]--
			if enough(groups, less, slices.DeleteFunc(slices.Clone(yes), func(one id.Person) bool { return one == who })) {
				return true
			}
		}
		return false
	}
	return true
}

// What waits for somebody is found by as many statements however much it is.
func TestWaitingCostsTheSame(t *testing.T) {
	each(t, func(r *rig) {
		eri := r.person("eri")
		team := r.group("team", eri)
		r.policy(func(p *request.ApprovalPolicy) { p.Stages = stage(1, inGroup(team)) })
		look := func(want int) int64 {
			t.Helper()
			counted, n := store.Counting(ctx)
			all, err := r.hall.Waiting(counted, r.Org, eri)
			if err != nil || len(all) != want {
				t.Fatalf("%d wait, want %d: %v", len(all), want, err)
			}
			return n.Load()
		}
		r.ask(r.Aoi, nil)
		one := look(1)
		for i := range 30 {
			r.sales = r.group("more-" + string(rune('a'+i/26)) + string(rune('a'+i%26)))
			r.ask(r.Aoi, nil)
		}
		if many := look(31); many != one {
			r.t.Errorf("%d statements for 31 asks, %d for one", many, one)
		}
		fumi := r.person("fumi")
		if all, err := r.hall.Waiting(ctx, r.Org, fumi); err != nil || len(all) != 0 {
			r.t.Errorf("CAP-H2 somebody else: %d %v", len(all), err)
		}
		r.hand(eri, fumi, r.clock.Now().Add(-1), r.clock.Now().Add(3_600_000_000_000))
		if all, err := r.hall.Waiting(ctx, r.Org, fumi); err != nil || len(all) != 31 {
			r.t.Errorf("CAP-H7 their delegate: %d %v", len(all), err)
		}
	})
}

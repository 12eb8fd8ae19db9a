package request_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
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

package request

import "github.com/sekisho/sekisho/internal/id"

// Approves opens the counting of a stage to tests.
func Approves(groups [][]id.Person, needs []int, either bool, votes []Vote) bool {
	b := bench{any: either, refuse: 1}
	for i, who := range groups {
		b.panels = append(b.panels, seats{who, needs[i]})
	}
	return b.approved(b.sitting(votes))
}

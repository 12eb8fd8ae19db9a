package hub_test

import (
	"slices"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// The short way to a person's groups finds what the long one does.
func TestGroupsOfAPersonBothWays(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, r, by := h.People(t), h.Register(), id.Local(0)
		put := func(name string, members []id.Person, inner ...id.Group) id.Group {
			g, err := r.PutGroup(ctx, by, org.Group{Org: k.Org, Name: name, Title: name, Members: members, Groups: inner})
			if err != nil {
				t.Fatal(err)
			}
			return g.ID
		}
		a := put("a", []id.Person{k.Aoi})
		b := put("b", []id.Person{k.Botan}, a)
		put("c", nil, b)
		put("d", []id.Person{k.Aoi, k.Chika}, b)
		put("e", nil)
		for _, who := range []id.Person{k.Aoi, k.Botan, k.Chika, k.Daichi, k.Ume} {
			long, err := r.GroupsOf(ctx, k.Org, who)
			if err != nil {
				t.Fatal(err)
			}
			var want []id.Group
			for _, g := range long {
				want = append(want, g.ID)
			}
			got, err := r.GroupIDsOf(ctx, k.Org, who)
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v (%v), want %v", who, got, err, want)
			}
		}
	})
}

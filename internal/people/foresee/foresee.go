// Package foresee says what a change of roles would give and take, before it is
// made: sums over what stands, without a write.
package foresee

import (
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// Permits returns what roles permit together, included ones too, by name.
func Permits(all []org.Role, held []id.Role) (permits []string) {
	seen := map[id.Role]bool{}
	for left := slices.Clone(held); len(left) > 0; {
		one := left[0]
		left = left[1:]
		i := slices.IndexFunc(all, func(r org.Role) bool { return r.ID == one })
		if i < 0 || seen[one] {
			continue
		}
		seen[one] = true
		permits, left = append(permits, all[i].Permissions...), append(left, all[i].Includes...)
	}
	slices.Sort(permits)
	return slices.Compact(permits)
}

// Difference returns what somebody gains and loses from before to after.
func Difference(before, after []string) (gains, loses []string) {
	for _, one := range after {
		if !slices.Contains(before, one) {
			gains = append(gains, one)
		}
	}
	for _, one := range before {
		if !slices.Contains(after, one) {
			loses = append(loses, one)
		}
	}
	return gains, loses
}

// Reach are the roles that include one, and itself.
func Reach(all []org.Role, which id.Role) []id.Role {
	reach := []id.Role{which}
	for grown := true; grown; {
		grown = false
		for _, role := range all {
			if !slices.Contains(reach, role.ID) && slices.ContainsFunc(role.Includes, func(in id.Role) bool { return slices.Contains(reach, in) }) {
				reach, grown = append(reach, role.ID), true
			}
		}
	}
	return reach
}

// Package foresee says what a change of roles would give and take, before it is
// made: sums over what stands, without a write.
package foresee

import (
	"maps"
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
	return without(after, before), without(before, after)
}

func without(all, others []string) (left []string) {
	not := map[string]bool{}
	for _, one := range others {
		not[one] = true
	}
	for _, one := range all {
		if !not[one] {
			left = append(left, one)
		}
	}
	return left
}

// Everybody is who is in a group, directly or through groups in it, by
// identifier.
func Everybody(all []org.Group, which id.Group) []id.Person {
	at := map[id.Group]org.Group{}
	for _, g := range all {
		at[g.ID] = g
	}
	who, seen := map[id.Person]bool{}, map[id.Group]bool{}
	for left := []id.Group{which}; len(left) > 0; {
		g := at[left[0]]
		if left = left[1:]; seen[g.ID] {
			continue
		}
		seen[g.ID], left = true, append(left, g.Groups...)
		for _, one := range g.Members {
			who[one] = true
		}
	}
	return slices.Sorted(maps.Keys(who))
}

// Around are the groups that one is in, directly or through others.
func Around(all []org.Group, which id.Group) (outer []org.Group) {
	in := map[id.Group]bool{which: true}
	for grown := true; grown; {
		grown = false
		for _, g := range all {
			if !in[g.ID] && slices.ContainsFunc(g.Groups, func(one id.Group) bool { return in[one] }) {
				in[g.ID], outer, grown = true, append(outer, g), true
			}
		}
	}
	return outer
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

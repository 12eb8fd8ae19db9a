package org

import (
	"errors"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

const groupColumns = "SELECT org, id, name, title, version FROM people_group "

func scanGroup(scan func(...any) error) (Group, error) {
	var g Group
	return g, scan(&g.Org, &g.ID, &g.Name, &g.Title, &g.Version)
}

// groupsIn reads the groups of an organization by name, without what is in them.
func groupsIn(v *store.View) ([]Group, error) {
	rows, err := v.Query(groupColumns + "WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanGroup)
}

func groupByID(v *store.View, which id.Group) (Group, error) {
	g, err := scanGroup(v.Row(groupColumns+"WHERE org = $1 AND id = $2", words.Kept(string(which))).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return g, fault.New(fault.NotFound, "group-unknown")
	}
	return g, err
}

type pair struct{ a, b string }

func scanPair(scan func(...any) error) (pair, error) {
	var p pair
	return p, scan(&p.a, &p.b)
}

// groupMembers reads who is directly in which group of the organization, with
// those who are for a time or without.
func groupMembers(v *store.View, lent bool) ([]pair, error) {
	var with int64
	if lent {
		with = 1
	}
	rows, err := v.Query("SELECT group_id, person FROM group_member WHERE org = $1 AND (lent = '' OR CAST($2 AS BIGINT) = 1) ORDER BY group_id, person", with)
	return store.Collect(rows, err, scanPair)
}

// groupNesting reads which group of the organization is directly in which.
func groupNesting(v *store.View) ([]pair, error) {
	rows, err := v.Query("SELECT group_id, inner_id FROM group_group WHERE org = $1 ORDER BY group_id, inner_id")
	return store.Collect(rows, err, scanPair)
}

func directMembers(v *store.View, which id.Group) ([]id.Person, error) {
	rows, err := v.Query("SELECT person FROM group_member WHERE org = $1 AND group_id = $2 ORDER BY person", string(which))
	return store.Collect(rows, err, scanID[id.Person])
}

func directGroups(v *store.View, which id.Group) ([]id.Group, error) {
	rows, err := v.Query("SELECT inner_id FROM group_group WHERE org = $1 AND group_id = $2 ORDER BY inner_id", string(which))
	return store.Collect(rows, err, scanID[id.Group])
}

// groupsAfter pages through groups by name and counts what is in them; the few
// that an organization has are looked through for text.
func groupsAfter(v *store.View, text, name string, limit int) ([]GroupLine, error) {
	rows, err := v.Query(`SELECT g.org, g.id, g.name, g.title, g.version,
		(SELECT COUNT(*) FROM group_member m WHERE m.org = $1 AND m.group_id = g.id),
		(SELECT COUNT(*) FROM group_group n WHERE n.org = $1 AND n.group_id = g.id)
		FROM people_group g WHERE g.org = $1 AND g.name > $2 AND (CAST($3 AS TEXT) = '' OR g.fold LIKE $3 ESCAPE '!') ORDER BY g.name LIMIT $4`,
		name, pattern(text), int64(limit))
	return store.Collect(rows, err, func(scan func(...any) error) (l GroupLine, err error) {
		return l, scan(&l.Org, &l.ID, &l.Name, &l.Title, &l.Version, &l.People, &l.Nesting)
	})
}

// membersIn reads who is directly in one of some groups, each once, by person.
func membersIn(v *store.View, groups []id.Group) ([]id.Person, error) {
	var all []id.Person
	for chunk := range slices.Chunk(groups, mostAtOnce) {
		marks, args := marksFor(chunk, 2)
		rows, err := v.Query("SELECT DISTINCT person FROM group_member WHERE org = $1 AND group_id IN ("+marks+") ORDER BY person", args...)
		some, err := store.Collect(rows, err, scanID[id.Person])
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return distinct(all), nil
}

// isIn reports whether somebody is directly in one of some groups.
func isIn(v *store.View, groups []id.Group, who id.Person) (bool, error) {
	for chunk := range slices.Chunk(groups, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		var n int
		err := v.Row("SELECT COUNT(*) FROM group_member WHERE org = $1 AND person = $2 AND group_id IN ("+marks+")",
			append([]any{string(who)}, args...)...).Scan(&n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// groupsWith reads the groups that a person is directly in.
func groupsWith(v *store.View, who id.Person) ([]id.Group, error) {
	rows, err := v.Query("SELECT group_id FROM group_member WHERE org = $1 AND person = $2 ORDER BY group_id", words.Kept(string(who)))
	return store.Collect(rows, err, scanID[id.Group])
}

// groupsByID reads groups without what is in them, by name.
func groupsByID(v *store.View, which []id.Group) ([]Group, error) {
	var all []Group
	for chunk := range slices.Chunk(which, mostAtOnce) {
		marks, args := marksFor(chunk, 2)
		rows, err := v.Query(groupColumns+"WHERE org = $1 AND id IN ("+marks+")", args...)
		some, err := store.Collect(rows, err, scanGroup)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// whichAreMembers tells members of the organization, in whatever state, from
// other people.
func whichAreMembers(v *store.View, who []id.Person) (map[id.Person]bool, error) {
	found := map[id.Person]bool{}
	for chunk := range slices.Chunk(who, mostAtOnce) {
		marks, args := marksFor(chunk, 2)
		rows, err := v.Query("SELECT person FROM member WHERE org = $1 AND person IN ("+marks+")", args...)
		some, err := store.Collect(rows, err, scanID[id.Person])
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			found[one] = true
		}
	}
	return found, nil
}

func insertGroup(tx *store.Tx, g Group) error {
	n, err := tx.Exec("INSERT INTO people_group (org, id, name, title, fold, version) VALUES ($1, $2, $3, $4, $5, 1) ON CONFLICT DO NOTHING",
		string(g.ID), g.Name, g.Title, g.fold())
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "group-name-taken", "name", g.Name)
	}
	return err
}

// updateGroup changes a group that is there.
func updateGroup(tx *store.Tx, g Group) error {
	var taken int64
	if err := tx.Row("SELECT COUNT(*) FROM people_group WHERE org = $1 AND name = $2 AND id <> $3", g.Name, string(g.ID)).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "group-name-taken", "name", g.Name)
	}
	n, err := tx.Exec("UPDATE people_group SET name = $2, title = $3, fold = $4, version = version + 1 WHERE org = $1 AND id = $5 AND version = $6",
		g.Name, g.Title, g.fold(), string(g.ID), g.Version)
	return changedOr(n, err)
}

// stayingMembers reads who is directly in a group and not for a time.
func stayingMembers(v *store.View, which id.Group) ([]id.Person, error) {
	rows, err := v.Query("SELECT person FROM group_member WHERE org = $1 AND group_id = $2 AND lent = '' ORDER BY person", string(which))
	return store.Collect(rows, err, scanID[id.Person])
}

// fillGroup brings what is in a group up to date: of most changes little
// differs. Who is in it for a time stays until the lease ends.
func fillGroup(tx *store.Tx, g Group) error {
	people, err := stayingMembers(&tx.View, g.ID)
	if err != nil {
		return err
	}
	groups, err := directGroups(&tx.View, g.ID)
	if err != nil {
		return err
	}
	gone, added := differ(people, g.Members)
	for chunk := range slices.Chunk(gone, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		if _, err := tx.Exec("DELETE FROM group_member WHERE org = $1 AND group_id = $2 AND person IN ("+marks+")", prepend(g.ID, args)...); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(added, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		if _, err := tx.Exec("INSERT INTO group_member (org, group_id, person) VALUES "+rows(marks)+" ON CONFLICT DO NOTHING", prepend(g.ID, args)...); err != nil {
			return err
		}
	}
	return nest(tx, g.ID, groups, g.Groups)
}

func nest(tx *store.Tx, which id.Group, now, next []id.Group) error {
	gone, added := differ(now, next)
	for _, inner := range gone {
		if _, err := tx.Exec("DELETE FROM group_group WHERE org = $1 AND group_id = $2 AND inner_id = $3", string(which), string(inner)); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(added, mostAtOnce) {
		marks, args := marksFor(chunk, 3)
		if _, err := tx.Exec("INSERT INTO group_group (org, group_id, inner_id) VALUES "+rows(marks)+" ON CONFLICT DO NOTHING", prepend(which, args)...); err != nil {
			return err
		}
	}
	return nil
}

// rows makes ($1, $2, $3), ($1, $2, $4)… of $3, $4…
func rows(marks string) string {
	return "($1, $2, " + strings.ReplaceAll(marks, ", ", "), ($1, $2, ") + ")"
}

func prepend[T ~string](one T, args []any) []any { return append([]any{string(one)}, args...) }

// differ says what is gone and what was added from one sorted list to another.
func differ[T ~string](now, next []T) (gone, added []T) {
	gone = slices.DeleteFunc(slices.Clone(now), func(one T) bool { _, ok := slices.BinarySearch(next, one); return ok })
	added = slices.DeleteFunc(slices.Clone(next), func(one T) bool { _, ok := slices.BinarySearch(now, one); return ok })
	return gone, added
}

func emptyGroup(tx *store.Tx, which id.Group) error {
	if _, err := tx.Exec("DELETE FROM group_member WHERE org = $1 AND group_id = $2", string(which)); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM group_group WHERE org = $1 AND group_id = $2", string(which))
	return err
}

func deleteGroup(tx *store.Tx, which id.Group) error {
	if err := emptyGroup(tx, which); err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM group_group WHERE org = $1 AND inner_id = $2", string(which)); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM people_group WHERE org = $1 AND id = $2", string(which))
	return err
}

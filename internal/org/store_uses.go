package org

import (
	"strconv"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// tally counts rows and names the first few: from, columns, order and where are
// texts of this package.
func tally(v *store.View, from, columns, order, where string, args ...any) (t Tally, err error) {
	if err := v.Row("SELECT COUNT(*) FROM "+from+" WHERE "+where, args...).Scan(&t.Count); err != nil {
		return t, err
	}
	return t, t.name(v, from, columns, order, where, args...)
}

// name reads the first few of what was counted.
func (t *Tally) name(v *store.View, from, columns, order, where string, args ...any) error {
	if t.Count == 0 {
		return nil
	}
	rows, err := v.Query("SELECT "+columns+" FROM "+from+" WHERE "+where+" ORDER BY "+order+" LIMIT "+strconv.Itoa(fewCalled), args...)
	t.First, err = store.Collect(rows, err, func(scan func(...any) error) (Called, error) {
		var one Called
		return one, scan(&one.ID, &one.Title)
	})
	return err
}

func usesOfPerson(v *store.View, who id.Person) (reports, groups Tally, err error) {
	err = v.Row(`SELECT (SELECT COUNT(*) FROM member WHERE org = $1 AND manager = $2),
		(SELECT COUNT(*) FROM group_member WHERE org = $1 AND person = $2)`, string(who)).Scan(&reports.Count, &groups.Count)
	if err == nil {
		err = reports.name(v, "member m JOIN person p ON p.id = m.person", "p.id, p.display_name", "p.sort", "m.org = $1 AND m.manager = $2", string(who))
	}
	if err == nil {
		err = groups.name(v, "group_member m JOIN people_group g ON g.id = m.group_id", "g.id, g.title", "g.name", "m.org = $1 AND m.person = $2", string(who))
	}
	return reports, groups, err
}

package org

import (
	"strconv"

	"github.com/sekisho/sekisho/internal/store"
)

// tally counts rows and names the first few: from, columns, order and where are
// texts of this package.
func tally(v *store.View, from, columns, order, where string, args ...any) (t Tally, err error) {
	if err := v.Row("SELECT COUNT(*) FROM "+from+" WHERE "+where, args...).Scan(&t.Count); err != nil || t.Count == 0 {
		return t, err
	}
	rows, err := v.Query("SELECT "+columns+" FROM "+from+" WHERE "+where+" ORDER BY "+order+" LIMIT "+strconv.Itoa(fewCalled), args...)
	t.First, err = store.Collect(rows, err, func(scan func(...any) error) (Called, error) {
		var one Called
		return one, scan(&one.ID, &one.Title)
	})
	return t, err
}

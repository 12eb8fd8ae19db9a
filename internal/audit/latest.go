package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/store"
)

// Latest returns the newest records of a query, up to q.Limit, without what
// they say: when, who, what and on what. It is for the strip below a page about
// a thing, and leaves no record of its own: a record for each page that somebody
// opens would bury the log. What records say is read by Search and Get, which
// leave one (N6). It costs two statements, however long the log is.
func (l *Log) Latest(ctx context.Context, q Query) ([]Record, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	q.Cursor, q.Text = "", ""
	var all []Record
	err := l.store.House().Read(ctx, func(v *store.View) error {
		waiting, err := searchPending(v, q)
		if err != nil {
			return err
		}
		found, _, err := searchAll(v, q)
		all = slices.Concat(waiting, found)
		return err
	})
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(string(b.ID), string(a.ID)) })
	all = slices.CompactFunc(all, func(a, b Record) bool { return a.ID == b.ID })
	all = all[:min(len(all), q.Limit)]
	for i := range all {
		all[i].Fields, all[i].Erased = nil, nil
	}
	return all, err
}

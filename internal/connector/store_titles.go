package connector

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Titles are what systems of any organization are called, in one statement; a
// system that is gone is missing. It is for who sees already that there is
// something to be done there.
func (d *Desk) Titles(ctx context.Context, which []id.Connector) (map[id.Connector]string, error) {
	titles := map[id.Connector]string{}
	if len(which) == 0 {
		return titles, nil
	}
	args, places := make([]any, len(which)), make([]string, len(which))
	for i, one := range which {
		args[i], places[i] = string(one), "$"+strconv.Itoa(i+1)
	}
	return titles, d.store.House().Read(ctx, func(v *store.View) error {
		clear(titles)
		rows, err := v.Query("SELECT id, title, name FROM connector_system WHERE id IN ("+strings.Join(places, ", ")+")", args...)
		_, err = store.Collect(rows, err, func(scan func(...any) error) (one struct{}, err error) {
			var which id.Connector
			var title, name string
			err = scan(&which, &title, &name)
			titles[which] = cmp.Or(title, name)
			return one, err
		})
		return err
	})
}

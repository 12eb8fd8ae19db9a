package connector

import (
	"cmp"
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// titlesAtOnce is how many titles are read by one statement.
const titlesAtOnce = 10

// Titles are what systems of any organization are called, in a statement for
// each ten; a system that is gone is missing. It is for who sees already that
// there is something to be done there.
func (d *Desk) Titles(ctx context.Context, which []id.Connector) (map[id.Connector]string, error) {
	titles := map[id.Connector]string{}
	if len(which) == 0 {
		return titles, nil
	}
	return titles, d.store.House().Read(ctx, func(v *store.View) error {
		clear(titles)
		for some := range slices.Chunk(which, titlesAtOnce) {
			args := make([]any, titlesAtOnce)
			for i := range args {
				args[i] = string(some[min(i, len(some)-1)])
			}
			rows, err := v.Query("SELECT id, title, name FROM connector_system WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", args...)
			_, err = store.Collect(rows, err, func(scan func(...any) error) (one struct{}, err error) {
				var which id.Connector
				var title, name string
				err = scan(&which, &title, &name)
				titles[which] = cmp.Or(title, name)
				return one, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

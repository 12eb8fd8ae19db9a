package connector

import (
	"context"

	"github.com/sekisho/sekisho/internal/store"
)

// Everybody lists the connections of people in all organizations, for whoever
// reads by them: in one statement, without their tokens.
func (d *Desk) Everybody(ctx context.Context) (all []Connection, err error) {
	err = d.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT " + connectionColumns + " FROM connector_connection WHERE person <> '' AND state IN ('on', 'reconnect')")
		all, err = store.Collect(rows, err, scanConnection)
		return err
	})
	for i := range all {
		all[i].sealed = nil
	}
	return all, err
}

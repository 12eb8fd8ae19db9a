package order

import (
	"encoding/json"
	"errors"

	"github.com/sekisho/sekisho/internal/store"
)

// tellingOf is what the view's person is to be told of later; nil for nothing.
func tellingOf(v *store.View) (*telling, error) {
	var t telling
	var orders string
	var nudged, due int64
	err := v.Row("SELECT person, orders, nudged, due FROM order_tell WHERE person = $1").Scan(&t.Person, &orders, &nudged, &due)
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	t.Nudged, t.Due = nudged == 1, store.FromMicros(due)
	return &t, errors.Join(err, json.Unmarshal([]byte(orders), &t.Orders))
}

func putTelling(tx *store.Tx, t telling) error {
	_, err := tx.Exec(`INSERT INTO order_tell (person, orders, nudged, due) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person) DO UPDATE SET orders = excluded.orders, nudged = excluded.nudged, due = excluded.due`,
		jsonOf(t.Orders), flag(t.Nudged), store.Micros(t.Due))
	return err
}

func dropTelling(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM order_tell WHERE person = $1")
	return err
}

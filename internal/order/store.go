package order

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const columns = `id, org, person, system, label, nonce, item, quantity, filled, price, way, effect, sent, known, unclear, why, said, number, url,
	title, state, native, asked, stale, steps, opened, touched, changed, version`

func scan(scan func(...any) error) (q Request, err error) {
	var filled, known, asked, steps string
	var sent, unclear, stale, opened, touched, changed int64
	err = scan(&q.ID, &q.Org, &q.Person, &q.System, &q.Label, &q.Key, &q.Item, &q.Quantity, &filled, &q.Price, &q.Way, &q.Effect, &sent, &known, &unclear,
		&q.Why, &q.Said, &q.Number, &q.URL, &q.Title, &q.State, &q.Native, &asked, &stale, &steps, &opened, &touched, &changed, &q.Version)
	if err != nil {
		return q, err
	}
	q.sent, q.Opened, q.touched, q.Changed = store.FromMicros(sent), store.FromMicros(opened), store.FromMicros(touched), store.FromMicros(changed)
	q.unclear, q.stale = unclear == 1, stale == 1
	return q, errors.Join(
		json.Unmarshal([]byte(filled), &q.Filled), json.Unmarshal([]byte(known), &q.known),
		json.Unmarshal([]byte(asked), &q.Asked), json.Unmarshal([]byte(steps), &q.Steps),
	)
}

// byID reads one request of the view's person.
func byID(v *store.View, which id.Order) (Request, error) {
	q, err := scan(v.Row("SELECT "+columns+" FROM order_request WHERE person = $1 AND id = $2", string(which)).Scan)
	return q, orUnknown(err)
}

// byKey reads the request that the view's person ordered by a form.
func byKey(v *store.View, key string) (Request, error) {
	return scan(v.Row("SELECT "+columns+" FROM order_request WHERE person = $1 AND nonce = $2", key).Scan)
}

// byNumber reads the request of the view's person that a system calls so.
func byNumber(v *store.View, system id.Connector, number string) (Request, error) {
	return scan(v.Row("SELECT "+columns+" FROM order_request WHERE person = $1 AND system = $2 AND number = $3", string(system), number).Scan)
}

// openAt reads the requests of the view's person at a system of which something
// is expected, what is to be looked at again first.
func openAt(v *store.View, system id.Connector) ([]Request, error) {
	rows, err := v.Query("SELECT "+columns+` FROM order_request WHERE person = $1 AND system = $2 AND closed = 0 AND number <> ''
		ORDER BY stale DESC, touched, id LIMIT 200`, string(system))
	return store.Collect(rows, err, scan)
}

// expecting are people of the view's organization behind one with a request at a
// system of which something is expected.
func expecting(v *store.View, system id.Connector, after id.Person, limit int) ([]id.Person, error) {
	rows, err := v.Query(`SELECT DISTINCT person FROM order_request WHERE org = $1 AND system = $2 AND closed = 0 AND number <> '' AND person > $3
		ORDER BY person LIMIT $4`, string(system), string(after), limit)
	return store.Collect(rows, err, func(scan func(...any) error) (who id.Person, err error) { return who, scan(&who) })
}

// rivals reports whether another order of the same item at the same system was
// sent by the view's person since then, and has no number yet.
func rivals(v *store.View, q Request, since time.Time) (yes bool, err error) {
	err = v.Row(`SELECT EXISTS (SELECT 1 FROM order_request WHERE person = $1 AND system = $2 AND item = $3 AND id <> $4 AND way = 'sending'
		AND number = '' AND sent >= $5)`, string(q.System), q.Item, string(q.ID), max(store.Micros(since), 1)).Scan(&yes)
	return yes, err
}

// never is later than every moment.
const never = int64(1) << 62

func listed(v *store.View, closed bool, after mark, limit int) ([]Request, error) {
	rows, err := v.Query("SELECT "+columns+` FROM order_request WHERE person = $1 AND closed = $2 AND opened <= $3 AND (opened < $3 OR id < $4)
		ORDER BY opened DESC, id DESC LIMIT $5`, flag(closed), after.at, after.id, limit)
	return store.Collect(rows, err, scan)
}

func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "null"
	}
	return string(text)
}

// put writes a request of the handle's person: a new one, or the next version of
// q. It reports whether the row was still the one that q was read from, and of a
// new one whether there is none of its form or number yet.
func put(tx *store.Tx, q Request) (bool, error) {
	args := []any{
		string(q.ID), string(q.Org), string(q.System), q.Label, q.Key, q.Item, q.Quantity, jsonOf(q.Filled), q.Price, string(q.Way), string(q.Effect),
		store.Micros(q.sent), jsonOf(q.known), flag(q.unclear), q.Why, q.Said, q.Number, q.URL, q.Title, string(q.State), q.Native, jsonOf(q.Asked),
		flag(q.stale), flag(q.closed()), jsonOf(q.Steps), store.Micros(q.Opened), store.Micros(q.touched), store.Micros(tx.Now()), q.Version,
	}
	text := insertRequest
	if q.Version > 0 {
		text = updateRequest
	}
	n, err := tx.Exec(text, args...)
	return n == 1, err
}

const (
	insertRequest = `INSERT INTO order_request (person, id, org, system, label, nonce, item, quantity, filled, price, way, effect, sent, known, unclear, why,
		said, number, url, title, state, native, asked, stale, closed, steps, opened, touched, changed, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29,
		$30 + 1) ON CONFLICT DO NOTHING`
	updateRequest = `UPDATE order_request SET system = $4, label = $5, nonce = $6, item = $7, quantity = $8, filled = $9, price = $10, way = $11,
		effect = $12, sent = $13, known = $14, unclear = $15, why = $16, said = $17, number = $18, url = $19, title = $20, state = $21, native = $22,
		asked = $23, stale = $24, closed = $25, steps = $26, opened = $27, touched = $28, changed = $29, version = version + 1
		WHERE person = $1 AND id = $2 AND org = $3 AND version = $30`
)

// readUpTo says how far the requests of the view's person were read.
func readUpTo(v *store.View, system id.Connector) (newest, whole time.Time, err error) {
	var a, b int64
	err = v.Row("SELECT newest, whole FROM order_read WHERE person = $1 AND system = $2", string(system)).Scan(&a, &b)
	if errors.Is(err, store.ErrNoRow) {
		err = nil
	}
	return store.FromMicros(a), store.FromMicros(b), err
}

func noteRead(tx *store.Tx, system id.Connector, newest, whole time.Time) error {
	_, err := tx.Exec(`INSERT INTO order_read (person, system, newest, whole) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person, system) DO UPDATE SET newest = excluded.newest, whole = excluded.whole`,
		string(system), store.Micros(newest), store.Micros(whole))
	return err
}

func forget(tx *store.Tx) error {
	for _, text := range []string{
		"DELETE FROM order_request WHERE person = $1", "DELETE FROM order_read WHERE person = $1", "DELETE FROM order_tell WHERE person = $1",
	} {
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a request of the handle's person that another row has become.
func drop(tx *store.Tx, which id.Order) error {
	_, err := tx.Exec("DELETE FROM order_request WHERE person = $1 AND id = $2", string(which))
	return err
}

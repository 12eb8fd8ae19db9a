package audit

import (
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// putPlaces notes that the records of ids are the leaves from the given one on.
func putPlaces(tx *store.Tx, from int64, ids []string) error {
	for len(ids) > 0 {
		n := from / tileWidth
		part := ids[:min(int64(len(ids)), (n+1)*tileWidth-from)]
		low, high := part[0], part[0]
		for _, record := range part {
			low, high = min(low, record), max(high, record)
		}
		_, err := tx.Exec(`INSERT INTO audit_place (n, since, low, high, ids) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (n) DO UPDATE SET ids = audit_place.ids || excluded.ids,
			low = CASE WHEN excluded.low < audit_place.low THEN excluded.low ELSE audit_place.low END,
			high = CASE WHEN excluded.high > audit_place.high THEN excluded.high ELSE audit_place.high END`,
			n, from, low, high, strings.Join(part, ""))
		if err != nil {
			return err
		}
		from, ids = from+int64(len(part)), ids[len(part):]
	}
	return nil
}

// dropPlaces forgets the places before until, whose records are archived.
func dropPlaces(tx *store.Tx, until int64) error {
	n := until / tileWidth
	if _, err := tx.Exec("DELETE FROM audit_place WHERE n < $1", n); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE audit_place SET ids = substr(ids, CAST(1 + $1 * ($2 - since) AS INTEGER)), since = $2 WHERE n = $3 AND since < $2",
		id.Len, until, n)
	return err
}

func cut(ids string) (all []string) {
	for ; len(ids) >= id.Len; ids = ids[id.Len:] {
		all = append(all, ids[:id.Len])
	}
	return all
}

// placesOf returns the ids in the tile n, from the leaf since on.
func placesOf(v *store.View, n int64) (since int64, ids []string, err error) {
	var text string
	err = v.Row("SELECT since, ids FROM audit_place WHERE n = $1", n).Scan(&since, &text)
	if errors.Is(err, store.ErrNoRow) {
		return 0, nil, nil
	}
	return since, cut(text), err
}

// firstPlaces returns the ids of the oldest records that are not archived, up
// to about most, and the leaf of the first.
func firstPlaces(v *store.View, most int) (from int64, ids []string, err error) {
	rows, err := v.Query("SELECT since, ids FROM audit_place ORDER BY n LIMIT $1", most/tileWidth+1)
	if err != nil {
		return 0, nil, err
	}
	for rows.Next() {
		var since int64
		var text string
		if err := rows.Scan(&since, &text); err != nil {
			return 0, nil, errors.Join(err, rows.Close())
		}
		if len(ids) == 0 {
			from = since
		}
		if since != from+int64(len(ids)) {
			return 0, nil, errors.Join(missing(from+int64(len(ids))), rows.Close())
		}
		ids = append(ids, cut(text)...)
	}
	return from, ids, rows.Close()
}

// places finds the leaves of records; neighbours are found together.
type places struct {
	view  *store.View
	since int64
	ids   string // of the row that was read last
}

// index returns the leaf of a record, -1 if it has none yet.
func (p *places) index(record string) (int64, error) {
	if at := p.at(record); at >= 0 {
		return at, nil
	}
	waits, err := waiting(p.view, record)
	if err != nil || waits {
		return -1, err
	}
	rows, err := p.view.Query("SELECT since, ids FROM audit_place WHERE low <= $1 AND high >= $1 ORDER BY low DESC", record)
	if err != nil {
		return -1, err
	}
	for rows.Next() {
		if err := rows.Scan(&p.since, &p.ids); err != nil {
			return -1, errors.Join(err, rows.Close())
		}
		if at := p.at(record); at >= 0 {
			return at, rows.Close()
		}
	}
	return -1, rows.Close()
}

func (p *places) at(record string) int64 {
	for from := 0; ; {
		i := strings.Index(p.ids[from:], record)
		if i < 0 {
			return -1
		}
		if from += i; from%id.Len == 0 {
			return p.since + int64(from/id.Len)
		}
		from++
	}
}

// waiting reports whether a record has no place in the tree yet.
func waiting(v *store.View, record string) (bool, error) {
	var one int
	err := v.Row("SELECT 1 FROM audit_pending WHERE id = $1", record).Scan(&one)
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	return err == nil, err
}

func idsOf(batch []waiter) []string {
	ids := make([]string, len(batch))
	for i := range batch {
		ids[i] = batch[i].id
	}
	return ids
}

package notice

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const columns = "id, name, title_en, title_ja, text_en, text_ja, starts, ends, by_, version"

func scan(row func(...any) error) (Notice, error) {
	var n Notice
	var from, until int64
	err := row(&n.ID, &n.Name, &n.Title.En, &n.Title.Ja, &n.Text.En, &n.Text.Ja, &from, &until, &n.By, &n.Version)
	n.From, n.Until = store.FromMicros(from), store.FromMicros(until)
	return n, err
}

func unknown(which string) *fault.Fault {
	return fault.New(fault.NotFound, "notice-unknown", "notice", which)
}

func get(v *store.View, which id.Notice) (Notice, error) {
	n, err := scan(v.Row("SELECT "+columns+" FROM notice WHERE id = $1", string(which)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return n, unknown(string(which))
	}
	return n, err
}

// put saves a notice under a name that is free.
func put(tx *store.Tx, n Notice, save func(*store.Tx, Notice) error) error {
	taken, err := nameTaken(tx, n)
	if err != nil {
		return err
	}
	if taken {
		return fault.New(fault.Conflict, "notice-name-taken", "name", n.Name)
	}
	if err := save(tx, n); err != nil {
		return err
	}
	return tx.Touch(Topic)
}

func args(n Notice) []any {
	return []any{
		string(n.ID), n.Name, n.Title.En, n.Title.Ja, n.Text.En, n.Text.Ja,
		store.Micros(n.From), store.Micros(n.Until), string(n.By), n.Version,
	}
}

func insert(tx *store.Tx, n Notice) error {
	_, err := tx.Exec("INSERT INTO notice ("+columns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10 + 1)", args(n)...)
	return err
}

// change writes to the row that still has n's version.
func change(tx *store.Tx, n Notice) error {
	changed, err := tx.Exec(`UPDATE notice SET name = $2, title_en = $3, title_ja = $4, text_en = $5, text_ja = $6,
		starts = $7, ends = $8, by_ = $9, version = version + 1 WHERE id = $1 AND version = $10`, args(n)...)
	if err != nil || changed == 1 {
		return err
	}
	now, err := get(&tx.View, n.ID)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "notice-changed", "by", string(now.By))
}

func nameTaken(tx *store.Tx, n Notice) (bool, error) {
	var other string
	err := tx.Row("SELECT id FROM notice WHERE name = $1 AND id <> $2", n.Name, string(n.ID)).Scan(&other)
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	return err == nil, err
}

func remove(tx *store.Tx, which id.Notice) error {
	if _, err := tx.Exec("DELETE FROM notice WHERE id = $1", string(which)); err != nil {
		return err
	}
	return tx.Touch(Topic)
}

// notOver returns the notices that are shown or wait, by From.
func (r *Room) notOver(ctx context.Context, now time.Time) (all []Notice, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT "+columns+" FROM notice WHERE ends > $1 ORDER BY starts, id", store.Micros(now))
		all, err = store.Collect(rows, err, scan)
		return err
	})
	return all, err
}

// Get returns one notice (notice-unknown if there is none).
func (r *Room) Get(ctx context.Context, which id.Notice) (n Notice, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		n, err = get(v, which)
		return err
	})
	return n, err
}

// List returns up to limit notices, the latest written first, after the one
// that cursor names ("" for the first), and the cursor for more ("" at the
// end).
func (r *Room) List(ctx context.Context, cursor string, limit int) (page []Notice, next string, err error) {
	if cursor != "" && !id.Valid(cursor) {
		return nil, "", fault.New(fault.Invalid, "cursor-malformed")
	}
	if cursor == "" {
		cursor = strings.Repeat("z", id.Len) // after every id
	}
	err = r.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT "+columns+" FROM notice WHERE id < $1 ORDER BY id DESC LIMIT $2", cursor, limit+1)
		page, err = store.Collect(rows, err, scan)
		return err
	})
	if len(page) > limit {
		page = page[:limit]
		next = string(page[limit-1].ID)
	}
	return page, next, err
}

// all returns every notice by name.
func all(v *store.View) ([]Notice, error) {
	rows, err := v.Query("SELECT " + columns + " FROM notice ORDER BY name")
	return store.Collect(rows, err, scan)
}

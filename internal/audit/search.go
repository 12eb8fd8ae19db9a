package audit

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Query says which records are looked for. Empty fields do not restrict.
type Query struct {
	From, Until time.Time // From inclusive, Until exclusive, to the millisecond
	// Org restricts to an organization's records; House alone sees those of the
	// house itself and of all organizations.
	Org    id.Org
	House  bool
	Name   string // prefix: "notice." or "notice.written"
	By     id.Principal
	Target string
	Text   string // somewhere in a value, whatever the case
	Cursor string // Page.Cursor of the page before
	Limit  int    // 50 when it is 0, 500 at most
}

// Page is a stretch of records, newest first. A page may hold fewer than Limit
// and still have a Cursor: one call looks at scanMost records at most.
type Page struct {
	Records []Record
	Cursor  string // "" at the end
}

const (
	scanMost  = 20_000 // records one Search looks at
	scanPage  = 500    // at a time
	limitMost = 500
)

// Reader is who reads the log; reading leaves a record of its own (N6).
type Reader struct {
	By  id.Principal
	Org id.Org // whose console it is; "" is the house's
}

// Search returns a page of records and leaves one that says who looked for
// what. If that record cannot be written, nothing is shown.
func (l *Log) Search(ctx context.Context, reader Reader, q Query) (Page, error) {
	if err := q.check(); err != nil {
		return Page{}, err
	}
	var page Page
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		page, err = search(v, q)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	if err := l.read(ctx, reader, "audit.searched", "", q.said(len(page.Records))); err != nil {
		return Page{}, err
	}
	return page, nil
}

func (q *Query) check() error {
	if q.Org == "" && !q.House {
		return fault.New(fault.Forbidden, "audit-scope-missing")
	}
	if q.Cursor != "" && !id.Valid(q.Cursor) {
		return fault.New(fault.Invalid, "audit-cursor-malformed")
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, limitMost)
	return nil
}

// said is the query as a record keeps it.
func (q *Query) said(found int) map[string]string {
	said := map[string]string{"found": strconv.Itoa(found)}
	for name, value := range map[string]string{
		"org": string(q.Org), "name": q.Name, "by": string(q.By), "target": q.Target, "text": q.Text, "cursor": q.Cursor,
		"from": stamp(q.From), "until": stamp(q.Until),
	} {
		if value != "" {
			said[name] = value
		}
	}
	return said
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(atLayout)
}

// read leaves the record of a reading.
func (l *Log) read(ctx context.Context, reader Reader, name, target string, said map[string]string) error {
	return l.store.House().Write(ctx, func(*store.Tx) store.End {
		return store.Done(store.Event{Name: name, Org: reader.Org, By: reader.By, Target: target, Fields: said})
	})
}

// search looks among those that wait first, then in the tree; ids order both.
func search(v *store.View, q Query) (Page, error) {
	newest, err := searchPending(v, q)
	if err != nil {
		return Page{}, err
	}
	placed, rest, err := searchPlaced(v, q)
	if err != nil {
		return Page{}, err
	}
	all := slices.Concat(newest, placed)
	slices.SortStableFunc(all, func(a, b Record) int { return strings.Compare(string(b.ID), string(a.ID)) })
	if rest != "" {
		// Nothing beyond where the look in the tree ended.
		all = slices.DeleteFunc(all, func(r Record) bool { return string(r.ID) < rest })
	}
	page := Page{Records: all, Cursor: rest}
	if len(all) > q.Limit {
		page.Records = all[:q.Limit]
		page.Cursor = string(all[q.Limit-1].ID)
	}
	return page, nil
}

func searchPending(v *store.View, q Query) (found []Record, err error) {
	where, args := q.bounds()
	rows, err := v.Query("SELECT body FROM audit_pending"+where+" ORDER BY id DESC LIMIT "+strconv.Itoa(scanMost), args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if fs, err := decodeBody(body); err == nil && q.matches(fs) {
			found = append(found, fs.record(-1))
		}
	}
	return found, rows.Close()
}

// searchPlaced returns up to Limit+1 records and, if it ended before the log
// did, the id at which it did.
func searchPlaced(v *store.View, q Query) (found []Record, rest string, err error) {
	seen := 0
	for seen < scanMost && len(found) <= q.Limit {
		where, args := q.where()
		n := 0
		rows, err := v.Query("SELECT id, idx, body FROM audit_record"+where+" ORDER BY id DESC LIMIT "+strconv.Itoa(scanPage), args...)
		if err != nil {
			return nil, "", err
		}
		for rows.Next() {
			var index int64
			var body []byte
			if err := rows.Scan(&q.Cursor, &index, &body); err != nil {
				return nil, "", errors.Join(err, rows.Close())
			}
			n++
			if fs, err := decodeBody(body); err == nil && q.matches(fs) && len(found) <= q.Limit {
				found = append(found, fs.record(index))
			}
		}
		if err := rows.Close(); err != nil {
			return nil, "", err
		}
		if n < scanPage {
			return found, "", nil
		}
		seen += n
	}
	return found, q.Cursor, nil
}

// bounds restricts by id alone: it begins with the time.
func (q *Query) bounds() (where string, args []any) {
	add := func(condition, value string) {
		args = append(args, value)
		joint := " AND "
		if where == "" {
			joint = " WHERE "
		}
		where += joint + condition + " $" + strconv.Itoa(len(args))
	}
	if !q.From.IsZero() {
		add("id >=", lowest(q.From))
	}
	if !q.Until.IsZero() {
		add("id <", lowest(q.Until))
	}
	if q.Cursor != "" {
		add("id <", q.Cursor)
	}
	return where, args
}

// where restricts by what has a column; matches sees to it all.
func (q *Query) where() (string, []any) {
	where, args := q.bounds()
	for _, c := range [...]struct{ column, value string }{
		{"org", string(q.Org)}, {"by_", string(q.By)}, {"target", q.Target},
	} {
		if c.value == "" {
			continue
		}
		args = append(args, indexed(c.value))
		joint := " AND "
		if where == "" {
			joint = " WHERE "
		}
		where += joint + c.column + " = $" + strconv.Itoa(len(args))
	}
	return where, args
}

// lowest is the smallest id of a time.
func lowest(at time.Time) string {
	const timeChars = 10 // 48 bits of milliseconds behind two zero bits
	return string(id.New[id.Record](at)[:timeChars])
}

func (q *Query) matches(fs fields) bool {
	if q.Org != "" && fs.get(fieldOrg) != string(q.Org) ||
		q.By != "" && fs.get(fieldBy) != string(q.By) ||
		q.Target != "" && fs.get(fieldTarget) != q.Target ||
		!strings.HasPrefix(fs.get(fieldName), q.Name) {
		return false
	}
	if q.Text == "" {
		return true
	}
	text := strings.ToLower(q.Text)
	for i := range fs {
		if strings.Contains(strings.ToLower(fs[i].value), text) {
			return true
		}
	}
	return false
}

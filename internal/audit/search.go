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
	Own    bool   // with House: only the house's own records, none of an organization
	Name   string // beginning: "notice." or "notice.written"; several are parted by commas
	By     id.Principal
	Target string
	// Source is the beginning of an address; Session is the one in which
	// something was done, or the one that it was done to.
	Source, Session string
	Text            string // somewhere in a value, whatever the case
	Cursor          string // Page.Cursor of the page before
	// Newer goes the other way: what is newer than the Cursor, next to it. The
	// page is in the same order, and its Cursor leads on to what is newer still.
	Newer bool
	Limit int // 50 when it is 0, 500 at most
	// Brief says whether records have a place in the tree, and not which one:
	// Index is 0 or -1. It looks at fewer records in one call, too.
	Brief bool
}

// Page is a stretch of records, newest first. A page may hold fewer than Limit
// and still have a Cursor: one call looks at scanMost records at most.
type Page struct {
	Records []Record
	Cursor  string // "" at the end
}

const (
	scanMost  = 20_000 // records one Search looks at
	scanBrief = 8_000  // of which nobody waits for long
	scanFirst = 512    // at a time, and then four times as many each
	limitMost = 500
)

// scan is how many records a search looks at.
func (q *Query) scan() int {
	if q.Brief {
		return scanBrief
	}
	return scanMost
}

// bare reports whether the statement alone finds what is looked for.
func (q *Query) bare() bool {
	terms := 0
	for _, value := range [...]string{q.Target, string(q.By), string(q.Org)} {
		if value != "" {
			terms++
		}
	}
	return terms < 2 && q.Name == "" && q.Text == "" && q.Source == "" && q.Session == "" && !q.Own
}

// Reader is who reads the log; reading leaves a record of its own (N6).
type Reader struct {
	By  id.Principal
	Org id.Org // whose console it is; "" is the house's
	Own bool   // in the house's console: only the house's own records
}

// sees reports whether the record of an organization, "" for the house's own,
// is one that the reader may know of (R4).
func (r Reader) sees(org id.Org) bool {
	return org == r.Org || r.Org == "" && !r.Own
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
		"source": q.Source, "session": q.Session, "newer": own[q.Newer],
		"from": stamp(q.From), "until": stamp(q.Until), "own": own[q.Own],
	} {
		if value != "" {
			said[name] = value
		}
	}
	return said
}

var own = map[bool]string{true: "yes"}

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

// search looks among those that wait first, whose terms are not noted yet, then
// in all; ids order both.
func search(v *store.View, q Query) (Page, error) {
	newest, err := searchPending(v, q)
	if err != nil {
		return Page{}, err
	}
	found, rest, err := searchAll(v, q)
	if err != nil {
		return Page{}, err
	}
	all := slices.Concat(newest, found)
	order := 1 // newest first
	if q.Newer {
		order = -1
	}
	slices.SortFunc(all, func(a, b Record) int { return order * strings.Compare(string(b.ID), string(a.ID)) })
	all = slices.CompactFunc(all, func(a, b Record) bool { return a.ID == b.ID })
	if rest != "" {
		// Nothing beyond where the look in the tree ended.
		all = slices.DeleteFunc(all, func(r Record) bool { return order*strings.Compare(string(r.ID), rest) < 0 })
	}
	page := Page{Records: all, Cursor: rest}
	if len(all) > q.Limit {
		page.Records = all[:q.Limit]
		page.Cursor = string(all[q.Limit-1].ID)
	}
	if q.Newer {
		slices.Reverse(page.Records)
	}
	if q.Brief {
		return page, markWaiting(v, page.Records)
	}
	where := places{view: v}
	for i := range page.Records {
		if page.Records[i].Index, err = where.index(string(page.Records[i].ID)); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// markWaiting says of each record whether it has a place in the tree, in one
// statement.
func markWaiting(v *store.View, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	at := make(map[id.Record]*Record, len(records))
	args := make([]any, len(records))
	for i := range records {
		records[i].Index = 0
		at[records[i].ID], args[i] = &records[i], string(records[i].ID)
	}
	marks := make([]string, len(args))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	rows, err := v.Query("SELECT id FROM audit_pending WHERE id IN ("+strings.Join(marks, ", ")+")", args...)
	_, err = store.Collect(rows, err, func(scan func(...any) error) (which id.Record, err error) {
		if err = scan(&which); err == nil {
			at[which].Index = -1
		}
		return which, err
	})
	return err
}

func searchPending(v *store.View, q Query) (found []Record, err error) {
	if q.term() == "" {
		return nil, nil
	}
	where, args := q.bounds("p.id", id.Len)
	rows, err := v.Query("SELECT r.body FROM audit_pending p JOIN audit_record r ON r.id = p.id"+where+" ORDER BY p.id"+q.order()+" LIMIT "+strconv.Itoa(scanMost), args...)
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

// searchAll returns up to Limit+1 records and, if it ended before the log
// did, the id at which it did.
func searchAll(v *store.View, q Query) (found []Record, rest string, err error) {
	seen, part := 0, scanFirst
	switch {
	case q.bare() && q.term() == "":
		part = q.Limit + 1
	case q.bare(): // others said something in the same seconds
		part = 4 * (q.Limit + 1)
	}
	for seen < q.scan() && len(found) <= q.Limit {
		query, args := q.statement()
		n := 0
		rows, err := v.Query(query+" LIMIT "+strconv.Itoa(part), args...)
		if err != nil {
			return nil, "", err
		}
		for rows.Next() {
			var body []byte
			if err := rows.Scan(&q.Cursor, &body); err != nil {
				return nil, "", errors.Join(err, rows.Close())
			}
			n++
			if fs, err := decodeBody(body); err == nil && q.matches(fs) && len(found) <= q.Limit {
				found = append(found, fs.record(-1))
			}
		}
		if err := rows.Close(); err != nil {
			return nil, "", err
		}
		if n < part {
			return found, "", nil
		}
		seen += n
		part = min(4*part, max(1, q.scan()-seen))
	}
	return found, q.Cursor, nil
}

// order is the direction in which ids are gone through.
func (q *Query) order() string {
	if q.Newer {
		return " ASC"
	}
	return " DESC"
}

// bounds restricts by id alone, in its first chars characters: it begins with
// the time.
func (q *Query) bounds(column string, chars int, args ...any) (where string, _ []any) {
	add := func(operator, value string) {
		args = append(args, value)
		joint := " AND "
		if where == "" {
			joint = " WHERE "
		}
		where += joint + column + operator + "$" + strconv.Itoa(len(args))
	}
	if !q.From.IsZero() {
		add(" >= ", head(lowest(q.From), chars))
	}
	until := " < "
	if chars < id.Len {
		until = " <= "
	}
	if !q.Until.IsZero() {
		add(until, head(lowest(q.Until), chars))
	}
	switch {
	case q.Cursor == "":
	case q.Newer && chars < id.Len:
		add(" >= ", head(q.Cursor, chars))
	case q.Newer:
		add(" > ", q.Cursor)
	default:
		add(until, head(q.Cursor, chars))
	}
	return where, args
}

func head(text string, chars int) string { return text[:min(chars, len(text))] }

// term is the rarest that all records that are looked for say; "" if there is
// none.
func (q *Query) term() string {
	for i, value := range [...]string{q.Target, string(q.By), string(q.Org)} {
		if value != "" {
			return termKinds[i].prefix + indexed(clean(value))
		}
	}
	return ""
}

// statement reads what may match, newest first; matches sees to it all.
func (q *Query) statement() (string, []any) {
	where, args := q.bounds("r.id", id.Len)
	term := q.term()
	if term == "" {
		return "SELECT r.id, r.body FROM audit_record r" + where + " ORDER BY r.id" + q.order(), args
	}
	seconds, args := q.bounds("t.second", secondChars, args...)
	args = append(args, term)
	said := "t.term = $" + strconv.Itoa(len(args))
	where = strings.ReplaceAll(where+seconds, " WHERE ", " AND ")
	return "SELECT r.id, r.body FROM audit_term t JOIN audit_record r ON r.id >= t.second AND r.id <= t.second || '" + lastOfSecond + "'" +
		" WHERE " + said + where + " ORDER BY t.second" + q.order() + ", r.id" + q.order(), args
}

// lowest is the smallest id of a time.
func lowest(at time.Time) string {
	const timeChars = 10 // 48 bits of milliseconds behind two zero bits
	return string(id.New[id.Record](at)[:timeChars])
}

func (q *Query) matches(fs fields) bool {
	if q.Org != "" && fs.get(fieldOrg) != string(q.Org) ||
		q.Own && fs.get(fieldOrg) != "" ||
		q.By != "" && fs.get(fieldBy) != string(q.By) ||
		q.Target != "" && fs.get(fieldTarget) != q.Target ||
		!begins(fs.get(fieldName), q.Name) || !strings.HasPrefix(fs.get(fieldSource), q.Source) && !strings.HasPrefix(fs.get("source"), q.Source) {
		return false
	}
	if q.Session != "" && fs.get(fieldSession) != q.Session && fs.get(fieldTarget) != "session:"+q.Session {
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

// begins reports whether a name begins with one of those that are parted by
// commas; with "" all do.
func begins(name, with string) bool {
	if with == "" {
		return true
	}
	for one := range strings.SplitSeq(with, ",") {
		if one = strings.TrimSpace(one); one != "" && strings.HasPrefix(name, one) {
			return true
		}
	}
	return false
}

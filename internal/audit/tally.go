package audit

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Tally is how often something happened in a stretch of time.
type Tally struct {
	Stretch int    // which of those that were asked for
	Name    string // of the event
	Detail  string // code of a refusal, way of a sign-in; "" for other events
	N       int64
}

// tallyDetails are the fields by which events of a name are counted apart. Each
// has few values: the table grows with what there is, not with who knocks.
var tallyDetails = map[string]string{
	"refused": "code", counted: "code", "signin.refused": "code", "session.begun": "path",
}

// counted is the record that stands for several refusals, and countField says
// for how many.
const (
	counted    = "refused.counted"
	countField = "count"
)

// Everywhere stands in a tally for the house and all its organizations
// together. No identifier is like it.
const Everywhere id.Org = "*"

// tallyKey is a row of audit_tally.
type tallyKey struct {
	org, name, detail string
	hour              int64
}

// tallyColumns is how many values a row of audit_tally takes.
const tallyColumns = 5

var sqlTally = forChunks("INSERT INTO audit_tally (org, name, hour, detail, n) VALUES ",
	" ON CONFLICT (org, name, hour, detail) DO UPDATE SET n = audit_tally.n + excluded.n", tallyColumns, true)

// tallyOf counts records by their bodies. What cannot be read is not counted,
// as it is not found either.
func tallyOf(bodies func(yield func([]byte) bool)) map[tallyKey]int64 {
	sums := map[tallyKey]int64{}
	var hours hourReader
	for body := range bodies {
		if key, n, ok := countsAs(body, &hours); ok {
			sums[key] += n
			key.org = string(Everywhere)
			sums[key] += n
		}
	}
	return sums
}

// countsAs says under which key a record counts, and how often.
func countsAs(body []byte, hours *hourReader) (key tallyKey, n int64, ok bool) {
	var said tallyFields
	if !said.read(body) {
		return key, 0, false
	}
	if key.hour, ok = hours.of(said.at); !ok || len(said.name) == 0 {
		return key, 0, false
	}
	key.org, key.name, n = indexed(string(said.org)), indexed(string(said.name)), 1
	if tallyDetails[key.name] != "" {
		fs, err := decodeBody(body)
		if err != nil {
			return key, 0, false
		}
		key.detail = indexed(fs.get(tallyDetails[key.name]))
		if many, err := strconv.ParseInt(fs.get(countField), 10, 64); err == nil && many > 0 && key.name == counted {
			n = many
		}
	}
	return key, n, true
}

// tallyFields are the fields that every record is counted by.
type tallyFields struct{ at, org, name []byte }

func (t *tallyFields) read(body []byte) bool {
	if len(body) > 0 && body[0] == bodyErased {
		fs, err := decodeBody(body)
		t.at, t.org, t.name = []byte(fs.get(fieldAt)), []byte(fs.get(fieldOrg)), []byte(fs.get(fieldName))
		return err == nil
	}
	return eachCoded(body, func(field string, value []byte) {
		switch field {
		case fieldAt:
			t.at = value
		case fieldOrg:
			t.org = value
		case fieldName:
			t.name = value
		}
	})
}

// hourReader makes hours of the times of records, most of which are of the same
// one.
type hourReader struct {
	text string
	hour int64
}

const hourChars = len("2006-01-02T15")

func (h *hourReader) of(at []byte) (int64, bool) {
	if len(at) < hourChars {
		return 0, false
	}
	if string(at[:hourChars]) == h.text {
		return h.hour, true
	}
	t, err := time.Parse("2006-01-02T15", string(at[:hourChars]))
	if err != nil {
		return 0, false
	}
	h.text, h.hour = string(at[:hourChars]), t.Unix()/3600
	return h.hour, true
}

// tallyArgs are the rows of audit_tally, in the order of the table.
func tallyArgs(sums map[tallyKey]int64) []any {
	args := make([]any, 0, tallyColumns*len(sums))
	for _, key := range slices.SortedFunc(maps.Keys(sums), func(a, b tallyKey) int {
		return cmp.Or(cmp.Compare(a.org, b.org), cmp.Compare(a.name, b.name), cmp.Compare(a.hour, b.hour), cmp.Compare(a.detail, b.detail))
	}) {
		args = append(args, key.org, key.name, key.hour, key.detail, sums[key])
	}
	return args
}

// tallyBatch counts a batch on its way into the tree.
func tallyBatch(batch []waiter) []any {
	return tallyArgs(tallyOf(func(yield func([]byte) bool) {
		for i := range batch {
			if !yield(batch[i].body) {
				return
			}
		}
	}))
}

// tallyTiles is how many tiles of records are counted between two drains, at
// most, so that new records do not wait for old ones.
const tallyTiles = 32

// catchUp counts records that are in the tree and were not counted when they
// got there: those of before there was a tally, and those that a node of an
// older version has sequenced. most is how many tiles, 0 for all. Only the
// sequencer may.
func (l *Log) catchUp(ctx context.Context, most int) error {
	s := &l.seat
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.seated(ctx, false); err != nil {
		return err
	}
	for i := 0; !s.inStep && (most == 0 || i < most); i++ {
		if err := l.tallyTile(ctx); err != nil {
			s.lost(err)
			return err
		}
	}
	return nil
}

// countAll returns once everything that is in the tree now is counted, by this
// node or by the one that is the sequencer.
func (l *Log) countAll(ctx context.Context) error {
	_, size, err := l.tallied(ctx)
	for err == nil {
		failed := l.catchUp(ctx, 0)
		if failed == nil {
			return nil
		}
		var upto int64
		if upto, _, err = l.tallied(ctx); err != nil || upto >= size {
			return err
		}
		err = l.waitForSeat(ctx, failed)
	}
	return err
}

// tallied returns how many leaves are counted, and how many there are.
func (l *Log) tallied(ctx context.Context) (upto, size int64, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT tallied, size FROM audit_head WHERE one = 1").Scan(&upto, &size)
	})
	return upto, size, err
}

// tallyTile counts what one tile has beyond what is counted, in a transaction
// that nobody else can have made too.
func (l *Log) tallyTile(ctx context.Context) error {
	s := &l.seat
	var from, size, until int64
	var args []any
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		if err := v.Row("SELECT tallied, size FROM audit_head WHERE one = 1").Scan(&from, &size); err != nil {
			return err
		}
		until = min(size, (from/tileWidth+1)*tileWidth)
		args, err = uncounted(v, from, until)
		return err
	})
	if err != nil {
		return err
	}
	if from == size {
		s.inStep = true
		return nil
	}
	return l.store.House().Append(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("UPDATE audit_head SET tallied = $1 WHERE one = 1 AND tallied = $2 AND fence = $3", until, from, s.fence)
		if err == nil && n != 1 {
			err = errUnseated
		}
		if err == nil {
			_, err = inChunks(tx, largest(l.store.Engine()), sqlTally, tallyColumns, args)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSequence)
	})
}

// uncounted are the rows of the leaves from one to another of the same tile.
// Archived records are gone from here and cannot be counted any more; Archive
// has seen to it that they were.
func uncounted(v *store.View, from, until int64) ([]any, error) {
	since, ids, err := placesOf(v, from/tileWidth)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	first, last := max(0, from-since), min(int64(len(ids)), until-since)
	if first >= last {
		return nil, nil
	}
	found, err := bodies(v, ids[first:last])
	return tallyArgs(tallyOf(maps.Values(found))), err
}

// Tallies returns how often events of the given names happened in each stretch
// of an organization, "" for the house itself, or Everywhere; the stretches go
// from one moment to the next, and moments are taken by the hour. What waits for its place in
// the log is not counted yet.
func (l *Log) Tallies(ctx context.Context, org id.Org, moments []time.Time, names ...string) (all []Tally, err error) {
	if len(moments) < 2 || len(names) == 0 {
		return nil, errors.New("audit: a tally needs two moments and a name")
	}
	args := []any{indexed(string(org))}
	place := func(value any) string {
		args = append(args, value)
		return "$" + strconv.Itoa(len(args))
	}
	var wanted, stretches []string
	for _, name := range names {
		wanted = append(wanted, place(name))
	}
	for i := range len(moments) - 1 {
		stretches = append(stretches, "("+strconv.Itoa(i)+", CAST("+place(moments[i].Unix()/3600)+" AS BIGINT), CAST("+place(moments[i+1].Unix()/3600)+" AS BIGINT))")
	}
	query := "WITH stretch (i, low, high) AS (VALUES " + strings.Join(stretches, ", ") + `)
		SELECT s.i, t.name, t.detail, CAST(sum(t.n) AS BIGINT) FROM stretch s
		JOIN audit_tally t ON t.org = $1 AND t.name IN (` + strings.Join(wanted, ", ") + `) AND t.hour >= s.low AND t.hour < s.high
		GROUP BY s.i, t.name, t.detail ORDER BY s.i, t.name, t.detail`
	err = l.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(query, args...)
		all, err = store.Collect(rows, err, func(scan func(...any) error) (t Tally, err error) {
			err = scan(&t.Stretch, &t.Name, &t.Detail, &t.N)
			return t, err
		})
		return err
	})
	return all, err
}

// lastScan bounds how many records Last looks at.
const lastScan = 20_000

// Last returns the newest record of an event of the house itself, as far as the
// tally knows of it; found is false if there is none or its body is archived.
// It is for what the house shows of itself and leaves no record.
func (l *Log) Last(ctx context.Context, name string) (r Record, found bool, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		found = false
		var hour int64
		err := v.Row("SELECT hour FROM audit_tally WHERE org = '' AND name = $1 ORDER BY hour DESC LIMIT 1", name).Scan(&hour)
		if errors.Is(err, store.ErrNoRow) {
			return nil
		}
		if err != nil {
			return err
		}
		from := time.Unix(hour*3600, 0)
		rows, err := v.Query("SELECT body FROM audit_record WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3",
			lowest(from), lowest(from.Add(time.Hour)), lastScan)
		if err != nil {
			return err
		}
		for !found && rows.Next() {
			var body []byte
			if err := rows.Scan(&body); err != nil {
				return errors.Join(err, rows.Close())
			}
			var said tallyFields
			if said.read(body) && string(said.name) == name && len(said.org) == 0 {
				fs, err := decodeBody(body)
				if err != nil {
					return errors.Join(err, rows.Close())
				}
				r, found = fs.record(-1), true
			}
		}
		return rows.Close()
	})
	return r, found, err
}

// Tallied returns how often an event of the house itself happened since it was
// first counted, to see whether there is a newer one.
func (l *Log) Tallied(ctx context.Context, name string) (n int64, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT CAST(COALESCE(sum(n), 0) AS BIGINT) FROM audit_tally WHERE org = '' AND name = $1", name).Scan(&n)
	})
	return n, err
}

package manifest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// line is one object in the ledger.
type line struct {
	kind, id      string
	org           id.Org
	orgName, name string
	spec          string // fields by path, JSON
	apply         string
	at            time.Time
}

// readLines reads what applies have brought about of a kind.
func readLines(v *store.View, kind string) ([]line, error) {
	rows, err := v.House().Query("SELECT kind, org, id, org_name, name, spec, apply, at_ FROM manifest_object WHERE kind = $1", kind)
	return store.Collect(rows, err, func(scan func(...any) error) (l line, err error) {
		var at int64
		err = scan(&l.kind, &l.org, &l.id, &l.orgName, &l.name, &l.spec, &l.apply, &at)
		l.at = store.FromMicros(at)
		return l, err
	})
}

// readKinds reads of which kinds there are lines.
func readKinds(v *store.View) ([]string, error) {
	rows, err := v.House().Query("SELECT DISTINCT kind FROM manifest_object ORDER BY kind")
	return store.Collect(rows, err, func(scan func(...any) error) (kind string, err error) { return kind, scan(&kind) })
}

// linesAtOnce is how many lines a statement writes where there are as many.
const linesAtOnce = 100

// sqlLines and sqlLine write many lines and one.
var sqlLines, sqlLine = lineText(linesAtOnce), lineText(1)

func lineText(lines int) string {
	const columns = 8
	var b strings.Builder
	b.WriteString("INSERT INTO manifest_object (kind, org, id, org_name, name, spec, apply, at_) VALUES ")
	for n := range lines * columns {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%columns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(n+1))
	}
	b.WriteString(`) ON CONFLICT (kind, org, id) DO UPDATE SET org_name = excluded.org_name, name = excluded.name, spec = excluded.spec,
		apply = excluded.apply, at_ = excluded.at_`)
	return b.String()
}

func writeLines(tx *store.Tx, lines []line) error {
	for len(lines) > 0 {
		text, n := sqlLine, 1
		if len(lines) >= linesAtOnce {
			text, n = sqlLines, linesAtOnce
		}
		var args []any
		for _, l := range lines[:n] {
			args = append(args, l.kind, string(l.org), l.id, l.orgName, l.name, l.spec, l.apply, store.Micros(l.at))
		}
		if _, err := tx.House().Exec(text, args...); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

func dropLine(tx *store.Tx, l line) error {
	_, err := tx.House().Exec("DELETE FROM manifest_object WHERE kind = $1 AND org = $2 AND id = $3", l.kind, string(l.org), l.id)
	return err
}

// Forget takes names and fields from what the ledger keeps of an object that
// was erased, in the write that erases it: a person is not kept here.
func Forget(tx *store.Tx, which string) error {
	rows, err := tx.House().Query("SELECT kind, org, name FROM manifest_object WHERE id = $1", which)
	lines, err := store.Collect(rows, err, func(scan func(...any) error) (l line, err error) { return l, scan(&l.kind, &l.org, &l.name) })
	if err != nil {
		return err
	}
	for _, l := range lines {
		_, err := tx.House().Exec("UPDATE manifest_object SET name = $1, spec = '{}' WHERE kind = $2 AND org = $3 AND id = $4",
			erasedName(which, l.name), l.kind, string(l.org), which)
		if err != nil {
			return err
		}
	}
	return nil
}

// Deed is one apply that changed something, or took something in hand.
type Deed struct {
	ID      string       `json:"id" doc:"Of the apply"`
	At      time.Time    `json:"at" doc:"When it was done"`
	By      id.Principal `json:"by" doc:"Principal who did it"`
	Door    string       `json:"door" enum:"socket,folder,api,page" doc:"The way on which the documents came"`
	Digest  string       `json:"digest" doc:"Of the plan"`
	Files   []string     `json:"files" doc:"Names of the first twenty files"`
	Named   int          `json:"named" doc:"Objects that the documents name"`
	Created int          `json:"created" doc:"Objects that were made"`
	Updated int          `json:"updated" doc:"Objects that were changed"`
	Renamed int          `json:"renamed" doc:"Objects that were renamed"`
	Deleted int          `json:"deleted" doc:"Objects that were deleted"`
}

// deedsKept is how many applies are remembered here; the audit log has all.
const deedsKept = 500

func writeDeed(tx *store.Tx, d Deed) error {
	files, err := json.Marshal(d.Files)
	if err != nil {
		return err
	}
	house := tx.House()
	_, err = house.Exec(`INSERT INTO manifest_apply (id, at_, by_, door, digest, files, named, created, updated, renamed, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		d.ID, store.Micros(d.At), string(d.By), d.Door, d.Digest, string(files), int64(d.Named),
		int64(d.Created), int64(d.Updated), int64(d.Renamed), int64(d.Deleted))
	if err != nil {
		return err
	}
	_, err = house.Exec("DELETE FROM manifest_apply WHERE id <= (SELECT id FROM manifest_apply ORDER BY id DESC LIMIT 1 OFFSET $1)", int64(deedsKept))
	return err
}

func readDeeds(v *store.View, most int) ([]Deed, error) {
	rows, err := v.House().Query(`SELECT id, at_, by_, door, digest, files, named, created, updated, renamed, deleted
		FROM manifest_apply ORDER BY id DESC LIMIT $1`, int64(most))
	return store.Collect(rows, err, func(scan func(...any) error) (d Deed, err error) {
		var at int64
		var files string
		err = scan(&d.ID, &at, &d.By, &d.Door, &d.Digest, &files, &d.Named, &d.Created, &d.Updated, &d.Renamed, &d.Deleted)
		if d.At = store.FromMicros(at); err == nil {
			err = json.Unmarshal([]byte(files), &d.Files)
		}
		return d, err
	})
}

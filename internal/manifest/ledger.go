package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// ledger is what applies have brought about, or have taken in hand because it
// was there already as a document said.
type ledger map[lineKey]line

type lineKey struct {
	kind string
	org  id.Org
	id   string
}

func (l line) key() lineKey { return lineKey{l.kind, l.org, l.id} }

func (l ledger) has(kind string, org id.Org, which string) bool {
	_, ok := l[lineKey{kind, org, which}]
	return ok
}

// readLedger reads the lines of some kinds.
func readLedger(v *store.View, kinds []string) (ledger, error) {
	all := ledger{}
	for _, kind := range kinds {
		lines, err := readLines(v, kind)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			all[l.key()] = l
		}
	}
	return all, nil
}

// kindsOf are the kinds that documents name.
func kindsOf(docs []Document) []string {
	var all []string
	for _, doc := range docs {
		all = append(all, text(doc.Root.Get("kind")))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// erased begins the name of what was erased. What follows tells whether a
// document means the same name again, without telling the name.
const erased = "erased:"

func erasedName(which, name string) string {
	sum := sha256.Sum256([]byte(which + "/" + name))
	return erased + hex.EncodeToString(sum[:16])
}

// record writes what was applied, in the write that applied it.
func (a *attempt) record(tx *store.Tx, events []store.Event) ([]store.Event, error) {
	fresh, gone, err := a.lines()
	if err != nil || len(fresh)+len(gone)+len(events) == 0 {
		return nil, orNothing(err)
	}
	for _, l := range gone {
		if err := dropLine(tx, l); err != nil {
			return nil, err
		}
	}
	if err := writeLines(tx, fresh); err != nil {
		return nil, err
	}
	d := a.deed()
	a.plan.ID = d.ID
	return append(events, d.event()), writeDeed(tx, d)
}

func orNothing(err error) error {
	if err == nil {
		return errNothing
	}
	return err
}

// lines are those that change: what documents say now, and what is deleted or
// has come anew under the name of something that is gone.
func (a *attempt) lines() (fresh, gone []line, err error) {
	named := map[key][]line{}
	var erasures []line
	for _, l := range a.managed {
		if strings.HasPrefix(l.name, erased) {
			erasures = append(erasures, l)
		}
		at := key{l.kind, l.orgName, l.name}
		named[at] = append(named[at], l)
	}
	for _, e := range a.entries {
		now := line{kind: e.step.Kind, org: e.org, id: e.id, orgName: e.step.Org, name: e.step.Name, apply: a.ids[len(a.docs)], at: a.now}
		was, known := a.managed[now.key()]
		if e.step.Action == Delete {
			if known {
				gone = append(gone, was)
			}
			continue
		}
		for _, l := range named[e.key()] {
			if l.key() != now.key() && !a.lives[l.key()] {
				gone = append(gone, l)
			}
		}
		for _, l := range erasures {
			if l.kind == now.kind && l.orgName == now.orgName && l.name == erasedName(l.id, now.name) {
				gone = append(gone, l)
			}
		}
		fields, err := e.kind.plain(e.after)
		if err != nil {
			return nil, nil, err
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return nil, nil, err
		}
		if now.spec = string(text); !known || was.spec != now.spec || was.name != now.name || was.orgName != now.orgName || e.step.Action != None {
			fresh = append(fresh, now)
		}
	}
	return fresh, append(gone, a.lost...), nil
}

// filesMost is how many names of files an apply is remembered with.
const filesMost = 20

func (a *attempt) deed() Deed {
	n := a.plan.Counts()
	d := Deed{
		ID: a.ids[len(a.docs)], At: a.now, By: a.options.By, Door: a.options.Door, Digest: a.plan.Digest, Files: []string{}, Named: len(a.docs),
		Created: n[Create], Updated: n[Update], Renamed: n[Rename], Deleted: n[Delete],
	}
	for _, doc := range a.docs {
		if name := filepath.Base(doc.File); len(d.Files) < filesMost && !slices.Contains(d.Files, name) {
			d.Files = append(d.Files, name)
		}
	}
	return d
}

func (d Deed) event() store.Event {
	return store.Event{Name: "manifest.applied", By: d.By, Target: "manifest:" + d.ID, Fields: map[string]string{
		"door": d.Door, "digest": d.Digest, "files": strings.Join(d.Files, " "), "named": strconv.Itoa(d.Named),
		"changes": fmt.Sprintf("+%d ~%d >%d -%d", d.Created, d.Updated, d.Renamed, d.Deleted),
	}}
}

package ui

import (
	"context"
	"strconv"
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Manifests is what manifests manage and what has changed since.
type Manifests struct {
	Saved          string
	Managed        int
	Drift          []Drifted
	More           int // that are not shown
	Unmanaged      int
	Strange        []Strange // the unmanaged ones, where they are asked for
	StrangeMore    int
	Deeds          []Deed
	Apply, Export  string // addresses
	List, ListNone string // with and without the unmanaged ones
}

// Drifted is one object that is no longer as it was applied.
type Drifted struct {
	Kind, Name, Now string
	Gone            bool
	Changes         []Change
	Applied         time.Time
	By              Party     // who changed it last, as far as the reader may see
	At              time.Time // zero: not to be seen
	Log             string    // the records about it since
}

// Change is one field, before and after; "" where it is not there.
type Change struct{ Path, Before, After string }

// Strange is an object that no apply has brought about.
type Strange struct{ Kind, Name string }

// Deed is one apply.
type Deed struct {
	Log                                string
	At                                 time.Time
	By                                 Party
	Door, Files, Digest                string
	Created, Updated, Renamed, Deleted int
}

// Typed is one file of documents as it was sent.
type Typed struct{ Name, Text string }

// Documents is the form in which documents are sent, with what they would do.
type Documents struct {
	Action, Again, Back string
	Files               []Typed
	Prune               bool
	Title               string   // of what is wrong
	Wrong               []string // FILE:LINE: path: sentence
	WrongMore           int
	Notice              string // what happened since the plan was shown
	Plan                *Plan
}

// Plan is what documents would change.
type Plan struct {
	Steps  []Step
	More   int
	Counts string
	Empty  bool
	Spared string
	Takes  string // that objects are taken in hand as they are; "" for none
	Held   bool   // an apply waits for a second person
	Digest string
	Apply  string // address
}

// Step is one object of a plan. Kind of sign: create, update, rename, delete.
type Step struct {
	Action, Sign, Kind, Name, From, Needed string
	Changes                                []Change
}

func deedRows(ctx context.Context, deeds []Deed) []web.Row {
	var rows []web.Row
	for _, d := range deeds {
		rows = append(rows, web.Row{Href: d.Log, Cells: []templ.Component{
			web.Time(d.At), party(d.By), web.Text(web.Say(ctx, "console.manifest.door."+d.Door)), web.Text(tally(d)), web.Text(d.Files), digest(d.Digest),
		}})
	}
	return rows
}

// tally counts as plans do: +1 ~2 >0 -0.
func tally(d Deed) string {
	text := ""
	for _, one := range []struct {
		sign string
		n    int
	}{{"+", d.Created}, {"~", d.Updated}, {">", d.Renamed}, {"−", d.Deleted}} {
		text += one.sign + strconv.Itoa(one.n) + " "
	}
	return text
}

func strangeRows(all []Strange) []web.Row {
	var rows []web.Row
	for _, s := range all {
		rows = append(rows, web.Row{Cells: []templ.Component{web.Text(s.Kind), web.Text(s.Name)}})
	}
	return rows
}

// planKinds gives what happens to an object its badge.
var planKinds = map[string]string{"create": "good", "update": "wait", "rename": "wait", "delete": "bad"}

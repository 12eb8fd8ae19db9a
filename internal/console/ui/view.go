// Package ui is the pages of the console.
package ui

import (
	"context"
	"strconv"
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Search is what is looked for in the log, as it was typed.
type Search struct {
	Name, By, Target, Source, Session, Text, From, Until string
	FromError, UntilError                                string
	Action                                               string
	Of                                                   string // "house", or "" for the organization
}

func (s Search) empty() bool {
	return s.Name+s.By+s.Target+s.Source+s.Session+s.Text+s.From+s.Until == ""
}

// clear is the log without a search.
func (s Search) clear() string {
	if s.Of != "" {
		return s.Action + "?of=" + s.Of
	}
	return s.Action
}

// Log is a page of records.
type Log struct {
	Search  Search
	Records []Record
	// Before are the newer ones, After the older; "" where there is none.
	Before, After string
	JSONL, CSV    string // exports of what is found
	// Both: the reader may look at either; the addresses of each.
	Both                bool
	Organization, House string
}

// Party is who or what a record is about.
type Party struct {
	Whole string // "person:ID"
	Name  string // of a person
	Gone  bool   // a person who was deleted
	Href  string // of its page, "" for none that the reader may open
}

// Record is one line of the log.
type Record struct {
	Href, Name string
	By, Target Party
	At         time.Time
	Waits      bool
	Note       string // beside the name
}

// RecordPage is one record with the state of its proof: "pending", "integrated"
// or "covered".
type RecordPage struct {
	Name        string
	Details     []web.Detail
	Said        []web.Detail // the event's own fields
	State       string
	Index, Size int64
	SignedAt    time.Time
	Outside     []string
	Note        string
	Proof, Back string
	About       []Other
	Key         string // public, that checks the proof
	Command     string // that does it offline
}

// Other is a way to other records; Key is of its words.
type Other struct{ Key, Href string }

// Outside is one place that keeps checkpoints.
type Outside struct {
	Name   string
	At     time.Time
	Behind int64
	Error  string
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func recordRows(ctx context.Context, records []Record) []web.Row {
	say := saying(ctx)
	var rows []web.Row
	for _, record := range records {
		state := web.Badge("good", say("console.record.in-log"))
		if record.Waits {
			state = web.Badge("wait", say("console.record.waits"))
		}
		rows = append(rows, web.Row{Href: record.Href, Cells: []templ.Component{
			noted(web.Event(ctx, record.Name), record.Note), by(record.By), on(record.Target), web.Time(record.At), state,
		}})
	}
	return rows
}

func outsideRows(places []Outside, say func(string) string) []web.Row {
	var rows []web.Row
	for _, place := range places {
		state, at := web.Badge("good", say("console.outside.up")), web.Text(say("console.never"))
		if place.Behind > 0 {
			state = web.Badge("wait", say("console.outside.behind"))
		}
		if place.Error != "" {
			state = web.Badge("bad", say("console.outside.failing"))
		}
		if !place.At.IsZero() {
			at = web.Time(place.At)
		}
		rows = append(rows, web.Row{Cells: []templ.Component{
			web.Text(place.Name), state, at, web.Text(number(place.Behind)), web.Text(place.Error),
		}})
	}
	return rows
}

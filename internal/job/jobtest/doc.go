// Package jobtest is the rig that shows that effects are done once: a parent
// plays three outside systems whose effect lands whether or not the caller
// lives, and kills its worker process again and again while that decides,
// releases, writes back and takes back. It is test support; a benchmark may run
// it too. The same rig with a naive recovery must double, else it shows
// nothing.
package jobtest

import (
	"crypto/rand"
	"embed"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// Schema is the tables of the rig's own.
//
//go:embed schema
var Schema embed.FS

// Recovery is what a worker does at its start with the rows that it finds
// inflight.
type Recovery string

// The recoveries. The naive ones are written into the rows by the worker, past
// the desk, which has no such thing.
const (
	Fenced Recovery = "fence, probe, re-stamp"
	Retry  Recovery = "retry"
	Probe  Recovery = "probe, then retry"
)

// The three kinds of outside systems.
const (
	idempotent = "idempotent" // does a key once
	field      = "field"      // a correlation field that GET shows
	comment    = "comment"    // nothing but comments, the marker in their text
)

var kinds = []string{idempotent, field, comment}

// kindOf and ticketOf spread the decisions.
func kindOf(n int) string   { return kinds[n%len(kinds)] }
func ticketOf(n int) string { return fmt.Sprintf("T-%d", n/len(kinds)%tickets) }

const tickets = 60 // of each system

// Figures are what a run gave.
type Figures struct {
	Engine    string        `json:"engine"`
	Recovery  Recovery      `json:"recovery"`
	Effects   int           `json:"effects"`
	Kills     int           `json:"kills"`
	Took      time.Duration `json:"took"`
	Lost      int           `json:"lost"`       // decided, and not done outside
	Doubled   int           `json:"doubled"`    // done outside more than once
	Parked    int           `json:"parked"`     // waiting for an operator, without reason
	Unwritten int           `json:"unwritten"`  // without exactly one record of its end
	Forgotten int           `json:"forgotten"`  // acknowledged, and not in the database
	Half      int           `json:"half"`       // decision, effect, release or taking back without the other
	Disorder  int           `json:"disorder"`   // landed before an earlier one of its ticket
	Reclaimed int           `json:"reclaimed"`  // claimed more than once
	Twice     int           `json:"sent_twice"` // called more than once
}

// Whole reports whether nothing was lost, doubled, left half done or unsaid.
func (f Figures) Whole() bool {
	return f.Lost+f.Doubled+f.Parked+f.Unwritten+f.Forgotten+f.Half+f.Disorder == 0
}

// Print writes runs as a table.
func Print(w io.Writer, runs ...Figures) {
	const line = "%-9s %-23s %8s %6s %8s %5s %8s %7s %10s %10s %5s %9s %10s %11s\n"
	_, _ = fmt.Fprintf(w, line, "engine", "recovery", "effects", "kills", "seconds", "lost", "doubled", "parked",
		"unwritten", "forgotten", "half", "disorder", "claimed >1", "sent twice")
	for _, f := range runs {
		_, _ = fmt.Fprintf(w, line, f.Engine, f.Recovery, d(f.Effects), d(f.Kills), fmt.Sprintf("%.1f", f.Took.Seconds()),
			d(f.Lost), d(f.Doubled), d(f.Parked), d(f.Unwritten), d(f.Forgotten), d(f.Half), d(f.Disorder), d(f.Reclaimed), d(f.Twice))
	}
}

func d(n int) string { return fmt.Sprint(n) }

// Between is a random duration from a on and below b.
func Between(a, b time.Duration) time.Duration {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	return a + time.Duration(binary.BigEndian.Uint64(raw[:])%uint64(b-a)) //nolint:gosec // b > a, both small
}

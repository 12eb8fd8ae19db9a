package house

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// The bounds from which doctor speaks up; the console's page of the system has
// the same.
const (
	driftWarn, driftBad = time.Second, 30 * time.Second
	outsideMost         = 2000 // records that a place outside does not cover
	backupMost          = 7 * 24 * time.Hour
	effectMost          = 10 * time.Minute
)

// pace looks whether the clock of the database runs with ours, and whether the
// places outside keep up with the log.
func (d *doctor) pace(ctx context.Context, s *store.Store) {
	vitals, err := s.Vitals(ctx)
	if err != nil {
		d.broken("database", err)
		return
	}
	if s.Engine() == "postgres" { // SQLite has no clock of its own
		level, key := Fine, "clock.fits"
		switch by := vitals.Ahead.Abs(); {
		case by > driftBad:
			level, key = Bad, "clock.apart"
		case by > driftWarn:
			level, key = Warn, "clock.drifts"
		}
		d.say(level, key, "by", vitals.Ahead.Abs().Round(time.Millisecond))
	}
	out, err := d.config.Egress.client()
	if err != nil {
		d.broken("networks", err)
		return
	}
	places, err := d.config.Audit.places(out)
	if err != nil {
		d.broken("configuration", err)
		return
	}
	states, err := audit.New(audit.Options{Store: s, Clock: d.clock, Outside: places}).OutsideStates(ctx)
	if err != nil {
		d.broken("log", err)
	}
	for _, o := range states {
		level, key := Fine, "outside.kept"
		switch {
		case o.Error != "":
			level, key = Bad, "outside.fails"
		case o.Behind > outsideMost:
			level, key = Warn, "outside.behind"
		}
		d.say(level, key, "name", o.Name, "count", o.Behind)
	}
}

// backups looks when the last one was made, as the log tells it.
func (d *doctor) backups(ctx context.Context, s *store.Store) {
	const made = "backup.made"
	log := audit.New(audit.Options{Store: s, Clock: d.clock})
	n, err := log.Tallied(ctx, made)
	if err != nil {
		d.broken("log", err)
		return
	}
	last, found, err := log.Last(ctx, made)
	switch age := d.clock.Now().Sub(last.At); {
	case err != nil:
		d.broken("log", err)
	case n == 0:
		d.say(Warn, "backup.never")
	case !found: // archived: that is long ago
		d.say(Warn, "backup.old", "days", int(backupMost.Hours()/24))
	case age > backupMost:
		d.say(Warn, "backup.old", "days", int(age.Hours()/24))
	default:
		d.say(Fine, "backup.fresh", "at", last.At.UTC().Format(time.DateTime))
	}
}

// effects looks for what the house was to do elsewhere and did not.
func (d *doctor) effects(ctx context.Context, s *store.Store) {
	all, err := job.Counts(ctx, s)
	if err != nil {
		d.broken("database", err)
		return
	}
	parked, waits := 0, time.Duration(0)
	for _, c := range all {
		if c.State == job.Parked {
			parked += c.Number
		} else {
			waits = max(waits, d.clock.Now().Sub(c.Oldest))
		}
	}
	switch {
	case parked > 0:
		d.say(Bad, "effects.parked", "count", parked)
	case waits > effectMost:
		d.say(Warn, "effects.wait", "age", waits.Round(time.Second))
	default:
		d.say(Fine, "effects.done")
	}
}

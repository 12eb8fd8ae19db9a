// Package rota knows who is on call: people in turns, with the hour at which
// they hand over in a time zone, and others in their place for a time. Policies
// of the hall ask it by the name of a rota; whoever is on call then decides, and
// an open question follows the handover.
//
// Days are counted as a calendar counts them. Where the clock is put forward
// over the hour of the handover, it is at the moment in which the clock jumps;
// where the hour comes twice, it is at the first.
//
// Read first: rota.go (who is on call when), then room.go.
package rota

import (
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/paper"
)

// Rota is what a rota says. Times of the day are of its zone.
type Rota struct {
	Title    string   `yaml:"title,omitempty" json:"title,omitempty" doc:"What people call it"`
	TimeZone string   `yaml:"time_zone,required" json:"time_zone" doc:"IANA name: Asia/Tokyo"`
	Handover string   `yaml:"handover,omitempty" json:"handover,omitempty" doc:"Hour of the handover, 09:00 if empty"`
	Turn     int      `yaml:"turn,omitempty" json:"turn,omitempty" doc:"Days of one turn, 7 if 0"`
	Starts   string   `yaml:"starts,required" json:"starts" doc:"Day on which the first one's first turn begins: 2026-11-23"`
	People   []string `yaml:"people,required" json:"people" doc:"Who takes turns, in this order: ids, in manifests logins"`
	// Overrides go before turns.
	Overrides []Override `yaml:"overrides,omitempty" json:"overrides,omitempty" doc:"Who is on call instead for a time"`
}

// Override is somebody who is on call instead, from From until before Until.
type Override struct {
	Person string    `yaml:"person,required" json:"person" doc:"Id of the person, in manifests the login"`
	From   time.Time `yaml:"from,required" json:"from" doc:"When it begins"`
	Until  time.Time `yaml:"until,required" json:"until" doc:"When it is over, exclusive"`
}

// Bounds of a rota.
const (
	titleMost, peopleMost, overridesMost, turnMost = 200, 50, 50, 366
	usualHandover, usualTurn                       = "09:00", 7
)

const hourForm = "15:04"

// check fills in what was not said, and says all that is wrong.
func check(r *Rota, bad *fault.Checks) {
	if r.Handover == "" {
		r.Handover = usualHandover
	}
	if r.Turn == 0 {
		r.Turn = usualTurn
	}
	if _, err := time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "" || r.TimeZone == "Local" {
		bad.Add("time_zone", "rota-zone-unknown")
	}
	if _, err := time.Parse(hourForm, r.Handover); err != nil || len(r.Handover) != len(hourForm) {
		bad.Add("handover", "rota-not-an-hour")
	}
	if _, err := time.Parse(time.DateOnly, r.Starts); err != nil {
		bad.Add("starts", "rota-not-a-day")
	}
	paper.Within(bad, "turn", r.Turn, 1, turnMost)
	paper.CheckText(bad, "title", r.Title, titleMost, false)
	if len(r.People) == 0 {
		bad.Add("people", "field-required")
	}
	if len(r.People) > peopleMost {
		bad.Add("people", "list-too-long", "limit", peopleMost)
	}
	if len(r.Overrides) > overridesMost {
		bad.Add("overrides", "list-too-long", "limit", overridesMost)
	}
	checkOverrides(r, bad)
}

// checkOverrides refuses two at a time: who is on call must be clear.
func checkOverrides(r *Rota, bad *fault.Checks) {
	for i := range r.Overrides {
		o := &r.Overrides[i]
		o.From, o.Until = o.From.UTC().Truncate(time.Second), o.Until.UTC().Truncate(time.Second)
		if o.From.IsZero() || o.Until.IsZero() || !o.Until.After(o.From) {
			bad.Add("overrides", "rota-override-ends-before")
		}
	}
	slices.SortFunc(r.Overrides, func(a, b Override) int { return a.From.Compare(b.From) })
	for i := 1; i < len(r.Overrides); i++ {
		if r.Overrides[i].From.Before(r.Overrides[i-1].Until) {
			bad.Add("overrides", "rota-overrides-overlap")
		}
	}
}

// Turn is a time during which one person is on call.
type Turn struct {
	Person      string // "" for nobody: it has not begun
	From, Until time.Time
	Instead     bool // by an override
}

// zone is the rota's, UTC if it is gone from the machine.
func (r Rota) zone() *time.Location {
	if zone, err := time.LoadLocation(r.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// day counts days of the calendar.
func day(year int, month time.Month, date int) int64 {
	return time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
}

// moment is when a zone's clock shows an hour of a day: the first time where it
// shows it twice, and the moment of the jump where it never does.
func moment(days int64, hour, minute int, zone *time.Location) time.Time {
	shown := time.Unix(days*24*60*60, 0).UTC().Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	_, before := shown.Add(-30 * time.Hour).In(zone).Zone()
	_, after := shown.Add(30 * time.Hour).In(zone).Zone()
	var found []time.Time
	for _, offset := range []int{before, after} {
		at := shown.Add(-time.Duration(offset) * time.Second)
		if _, really := at.In(zone).Zone(); really == offset {
			found = append(found, at)
		}
	}
	if len(found) == 0 {
		jump, _ := shown.Add(-time.Duration(before) * time.Second).In(zone).ZoneBounds()
		return jump
	}
	return slices.MinFunc(found, time.Time.Compare)
}

// handover is when it is handed over on a day.
func (r Rota) handover(days int64) time.Time {
	at, _ := time.Parse(hourForm, r.Handover)
	return moment(days, at.Hour(), at.Minute(), r.zone())
}

// turn is whose turn it is at a time, without overrides.
func (r Rota) turn(at time.Time) Turn {
	start, err := time.Parse(time.DateOnly, r.Starts)
	if err != nil || r.Turn < 1 || len(r.People) == 0 {
		return Turn{}
	}
	first := day(start.Date())
	today := day(at.In(r.zone()).Date())
	for at.Before(r.handover(today)) {
		today--
	}
	if today < first {
		return Turn{Until: r.handover(first)}
	}
	n := (today - first) / int64(r.Turn)
	begun := first + n*int64(r.Turn)
	return Turn{Person: r.People[n%int64(len(r.People))], From: r.handover(begun), Until: r.handover(begun + int64(r.Turn))}
}

// At is who is on call at a time, and from when until when it stays so.
func (r Rota) At(at time.Time) Turn {
	now := r.turn(at)
	for _, o := range r.Overrides {
		switch {
		case !at.Before(o.From) && at.Before(o.Until):
			return Turn{Person: o.Person, From: o.From, Until: o.Until, Instead: true}
		case o.From.After(at) && o.From.Before(now.Until):
			now.Until = o.From
		case !o.Until.After(at) && o.Until.After(now.From):
			now.From = o.Until
		}
	}
	return now
}

// Next are the turns from a time on.
func (r Rota) Next(at time.Time, n int) (all []Turn) {
	for range n {
		now := r.At(at)
		if now.Until.IsZero() {
			return all
		}
		all, at = append(all, now), now.Until
	}
	return all
}

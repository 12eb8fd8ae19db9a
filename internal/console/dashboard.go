package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Register counts who and what there is at this moment, in one statement each;
// "" is the whole house.
type Register interface {
	// Members is how many members are active and how many are invited; in the
	// house people instead of members.
	Members(ctx context.Context, org id.Org) (active, invited int64, err error)
	// Sessions is how many sessions stand.
	Sessions(ctx context.Context, org id.Org) (int64, error)
}

// Span is how far back a dashboard looks.
type Span string

// The spans.
const (
	Day     Span = "day"     // 24 hours
	Month   Span = "month"   // 30 days
	Quarter Span = "quarter" // 12 weeks
)

// spans are the spans, the shortest first, with how many stretches each has.
var spans = []struct {
	Span Span
	N    int
}{{Day, 24}, {Month, 30}, {Quarter, 12}}

// moments are where the stretches of a span begin, and the end of the last one:
// hours, days or weeks of the zone, of which the last is not over. Days of a
// zone that is half an hour apart from the others begin at the whole hour
// before: tallies are kept by the hour.
func (s Span) moments(now time.Time, zone *time.Location) ([]time.Time, error) {
	local := now.In(zone)
	midnight := func(days int) time.Time {
		return time.Date(local.Year(), local.Month(), local.Day()+days, 0, 0, 0, 0, zone)
	}
	i := slices.IndexFunc(spans, func(one struct {
		Span Span
		N    int
	},
	) bool {
		return one.Span == s
	})
	if i < 0 {
		return nil, fault.New(fault.Invalid, "dashboard-span-unknown", "span", string(s))
	}
	n := spans[i].N
	all := make([]time.Time, n+1)
	for k := range all {
		switch s {
		case Day:
			all[k] = now.Truncate(time.Hour).Add(time.Duration(k+1-n) * time.Hour)
		case Month:
			all[k] = midnight(k + 1 - n)
		case Quarter:
			monday := -(int(local.Weekday()) + 6) % 7
			all[k] = midnight(monday + 7*(k+1-n))
		}
	}
	return all, nil
}

// The events that dashboards count.
const (
	signedIn  = "session.begun"
	steppedUp = "session.stepped-up"
	turnedOff = "signin.refused"
	refused   = "refused"
	refusals  = "refused.counted"
	invited   = "invitation.made"
	accepted  = "invitation.accepted"
	joined    = "member.added"
	left      = "member.removed"
)

var dashboardEvents = []string{signedIn, steppedUp, turnedOff, refused, refusals, invited, accepted, joined, left}

// Drawing is a further picture of a dashboard, of what other rooms write into
// the log: its title is the word "console.chart." + Name, what it is about
// "….about", and the name of a line "console.course." + Key.
type Drawing struct {
	Name  string
	Lines []Curve
}

// Curve is how often any of the events happened.
type Curve struct {
	Key    string
	Events []string
}

// Course is how often something happened in each stretch.
type Course []int64

// Sum is how often it happened in all.
func (c Course) Sum() (n int64) {
	for _, one := range c {
		n += one
	}
	return n
}

// Share is how often something of a kind happened. Own is how many of them the
// records that the reader can look at tell of.
type Share struct {
	Name   string
	N, Own int64
}

// Dashboard is what happened, by stretches of time; Moments has one more than
// the courses: its end.
type Dashboard struct {
	Span    Span
	Moments []time.Time
	// SignIns of the stretches: done, refused, and confirmed again.
	Done, Refused, StepUps Course
	Invited, Accepted      Course
	Joined, Left           Course
	Drawn                  map[string]Course // the lines of further pictures, by key
	// Refusals of every request, by code, and sign-ins by way; the most first.
	Reasons, Ways             []Share
	Active, Pending, Sessions int64 // now
}

// Dashboard counts what happened in an organization or in the house with all
// its organizations. It leaves no record: it shows none. The reader is who may
// read the records.
func (r *Room) Dashboard(ctx context.Context, reader audit.Reader, span Span, zone *time.Location) (d Dashboard, err error) {
	if d.Moments, err = span.moments(r.clock.Now(), zone); err != nil {
		return d, err
	}
	d.Span = span
	of := reader.Org
	if reader.Own || of == "" {
		of = audit.Everywhere
		reader.Org = ""
	}
	wanted := slices.Clone(dashboardEvents)
	for _, line := range r.lines() {
		wanted = append(wanted, line.Events...)
	}
	tallies, err := r.audit.Tallies(ctx, of, d.Moments, wanted...)
	if err != nil {
		return d, err
	}
	own := tallies
	if of == audit.Everywhere {
		if own, err = r.audit.Tallies(ctx, "", d.Moments, turnedOff, refused, refusals); err != nil {
			return d, err
		}
	}
	d.count(tallies, own, r.signIn)
	d.draw(tallies, r.lines())
	if d.Active, d.Pending, err = r.register.Members(ctx, reader.Org); err != nil {
		return d, err
	}
	d.Sessions, err = r.register.Sessions(ctx, reader.Org)
	return d, err
}

// count puts tallies where they are drawn.
func (d *Dashboard) count(all, own []audit.Tally, signIn []string) {
	n := len(d.Moments) - 1
	courses := map[string]*Course{
		signedIn: &d.Done, steppedUp: &d.StepUps, invited: &d.Invited, accepted: &d.Accepted, joined: &d.Joined, left: &d.Left,
	}
	d.Refused = make(Course, n)
	for _, c := range courses {
		*c = make(Course, n)
	}
	reasons, ways := shares{}, shares{}
	for _, t := range all {
		switch t.Name {
		case turnedOff, refused, refusals:
			reasons.add(t.Detail, t.N, 0)
			if t.Name == turnedOff || slices.Contains(signIn, t.Detail) {
				d.Refused[t.Stretch] += t.N
			}
			continue
		case signedIn:
			ways.add(t.Detail, t.N, 0)
		}
		if c := courses[t.Name]; c != nil {
			(*c)[t.Stretch] += t.N
		}
	}
	for _, t := range own {
		switch t.Name {
		case turnedOff, refused, refusals:
			reasons.add(t.Detail, 0, t.N)
		case signedIn:
			ways.add(t.Detail, 0, t.N)
		}
	}
	d.Reasons, d.Ways = reasons.most(), ways.most()
}

// draw puts tallies on the lines of further pictures.
func (d *Dashboard) draw(all []audit.Tally, lines []Curve) {
	d.Drawn = map[string]Course{}
	for _, line := range lines {
		c := make(Course, len(d.Moments)-1)
		for _, t := range all {
			if slices.Contains(line.Events, t.Name) {
				c[t.Stretch] += t.N
			}
		}
		d.Drawn[line.Key] = c
	}
}

func (r *Room) lines() (all []Curve) {
	for _, one := range r.drawings {
		all = append(all, one.Lines...)
	}
	return all
}

// shares collects by name.
type shares map[string]*Share

func (s shares) add(name string, n, own int64) {
	if s[name] == nil {
		s[name] = &Share{Name: name}
	}
	s[name].N, s[name].Own = s[name].N+n, s[name].Own+own
}

func (s shares) most() []Share {
	all := []Share{}
	for _, one := range s {
		if one.N > 0 {
			all = append(all, *one)
		}
	}
	slices.SortFunc(all, func(a, b Share) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return all
}

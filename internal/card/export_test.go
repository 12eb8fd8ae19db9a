package card

import "time"

// TieMap is what Read is given besides the tie.
func TieMap(all []Tie) map[place]Tie {
	ties := map[place]Tie{}
	for _, t := range all {
		ties[place{t.System, t.Person}] = t
	}
	return ties
}

// When says when somebody is told.
func When(p Preference, now time.Time, zone *time.Location, held bool) time.Time {
	return p.when(now, zone, held)
}

// NextAt opens when a clock shows a minute next to tests.
func NextAt(local time.Time, m Minute) time.Time { return nextAt(local, m) }

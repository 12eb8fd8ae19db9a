package store

import "time"

// AwayMost sets how long a database may take to begin or end a transaction, and
// returns how to take that back.
func AwayMost(d time.Duration) (back func()) {
	before := awayMost
	awayMost = d
	return func() { awayMost = before }
}

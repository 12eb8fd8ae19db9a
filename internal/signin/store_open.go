package signin

import (
	"time"

	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// openAfter reads a page of the sessions that stand in an organization, the
// newest first. v is the organization's own.
func openAfter(v *store.View, s org.Stretch, now time.Time) ([]Session, error) {
	rows, err := v.Query(sessionColumns+`WHERE org = $1 AND id < $2 AND (CAST($3 AS BIGINT) = 0 OR person IN ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14))
		AND ends > $15 AND seen + idle / 1000 >= $15 ORDER BY id DESC LIMIT $4`, append(s.Args(), store.Micros(now))...)
	return store.Collect(rows, err, scanSession)
}

// openIn reads one session in an organization; store.ErrNoRow if there is none.
// v is the organization's own.
func openIn(v *store.View, which string) (Session, error) {
	return scanSession(v.Row(sessionColumns+"WHERE org = $1 AND id = $2", which).Scan)
}

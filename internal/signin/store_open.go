package signin

import (
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// openAfter reads the sessions that stand in an organization from a place on,
// the newest first; only those of some people, or all if of is nil. v is the
// organization's own.
func openAfter(v *store.View, after string, of []id.Person, now time.Time, limit int) ([]Session, error) {
	args := []any{after, int64(len(of)), store.Micros(now), int64(limit)}
	for i := range fitting {
		who := ""
		if i < len(of) {
			who = string(of[i])
		}
		args = append(args, who)
	}
	rows, err := v.Query(sessionColumns+`WHERE org = $1 AND id < $2 AND (CAST($3 AS BIGINT) = 0 OR person IN ($6, $7, $8, $9, $10, $11, $12, $13, $14, $15))
		AND ends > $4 AND seen + idle / 1000 >= $4 ORDER BY id DESC LIMIT $5`, args...)
	return store.Collect(rows, err, scanSession)
}

// openIn reads one session in an organization; store.ErrNoRow if there is none.
// v is the organization's own.
func openIn(v *store.View, which string) (Session, error) {
	return scanSession(v.Row(sessionColumns+"WHERE org = $1 AND id = $2", which).Scan)
}

package signin

import (
	"time"

	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// levelOf is factor.Level of the column methods.
const levelOf = `CASE WHEN methods LIKE '%"passkey"%' OR methods LIKE '%"password"%' AND (methods LIKE '%"totp"%' OR methods LIKE '%"recovery"%') THEN 'aal2'
	WHEN methods LIKE '%"password"%' OR methods LIKE '%"totp"%' OR methods LIKE '%"recovery"%' THEN 'aal1' ELSE 'aal0' END`

// openAfter reads a page of the sessions that stand in an organization, the
// newest first, "" or of one level. v is the organization's own.
func openAfter(v *store.View, s org.Stretch, level string, now time.Time) ([]Session, error) {
	rows, err := v.Query(sessionColumns+`WHERE org = $1 AND id < $2 AND (CAST($3 AS BIGINT) = 0 OR person IN ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14))
		AND ends > $15 AND seen + idle / 1000 >= $15 AND (CAST($16 AS TEXT) = '' OR `+levelOf+` = $16) ORDER BY id DESC LIMIT $4`,
		append(s.Args(), store.Micros(now), words.Kept(level))...)
	return store.Collect(rows, err, scanSession)
}

// openIn reads one session in an organization; store.ErrNoRow if there is none.
// v is the organization's own.
func openIn(v *store.View, which string) (Session, error) {
	return scanSession(v.Row(sessionColumns+"WHERE org = $1 AND id = $2", which).Scan)
}

// endIn deletes sessions in an organization and returns those that there were.
func endIn(tx *store.Tx, which []Session) (ended []Session, err error) {
	for _, one := range which {
		n, err := tx.Exec("DELETE FROM session WHERE org = $1 AND id = $2", one.ID)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			ended = append(ended, one)
		}
	}
	return ended, nil
}

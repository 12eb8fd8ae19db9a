package signin

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// lookUp reads by an unguessable value: a cookie, a token, a passkey's id. It
// is the one place where the room looks at the whole house.
func (r *Room) lookUp(ctx context.Context, f func(*store.View) error) error {
	return r.store.House().Read(ctx, f)
}

const sessionColumns = `SELECT id, person, org, methods, begun, strong, seen, idle, ends, browser, source, device FROM session `

func scanSession(scan func(...any) error) (Session, error) {
	var s Session
	var methods string
	var begun, strong, seen, ends int64
	err := scan(&s.ID, &s.Person, &s.Org, &methods, &begun, &strong, &seen, &s.Idle, &ends, &s.Browser, &s.Source, &s.Device)
	if err != nil {
		return s, err
	}
	s.Begun, s.Strong, s.Seen, s.Ends = store.FromMicros(begun), store.FromMicros(strong), store.FromMicros(seen), store.FromMicros(ends)
	return s, json.Unmarshal([]byte(methods), &s.Proofs)
}

func sessionByHash(v *store.View, hash string) (Session, error) {
	return scanSession(v.Row(sessionColumns+"WHERE hash = $1", hash).Scan)
}

func sessionOf(v *store.View, which string) (Session, error) {
	return scanSession(v.Row(sessionColumns+"WHERE person = $1 AND id = $2", which).Scan)
}

func sessionsOf(v *store.View, now time.Time) ([]Session, error) {
	rows, err := v.Query(sessionColumns+"WHERE person = $1 AND ends > $2 ORDER BY begun DESC, id", store.Micros(now))
	all, err := store.Collect(rows, err, scanSession)
	return slices.DeleteFunc(all, func(s Session) bool { return s.over(now) }), err
}

func insertSession(tx *store.Tx, s Session, hash string) error {
	methods, err := json.Marshal(s.Proofs)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO session (person, id, hash, org, methods, begun, strong, seen, idle, ends, browser, source, device)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		s.ID, hash, string(s.Org), string(methods), store.Micros(s.Begun), store.Micros(s.Strong), store.Micros(s.Seen), int64(s.Idle),
		store.Micros(s.Ends), s.Browser, s.Source, s.Device)
	return err
}

func updateSession(tx *store.Tx, s Session, hash string) (bool, error) {
	methods, err := json.Marshal(s.Proofs)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`UPDATE session SET hash = $2, org = $3, methods = $4, strong = $5, idle = $6, ends = $7, source = $8
		WHERE person = $1 AND id = $9`,
		hash, string(s.Org), string(methods), store.Micros(s.Strong), int64(s.Idle), store.Micros(s.Ends), s.Source, s.ID)
	return n > 0, err
}

func deleteSession(tx *store.Tx, which string) (bool, error) {
	n, err := tx.Exec("DELETE FROM session WHERE person = $1 AND id = $2", which)
	return n > 0, err
}

func deleteSessions(tx *store.Tx, but string) (int64, error) {
	return tx.Exec("DELETE FROM session WHERE person = $1 AND id <> $2", but)
}

// dropAttempts forgets some counted answers that are over: single sources and
// stand-ins of logins that nobody has after a day, and of the latter what is
// beyond most, the oldest first, so that made-up logins never fill the table. A
// person's own count of all sources stays until they sign in (A045). It returns
// how many it dropped; none when there is nothing left to drop.
func dropAttempts(tx *store.Tx, now time.Time, most, some int64) (int64, error) {
	n, err := tx.Exec(`DELETE FROM attempt WHERE (person, source) IN
		(SELECT person, source FROM attempt WHERE last < $1 AND (source <> '' OR person LIKE '?%') LIMIT $2)`,
		store.Micros(now.Add(-24*time.Hour)), some)
	if err != nil || n > 0 {
		return n, err
	}
	var many int64
	if err := tx.Row("SELECT COUNT(*) FROM attempt WHERE person LIKE '?%'").Scan(&many); err != nil || many <= most {
		return 0, err
	}
	return tx.Exec(`DELETE FROM attempt WHERE (person, source) IN
		(SELECT person, source FROM attempt WHERE person LIKE '?%' ORDER BY last LIMIT $1)`, min(many-most, some))
}

// seenAndOver writes when sessions were last seen and removes those whose time
// is over. Neither tells anybody anything new, so no witness is needed.
func (r *Room) seenAndOver(ctx context.Context, seen map[string]time.Time, now time.Time) (err error) {
	ids := slices.Sorted(maps.Keys(seen))
	for len(ids) > 0 || seen != nil {
		chunk := ids[:min(len(ids), 100)]
		ids = ids[len(chunk):]
		err = r.store.House().Append(ctx, func(tx *store.Tx) store.End {
			for _, which := range chunk {
				if _, err := tx.Exec("UPDATE session SET seen = $1 WHERE id = $2 AND seen < $1", store.Micros(seen[which]), which); err != nil {
					return store.Abort(err)
				}
			}
			if _, err := tx.Exec("DELETE FROM session WHERE ends <= $1", store.Micros(now)); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietSeen)
		})
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			break
		}
	}
	for dropped := int64(1); err == nil && dropped > 0; {
		err = r.store.House().Append(ctx, func(tx *store.Tx) store.End {
			if dropped, err = dropAttempts(tx, now, mostStrangers, mostDropped); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietCount)
		})
	}
	return err
}

// mostDropped bounds one write, so that nobody waits behind it.
const mostDropped = 2000

// endAllSessions ends everybody's sessions and browsers' standing: after a
// restore nothing counts that was given out before (A160).
func endAllSessions(tx *store.Tx) (int64, error) {
	if _, err := tx.Exec("DELETE FROM known_device"); err != nil {
		return 0, err
	}
	return tx.Exec("DELETE FROM session")
}

// erase removes all that the room keeps of a person.
func erase(tx *store.Tx) error {
	for _, statement := range []string{
		"DELETE FROM session WHERE person = $1", "DELETE FROM attempt WHERE person = $1", "DELETE FROM known_device WHERE person = $1",
		"DELETE FROM preference WHERE person = $1",
	} {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// lastOrg reads where the person acted last; "" if they never chose.
func lastOrg(v *store.View) (which id.Org, err error) {
	err = v.Row("SELECT org FROM preference WHERE person = $1").Scan(&which)
	if err == store.ErrNoRow {
		return "", nil
	}
	return which, err
}

func rememberOrg(tx *store.Tx, which id.Org) error {
	_, err := tx.Exec(`INSERT INTO preference (person, org) VALUES ($1, $2) ON CONFLICT (person) DO UPDATE SET org = excluded.org`, string(which))
	return err
}

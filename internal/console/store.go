package console

import (
	"context"
	"strconv"

	"github.com/sekisho/sekisho/internal/store"
)

func insertSession(tx *store.Tx, s Session, hash string) error {
	_, err := tx.Exec("INSERT INTO setup_session (id, hash, begun, ends) VALUES ($1, $2, $3, $4)",
		s.ID, hash, store.Micros(s.At), store.Micros(s.Until))
	if err != nil {
		return err
	}
	return tx.Touch(sessionTopic)
}

func endSession(tx *store.Tx, which string) error {
	if _, err := tx.Exec("DELETE FROM setup_session WHERE id = $1", which); err != nil {
		return err
	}
	return tx.Touch(sessionTopic)
}

func endSessions(tx *store.Tx) (int64, error) {
	n, err := tx.Exec("DELETE FROM setup_session")
	if err != nil {
		return 0, err
	}
	return n, tx.Touch(sessionTopic)
}

// loadSessions reads every set-up session that is not over, by its hash. There
// are as many as links were redeemed within an hour.
func (r *Room) loadSessions(ctx context.Context) error {
	r.loading.Lock() // an older look must not overwrite a newer one
	defer r.loading.Unlock()
	sessions := map[string]Session{}
	now := store.Micros(r.clock.Now())
	err := r.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT id, hash, begun, ends FROM setup_session WHERE ends > $1", now)
		if err != nil {
			return err
		}
		for rows.Next() {
			var s Session
			var hash string
			var begun, ends int64
			if err := rows.Scan(&s.ID, &hash, &begun, &ends); err != nil {
				return err
			}
			s.At, s.Until = store.FromMicros(begun), store.FromMicros(ends)
			sessions[hash] = s
		}
		return rows.Close()
	})
	if err == nil {
		r.sessions.Store(&sessions)
	}
	return err
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// EndAll ends every set-up session, as a restore does (A160), and returns how
// many there were.
func EndAll(tx *store.Tx) (int64, error) { return endSessions(tx) }

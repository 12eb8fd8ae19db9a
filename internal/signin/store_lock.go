package signin

import (
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// Every statement here reaches the rows of one owner: a person, or the stand-in
// of a login that nobody has. Both take the same statements (A047).

// failures counts wrong answers for a person since the last right one, from all
// sources.
func failures(v *store.View) (fails int64, err error) {
	err = v.Row("SELECT COALESCE(SUM(fails), 0) FROM attempt WHERE person = $1 AND source = ''").Scan(&fails)
	return fails, err
}

// addAttempt counts one more answer from a source, unless its time has not come
// yet: then it returns when it comes, and counts nothing.
func addAttempt(tx *store.Tx, source string, pause func(fails int64) time.Duration) (until time.Time, err error) {
	var fails, next int64
	now := store.Micros(tx.Now())
	err = tx.Row("UPDATE attempt SET fails = fails + 1, last = $2 WHERE person = $1 AND source = $3 AND until <= $2 RETURNING fails",
		now, source).Scan(&fails)
	switch {
	case err == nil:
		_, err = tx.Exec("UPDATE attempt SET until = $2 WHERE person = $1 AND source = $3", now+pause(fails).Microseconds(), source)
		return time.Time{}, err
	case !errors.Is(err, store.ErrNoRow):
		return time.Time{}, err
	}
	n, err := tx.Exec(`INSERT INTO attempt (person, source, fails, first, last, until) VALUES ($1, $2, 1, $3, $3, 0)
		ON CONFLICT (person, source) DO NOTHING`, source, now)
	if err != nil || n > 0 {
		return time.Time{}, err
	}
	err = tx.Row("SELECT until FROM attempt WHERE person = $1 AND source = $2", source).Scan(&next)
	return store.FromMicros(max(next, now+1)), err
}

// addFailure counts one more answer from any source and returns how many were
// counted before.
func addFailure(tx *store.Tx) (before int64, err error) {
	now := store.Micros(tx.Now())
	err = tx.Row(`INSERT INTO attempt (person, source, fails, first, last, until) VALUES ($1, '', 1, $2, $2, 0)
		ON CONFLICT (person, source) DO UPDATE SET fails = attempt.fails + 1, last = excluded.last RETURNING fails`, now).Scan(&before)
	return before - 1, err
}

// addGuess counts a guess of a code within a window of time; false if most were
// counted in it already.
func addGuess(tx *store.Tx, kind string, most int64, window time.Duration) (bool, error) {
	now := store.Micros(tx.Now())
	n, err := tx.Exec(`UPDATE attempt SET fails = CASE WHEN first <= $4 THEN 1 ELSE fails + 1 END,
		first = CASE WHEN first <= $4 THEN $3 ELSE first END, last = $3
		WHERE person = $1 AND source = $2 AND (fails < $5 OR first <= $4)`, kind, now, now-window.Microseconds(), most)
	if err != nil || n > 0 {
		return n > 0, err
	}
	n, err = tx.Exec(`INSERT INTO attempt (person, source, fails, first, last, until) VALUES ($1, $2, 1, $3, $3, 0)
		ON CONFLICT (person, source) DO NOTHING`, kind, now)
	return n > 0, err
}

// takeBackFailure takes back the answer that was counted before it was judged.
func takeBackFailure(tx *store.Tx) error {
	_, err := tx.Exec("UPDATE attempt SET fails = fails - 1 WHERE person = $1 AND source = '' AND fails > 0")
	return err
}

// forgiveAttempts forgets what was counted from a source and from all of them
// together.
func forgiveAttempts(tx *store.Tx, sources ...string) error {
	for _, source := range append(sources, "") {
		if _, err := tx.Exec("DELETE FROM attempt WHERE person = $1 AND source = $2", source); err != nil {
			return err
		}
	}
	return nil
}

// knownDevice reports whether a browser with this mark belongs to somebody who
// signed in as the person.
func knownDevice(v *store.View, hash string) (known bool, err error) {
	err = v.Row("SELECT EXISTS (SELECT 1 FROM known_device WHERE person = $1 AND hash = $2)", hash).Scan(&known)
	return known, err
}

// putDevice notes that the person signed in in a browser with this mark, and
// forgets the one that they used longest ago when there are too many.
func putDevice(tx *store.Tx, hash, browser string, most int64) error {
	_, err := tx.Exec(`INSERT INTO known_device (person, hash, browser, created, used) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (person, hash) DO UPDATE SET used = excluded.used, browser = excluded.browser`, hash, browser, store.Micros(tx.Now()))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`DELETE FROM known_device WHERE person = $1 AND hash NOT IN
		(SELECT hash FROM known_device WHERE person = $1 ORDER BY used DESC, hash LIMIT $2)`, most)
	return err
}

// forgetAttempts takes a lock away, and every browser's standing with it.
func forgetAttempts(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM attempt WHERE person = $1")
	return err
}

func forgetDevices(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM known_device WHERE person = $1")
	return err
}

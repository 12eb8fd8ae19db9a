package card

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// telling is a person who is to be told.
type telling struct {
	person id.Person
	due    int64
	held   bool
	fresh  int
	loud   Loud
}

func preferenceOf(v *store.View) (p Preference, err error) {
	var urgent int64
	err = v.Row("SELECT mail, quiet_from, quiet_until, digest_at, urgent FROM card_preference WHERE person = $1").
		Scan(&p.Mail, &p.QuietFrom, &p.QuietUntil, &p.DigestAt, &urgent)
	p.Calm = urgent == 0
	if errors.Is(err, store.ErrNoRow) {
		return usual, nil
	}
	return p, err
}

func putPreference(tx *store.Tx, p Preference) error {
	urgent := 1
	if p.Calm {
		urgent = 0
	}
	_, err := tx.Exec(`INSERT INTO card_preference (person, mail, quiet_from, quiet_until, digest_at, urgent) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (person) DO UPDATE SET mail = excluded.mail, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
		digest_at = excluded.digest_at, urgent = excluded.urgent`, p.Mail, int64(p.QuietFrom), int64(p.QuietUntil), int64(p.DigestAt), urgent)
	return err
}

// noteTell adds to what is to be told. What is loud does not wait with the rest.
func noteTell(tx *store.Tx, n int, due time.Time, loud Loud) error {
	_, err := tx.Exec(`INSERT INTO card_tell (person, due, held, fresh, loud) VALUES ($1, $2, 0, $3, $4)
		ON CONFLICT (person) DO UPDATE SET fresh = card_tell.fresh + excluded.fresh,
		due = CASE WHEN excluded.loud > card_tell.loud AND excluded.due < card_tell.due THEN excluded.due ELSE card_tell.due END,
		held = CASE WHEN excluded.loud > card_tell.loud THEN 0 ELSE card_tell.held END,
		loud = CASE WHEN excluded.loud > card_tell.loud THEN excluded.loud ELSE card_tell.loud END
		WHERE excluded.fresh > 0 OR excluded.loud > card_tell.loud`, store.Micros(due), n, int64(loud))
	return err
}

// dueTells looks at the whole house: at who is to be told.
func (r *Room) dueTells(ctx context.Context) (all []telling, err error) {
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT person, due, held, fresh, loud FROM card_tell WHERE due <= $1 ORDER BY due LIMIT 50", store.Micros(r.Clock.Now()))
		all, err = store.Collect(rows, err, func(scan func(...any) error) (t telling, err error) {
			var held int64
			err = scan(&t.person, &t.due, &held, &t.fresh, &t.loud)
			t.held = held == 1
			return t, err
		})
		return err
	})
	return all, err
}

func putOff(tx *store.Tx, t telling, at time.Time, held bool) error {
	n := 0
	if held {
		n = 1
	}
	_, err := tx.Exec("UPDATE card_tell SET due = $2, held = $3, loud = 0 WHERE person = $1 AND due = $4", store.Micros(at), n, t.due)
	return err
}

// dropTell ends a telling that nothing was added to since.
func dropTell(tx *store.Tx, t telling) (bool, error) {
	n, err := tx.Exec("DELETE FROM card_tell WHERE person = $1 AND due = $2 AND fresh = $3", t.due, t.fresh)
	return n == 1, err
}

// newestOpen reads the question that came last to the view's person.
func newestOpen(v *store.View) (Card, error) {
	return scan(v.Row("SELECT " + columns + " FROM card WHERE person = $1 AND closed = 0 AND state = 'open' ORDER BY id DESC LIMIT 1").Scan)
}

// overdue looks at the whole house: at cards whose time has run out.
func (r *Room) overdue(ctx context.Context) (all []Card, err error) {
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT "+columns+" FROM card WHERE closed = 0 AND expires > 0 AND expires <= $1 AND state <> 'deciding' LIMIT 100",
			store.Micros(r.Clock.Now()))
		all, err = store.Collect(rows, err, scan)
		return err
	})
	return all, err
}

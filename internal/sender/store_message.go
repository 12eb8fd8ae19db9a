package sender

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const letterColumns = "SELECT id, org, sender, mark, asked, content, digest, people, reached, spread, state, made, expires, ended FROM sender_message "

func scanLetter(scan func(...any) error) (l Letter, err error) {
	var content, people string
	var made, expires, ended int64
	err = scan(&l.ID, &l.Org, &l.Sender, &l.Key, &l.asked, &content, &l.Digest, &people, &l.Reached, &l.Spread, &l.State, &made, &expires, &ended)
	if err != nil {
		return l, err
	}
	l.Made, l.Expires, l.Ended = store.FromMicros(made), store.FromMicros(expires), store.FromMicros(ended)
	return l, errors.Join(json.Unmarshal([]byte(content), &l.Content), json.Unmarshal([]byte(people), &l.people))
}

func letterOf(v *store.View, which string) (Letter, error) {
	l, err := scanLetter(v.Row(letterColumns+"WHERE org = $1 AND id = $2", which).Scan)
	if errors.Is(err, store.ErrNoRow) {
		err = errLetter
	}
	return l, err
}

func letterByKey(v *store.View, which id.Sender, key string) (l Letter, there bool, err error) {
	l, err = scanLetter(v.Row(letterColumns+"WHERE org = $1 AND sender = $2 AND mark = $3", string(which), key).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return Letter{}, false, nil
	}
	return l, err == nil, err
}

// nthLetter says when the nth newest message of a sender was made; full reports
// whether there are so many.
func nthLetter(v *store.View, which id.Sender, n int) (made time.Time, full bool, err error) {
	var at int64
	err = v.Row("SELECT made FROM sender_message WHERE org = $1 AND sender = $2 ORDER BY id DESC LIMIT 1 OFFSET $3", string(which), n-1).Scan(&at)
	if errors.Is(err, store.ErrNoRow) {
		return made, false, nil
	}
	return store.FromMicros(at), err == nil, err
}

// lettersAfter reads messages behind a place, the newest first.
func lettersAfter(v *store.View, of id.Sender, after string, limit int) ([]Letter, error) {
	if after == "" {
		after = strings.Repeat("z", id.Len)
	}
	if of == "" {
		rows, err := v.Query(letterColumns+"WHERE org = $1 AND id < $2 ORDER BY id DESC LIMIT $3", after, limit)
		return store.Collect(rows, err, scanLetter)
	}
	rows, err := v.Query(letterColumns+"WHERE org = $1 AND sender = $2 AND id < $3 ORDER BY id DESC LIMIT $4", string(of), after, limit)
	return store.Collect(rows, err, scanLetter)
}

// openLetters counts the messages of a sender that can still be decided, and
// returns the newest of them.
func openLetters(v *store.View, of id.Sender, now time.Time, limit int) (some []Letter, count int64, err error) {
	const open = "WHERE org = $1 AND sender = $2 AND state = 'sent' AND expires > $3"
	if err := v.Row("SELECT COUNT(*) FROM sender_message "+open, string(of), store.Micros(now)).Scan(&count); err != nil || count == 0 {
		return nil, count, err
	}
	rows, err := v.Query(letterColumns+open+" ORDER BY id DESC LIMIT $4", string(of), store.Micros(now), limit)
	some, err = store.Collect(rows, err, scanLetter)
	return some, count, err
}

func insertLetter(tx *store.Tx, l Letter) error {
	content, err1 := json.Marshal(l.Content)
	left := []id.Person{}
	if l.Spread < len(l.people) {
		left = l.people
	}
	people, err2 := json.Marshal(left)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO sender_message (org, id, sender, mark, asked, content, digest, people, reached, spread, state, made, expires, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0)`, l.ID, string(l.Sender), l.Key, l.asked, string(content), l.Digest,
		string(people), l.Reached, l.Spread, string(l.State), store.Micros(l.Made), store.Micros(l.Expires))
	return err
}

// markSpread says how many people have a message; once all have it, who they are
// stands on their cards alone.
func markSpread(tx *store.Tx, l Letter) error {
	_, err := tx.Exec(`UPDATE sender_message SET spread = $3, people = CASE WHEN reached <= $3 THEN '[]' ELSE people END WHERE org = $1 AND id = $2`, l.ID, l.Spread)
	return err
}

func markEnded(tx *store.Tx, l Letter) error {
	_, err := tx.Exec("UPDATE sender_message SET state = $3, ended = $4, people = '[]' WHERE org = $1 AND id = $2", l.ID, string(l.State), store.Micros(l.Ended))
	return err
}

func dropLetter(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM sender_message WHERE org = $1 AND id = $2", which)
	return err
}

// dropOld looks at the whole house: at messages that expired long ago. What was
// done with them stands in the log.
func (r *Room) dropOld(ctx context.Context, before time.Time) error {
	return r.Store.House().Append(ctx, func(tx *store.Tx) store.End {
		_, err := tx.Exec(`DELETE FROM sender_message WHERE id IN (SELECT id FROM sender_message WHERE expires < $1 LIMIT 1000)`, store.Micros(before))
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
}

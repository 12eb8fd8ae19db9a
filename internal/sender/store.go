package sender

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// lookUp reads by an unguessable value, a token. It is one of the places where
// the room looks at the whole house.
func (r *Room) lookUp(ctx context.Context, f func(*store.View) error) error {
	return r.Store.House().Read(ctx, f)
}

const senderColumns = `org, id, name, title, role, callback, signature, alg, audience, templates, networks, urgent, rate, enabled, made, changed, by_, version`

func scanSender(scan func(...any) error) (s Sender, err error) {
	var audience, templates, networks string
	var urgent, enabled, made, changed int64
	err = scan(&s.Org, &s.ID, &s.Name, &s.Title, &s.Role, &s.Callback, &s.Signature, &s.Alg, &audience, &templates, &networks, &urgent, &s.Rate,
		&enabled, &made, &changed, &s.By, &s.Revision)
	if err != nil {
		return s, err
	}
	s.Networks, s.Urgent, s.Enabled = strings.Fields(networks), urgent == 1, enabled == 1
	s.Made, s.Changed = store.FromMicros(made), store.FromMicros(changed)
	return s, errors.Join(json.Unmarshal([]byte(audience), &s.Audience), json.Unmarshal([]byte(templates), &s.Templates))
}

func senderOf(v *store.View, which id.Sender) (Sender, error) {
	s, err := scanSender(v.Row("SELECT "+senderColumns+" FROM sender WHERE org = $1 AND id = $2", string(which)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "sender-unknown")
	}
	return s, err
}

func sendersOf(v *store.View) ([]Sender, error) {
	rows, err := v.Query("SELECT " + senderColumns + " FROM sender WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanSender)
}

// owners looks at the whole house: at which organizations have senders.
func (r *Room) owners(ctx context.Context) (all []id.Org, err error) {
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT DISTINCT org FROM sender ORDER BY org")
		all, err = store.Collect(rows, err, func(scan func(...any) error) (in id.Org, err error) { return in, scan(&in) })
		return err
	})
	return all, err
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func (s Sender) values() ([]any, error) {
	audience, err1 := json.Marshal(s.Audience)
	templates, err2 := json.Marshal(append([]Template{}, s.Templates...))
	return []any{
		string(s.ID), s.Name, s.Title, string(s.Role), s.Callback, string(s.Signature), string(s.Alg), string(audience), string(templates),
		strings.Join(s.Networks, " "), flag(s.Urgent), s.Rate, flag(s.Enabled), store.Micros(s.Made), store.Micros(s.Changed), string(s.By), s.Revision,
	}, errors.Join(err1, err2)
}

// putSender saves a sender under a name that is free: a new one, or the next
// revision of s.
func putSender(tx *store.Tx, s Sender) error {
	var other string
	err := tx.Row("SELECT id FROM sender WHERE org = $1 AND name = $2 AND id <> $3", s.Name, string(s.ID)).Scan(&other)
	switch {
	case err == nil:
		return fault.New(fault.Conflict, "sender-name-taken", "name", s.Name)
	case !errors.Is(err, store.ErrNoRow):
		return err
	}
	args, err := s.values()
	if err != nil {
		return err
	}
	text := `INSERT INTO sender (` + senderColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 + 1) ON CONFLICT (id) DO NOTHING`
	if s.Revision > 0 {
		text = `UPDATE sender SET name = $3, title = $4, role = $5, callback = $6, signature = $7, alg = $8, audience = $9, templates = $10,
			networks = $11, urgent = $12, rate = $13, enabled = $14, made = $15, changed = $16, by_ = $17, version = version + 1
			WHERE org = $1 AND id = $2 AND version = $18`
	}
	n, err := tx.Exec(text, args...)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "sender-changed")
	}
	return err
}

func dropSender(tx *store.Tx, which id.Sender) error {
	_, err1 := tx.Exec("DELETE FROM sender_token WHERE org = $1 AND sender = $2", string(which))
	_, err2 := tx.Exec("DELETE FROM sender WHERE org = $1 AND id = $2", string(which))
	return errors.Join(err1, err2)
}

const tokenColumns = "SELECT id, org, sender, made, made_by, ends, used FROM sender_token "

func scanToken(scan func(...any) error) (t Issued, err error) {
	var made, ends, used int64
	err = scan(&t.ID, &t.Org, &t.Sender, &made, &t.By, &ends, &used)
	t.Made, t.Ends, t.Used = store.FromMicros(made), store.FromMicros(ends), store.FromMicros(used)
	return t, err
}

// tokenByHash is a look-up by an unguessable value.
func tokenByHash(v *store.View, hash string) (Issued, error) {
	return scanToken(v.Row(tokenColumns+"WHERE hash = $1", hash).Scan)
}

func tokensOf(v *store.View, which id.Sender) ([]Issued, error) {
	rows, err := v.Query(tokenColumns+"WHERE org = $1 AND sender = $2 ORDER BY id DESC", string(which))
	return store.Collect(rows, err, scanToken)
}

func tokenOf(v *store.View, which id.Sender, token string) (Issued, error) {
	t, err := scanToken(v.Row(tokenColumns+"WHERE org = $1 AND sender = $2 AND id = $3", string(which), token).Scan)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "token-missing")
	}
	return t, err
}

func insertToken(tx *store.Tx, t Issued, hash string) error {
	_, err := tx.Exec("INSERT INTO sender_token (org, id, sender, hash, made, made_by, ends, used) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
		t.ID, string(t.Sender), hash, store.Micros(t.Made), string(t.By), store.Micros(t.Ends))
	return err
}

func deleteToken(tx *store.Tx, token string) error {
	_, err := tx.Exec("DELETE FROM sender_token WHERE org = $1 AND id = $2", token)
	return err
}

// endTokens lets the tokens of a sender end at a time, those that would last
// longer.
func endTokens(tx *store.Tx, which id.Sender, at time.Time) error {
	_, err := tx.Exec("UPDATE sender_token SET ends = $3 WHERE org = $1 AND sender = $2 AND ends > $3", string(which), store.Micros(at))
	return err
}

// tokensKept is how long a token that is over is still listed.
const tokensKept = 30 * 24 * time.Hour

// usedTokens writes when tokens were last used and removes those that have been
// over for long. Neither tells anybody anything new, so no witness is needed.
func (r *Room) usedTokens(ctx context.Context, used map[string]time.Time, now time.Time) error {
	for some := range slices.Chunk(append(slices.Sorted(maps.Keys(used)), ""), 100) {
		err := r.Store.House().Append(ctx, func(tx *store.Tx) store.End {
			for _, which := range some {
				if _, err := tx.Exec("UPDATE sender_token SET used = $1 WHERE id = $2 AND used < $1", store.Micros(used[which]), which); err != nil {
					return store.Abort(err)
				}
			}
			if _, err := tx.Exec("DELETE FROM sender_token WHERE ends <= $1", store.Micros(now.Add(-tokensKept))); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietSeen)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// EndAllTokens ends every service token of the house: for a restore.
func EndAllTokens(tx *store.Tx) (int64, error) { return tx.Exec("DELETE FROM sender_token") }

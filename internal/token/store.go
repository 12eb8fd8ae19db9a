package token

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// lookUp reads by an unguessable value, a token. It is the one place where the
// room looks at the whole house.
func (r *Room) lookUp(ctx context.Context, f func(*store.View) error) error {
	return r.store.House().Read(ctx, f)
}

const tokenColumns = "SELECT id, person, name, org, scopes, created, ends, used FROM api_token "

func scanToken(scan func(...any) error) (Token, error) {
	var t Token
	var scopes string
	var created, ends, used int64
	err := scan(&t.ID, &t.Person, &t.Name, &t.Org, &scopes, &created, &ends, &used)
	_ = json.Unmarshal([]byte(scopes), &t.Scopes) // written by us
	t.Created, t.Ends, t.Used = store.FromMicros(created), store.FromMicros(ends), store.FromMicros(used)
	return t, err
}

// tokenByHash is a look-up by an unguessable value.
func tokenByHash(v *store.View, hash string) (Token, error) {
	return scanToken(v.Row(tokenColumns+"WHERE hash = $1", hash).Scan)
}

// tokensOf reads a person's tokens, the newest first.
func tokensOf(v *store.View) ([]Token, error) {
	rows, err := v.Query(tokenColumns + "WHERE person = $1 ORDER BY created DESC, id")
	return store.Collect(rows, err, scanToken)
}

func insertToken(tx *store.Tx, t Token, hash string) error {
	scopes, err := json.Marshal(t.Scopes)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO api_token (person, id, hash, name, org, scopes, created, ends, used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
		t.ID, hash, t.Name, string(t.Org), string(scopes), store.Micros(t.Created), store.Micros(t.Ends))
	return err
}

func deleteToken(tx *store.Tx, which string) (bool, error) {
	n, err := tx.Exec("DELETE FROM api_token WHERE person = $1 AND id = $2", which)
	return n > 0, err
}

// tokensKept is how long a token that is over is still listed.
const tokensKept = 30 * 24 * time.Hour

// usedTokens writes when tokens were last used and removes those that have been
// over for long. Neither tells anybody anything new, so no witness is needed.
func (r *Room) usedTokens(ctx context.Context, used map[string]time.Time, now time.Time) error {
	for chunk := range slices.Chunk(append(slices.Sorted(maps.Keys(used)), ""), 100) {
		err := r.store.House().Append(ctx, func(tx *store.Tx) store.End {
			for _, which := range chunk {
				if _, err := tx.Exec("UPDATE api_token SET used = $1 WHERE id = $2 AND used < $1", store.Micros(used[which]), which); err != nil {
					return store.Abort(err)
				}
			}
			if _, err := tx.Exec("DELETE FROM api_token WHERE ends <= $1", store.Micros(now.Add(-tokensKept))); err != nil {
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

// dropTokens removes a person's API tokens and returns how many there were.
func dropTokens(tx *store.Tx) (int64, error) {
	return tx.Exec("DELETE FROM api_token WHERE person = $1")
}

func endAllTokens(tx *store.Tx) (int64, error) { return tx.Exec("DELETE FROM api_token") }

func countTokens(v *store.View) (n int64, err error) {
	err = v.Row("SELECT COUNT(*) FROM api_token WHERE person = $1").Scan(&n)
	return n, err
}

// tokensAfter reads a page of the tokens of an organization, the newest first.
func tokensAfter(v *store.View, s org.Stretch) ([]Token, error) {
	rows, err := v.Query(tokenColumns+`WHERE org = $1 AND id < $2
		AND (CAST($3 AS BIGINT) = 0 OR person IN ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14)) ORDER BY id DESC LIMIT $4`, s.Args()...)
	return store.Collect(rows, err, scanToken)
}

func tokenIn(v *store.View, which string) (Token, error) {
	return scanToken(v.Row(tokenColumns+"WHERE org = $1 AND id = $2", which).Scan)
}

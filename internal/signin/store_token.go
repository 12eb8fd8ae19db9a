package signin

import (
	"encoding/json"

	"github.com/sekisho/sekisho/internal/store"
)

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

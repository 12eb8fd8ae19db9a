package card

import (
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const columns = `id, org, person, kind, source, label, backend, ticket, state, digest, sheet, expires, acted, raised, changed, ended,
	version, decision, decided_at, acr, amr, reason, effect, why, said, other, behalf`

func scan(scan func(...any) error) (c Card, err error) {
	var sheet, acted, amr string
	var expires, raised, changed, ended, decided int64
	err = scan(&c.ID, &c.Org, &c.Person, &c.Kind, &c.Source, &c.Label, &c.Backend, &c.Ticket, &c.State, &c.Digest, &sheet, &expires, &acted,
		&raised, &changed, &ended, &c.Version, &c.Decision, &decided, &c.ACR, &amr, &c.Reason, &c.Effect, &c.Why, &c.Said, &c.Other, &c.Behalf)
	if err != nil {
		return c, err
	}
	c.Expires, c.Raised, c.Changed = store.FromMicros(expires), store.FromMicros(raised), store.FromMicros(changed)
	c.Ended, c.DecidedAt, c.AMR = store.FromMicros(ended), store.FromMicros(decided), strings.Fields(amr)
	if err := json.Unmarshal([]byte(acted), &c.Acted); err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(sheet), &c.Sheet)
}

// cardOf reads one card of the view's person.
func cardOf(v *store.View, which id.Card) (Card, error) {
	c, err := scan(v.Row("SELECT "+columns+" FROM card WHERE person = $1 AND id = $2", string(which)).Scan)
	return c, orUnknown(err)
}

// ofSource reads the cards of the view's person from one source that are not
// closed, by the source's own names.
func ofSource(v *store.View, source string) (map[string]Card, error) {
	rows, err := v.Query("SELECT "+columns+" FROM card WHERE person = $1 AND closed = 0 AND source = $2", source)
	all, err := store.Collect(rows, err, scan)
	by := make(map[string]Card, len(all))
	for _, c := range all {
		by[c.Backend] = c
	}
	return by, err
}

// byBackend reads the card of the view's person about one question, closed or not.
func byBackend(v *store.View, source, backend string) (Card, error) {
	return scan(v.Row("SELECT "+columns+" FROM card WHERE person = $1 AND source = $2 AND backend = $3", source, backend).Scan)
}

// never is the due time of a card that has none, behind all others.
const never = int64(1) << 62

func dueOf(c Card) int64 {
	if c.Sheet.Due.IsZero() {
		return never
	}
	return store.Micros(c.Sheet.Due)
}

// listed reads a page of the cards of the view's person: what is due first of
// those that are not closed, or what ended last.
func listed(v *store.View, done bool, after mark, limit int) ([]Card, error) {
	text := "SELECT " + columns + ` FROM card WHERE person = $1 AND closed = 0 AND due >= $2 AND (due > $2 OR id > $3)
		ORDER BY due, id LIMIT $4`
	if done {
		text = "SELECT " + columns + ` FROM card WHERE person = $1 AND closed = 1 AND ended <= $2 AND (ended < $2 OR id < $3)
		ORDER BY ended DESC, id DESC LIMIT $4`
	}
	rows, err := v.Query(text, after.at, string(after.id), limit)
	return store.Collect(rows, err, scan)
}

func countOpen(v *store.View) (n int, err error) {
	err = v.Row("SELECT COUNT(*) FROM card WHERE person = $1 AND closed = 0").Scan(&n)
	return n, err
}

// put writes a card of the handle's person: a new one, or the next version of c.
// It reports whether the row was still the one that c was read from.
func put(tx *store.Tx, c Card) (bool, error) {
	sheet, err := json.Marshal(c.Sheet)
	if err != nil {
		return false, err
	}
	acted, err := json.Marshal(append([]string{}, c.Acted...))
	if err != nil {
		return false, err
	}
	closed, now := 0, store.Micros(tx.Now())
	ended := store.Micros(c.Ended)
	if c.State.closed() {
		closed = 1
		if ended == 0 {
			ended = now
		}
	} else {
		ended = 0
	}
	args := []any{
		string(c.ID), string(c.Org), string(c.Kind), c.Source, c.Label, c.Backend, c.Ticket, string(c.State), closed, c.Sheet.Title,
		c.Sheet.requesterLine(), dueOf(c), store.Micros(c.Expires), c.Digest, string(sheet), string(acted), c.Decision,
		store.Micros(c.DecidedAt), c.ACR, strings.Join(c.AMR, " "), c.Reason, string(c.Effect), c.Why, c.Said, c.Other, now, ended, c.Version, string(c.Behalf),
	}
	text := insertCard
	if c.Version > 0 {
		text = updateCard
	}
	n, err := tx.Exec(text, args...)
	if err != nil || n == 0 {
		return false, err
	}
	return true, stirBy(tx, c.ID)
}

const (
	insertCard = `INSERT INTO card (person, id, org, kind, source, label, backend, ticket, state, closed, title, requester, due, expires, digest,
		sheet, acted, decision, decided_at, acr, amr, reason, effect, why, said, other, raised, changed, ended, version, behalf)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $27,
		$28, $29 + 1, $30) ON CONFLICT (person, source, backend) DO NOTHING`
	updateCard = `UPDATE card SET kind = $4, source = $5, label = $6, backend = $7, ticket = $8, state = $9, closed = $10, title = $11,
		requester = $12, due = $13, expires = $14, digest = $15, sheet = $16, acted = $17, decision = $18, decided_at = $19, acr = $20, amr = $21,
		reason = $22, effect = $23, why = $24, said = $25, other = $26, changed = $27, ended = $28, version = version + 1, behalf = $30
		WHERE person = $1 AND id = $2 AND org = $3 AND version = $29`
)

// shards is over how many rows the changes of a person's cards are spread: many
// are asked of one approver at once, and one row would be a conflict for all.
const shards = 16

// stirBy says that a card of the handle's person changed.
func stirBy(tx *store.Tx, which id.Card) error {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(which)) // never fails
	_, err := tx.Exec(`INSERT INTO card_stirred (person, shard, version, at) VALUES ($1, $2, 1, $3)
		ON CONFLICT (person, shard) DO UPDATE SET version = card_stirred.version + 1, at = excluded.at`,
		int64(hash.Sum32()%shards), store.Micros(tx.Now()))
	tx.Wake(wakeTopic)
	return err
}

// Stir says that what the handle's person sees of outside systems has changed:
// pages that follow TopicOf are drawn again.
func Stir(tx *store.Tx) error {
	_, err := tx.Exec(`INSERT INTO card_stir (person, version, at) VALUES ($1, 1, $2)
		ON CONFLICT (person) DO UPDATE SET version = card_stir.version + 1, at = excluded.at`, store.Micros(tx.Now()))
	tx.Wake(wakeTopic)
	return err
}

func forgetPerson(tx *store.Tx) error {
	for _, text := range []string{
		"DELETE FROM card WHERE person = $1", "DELETE FROM card_stir WHERE person = $1", "DELETE FROM card_stirred WHERE person = $1", "DELETE FROM card_poll WHERE person = $1",
		"DELETE FROM card_tell WHERE person = $1", "DELETE FROM card_preference WHERE person = $1",
	} {
		if _, err := tx.Exec(text); err != nil {
			return err
		}
	}
	return nil
}

// stirred is how far a person's cards have changed.
type stirred struct {
	person  id.Person
	version int64
}

// stirredSince reads whose cards changed, and how far: the sum of all their rows,
// which is the same on every node.
func stirredSince(v *store.View, since time.Time) ([]stirred, error) {
	rows, err := v.Query(`SELECT p.person, (SELECT CAST(COALESCE(SUM(a.version), 0) AS BIGINT) FROM card_stir a WHERE a.person = p.person) +
		(SELECT CAST(COALESCE(SUM(b.version), 0) AS BIGINT) FROM card_stirred b WHERE b.person = p.person)
		FROM (SELECT person FROM card_stir WHERE at >= $1 UNION SELECT person FROM card_stirred WHERE at >= $1) p`, store.Micros(since))
	return store.Collect(rows, err, func(scan func(...any) error) (s stirred, err error) {
		err = scan(&s.person, &s.version)
		return s, err
	})
}

// askedAbout are the people whose card about an ask is not closed. tx is the
// organization's.
func askedAbout(tx *store.Tx, ask id.Ask) ([]id.Person, error) {
	rows, err := tx.Query("SELECT person FROM card WHERE org = $1 AND source = 'hall' AND ticket = $2 AND closed = 0 ORDER BY person", string(ask))
	return store.Collect(rows, err, func(scan func(...any) error) (who id.Person, err error) {
		err = scan(&who)
		return who, err
	})
}

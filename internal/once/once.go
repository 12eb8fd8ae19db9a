package once

import (
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Slip is what a value stands for.
type Slip struct {
	Org     id.Org // "" is the house itself
	Subject string // whose it is, for Revoke; "" if nobody's yet
	Bound   string // what it counts together with; never stored in clear, never returned
	Payload []byte // what its redemption needs to know; no secrets
}

// Found is what Peek and Redeem return of a value.
type Found struct {
	Org     id.Org
	Subject string
	Payload []byte
	Until   time.Time
	// Replay says that the value was genuine and already used: the refusal
	// comes with what was bound to it, so that what the first redemption gave
	// out can be taken back (RFC 6749 §4.1.2). Only for kinds with Keep.
	Replay  bool
	UsedAt  time.Time
	Outcome []byte // as recorded by Record
}

// mostValue bounds what is hashed of a stranger's input.
const mostValue = 512

// ErrInvalid is the one answer to every value that does not count.
var ErrInvalid = fault.New(fault.Unknown, "once-invalid")

// Mint stores a value that Kind.New made. In an organization's closure the slip
// belongs to that organization. Kinds with a cap answer once-full (Busy) when
// the places that the value may take are all in use.
func Mint(tx *store.Tx, k Kind, value secret.Text, slip Slip) error {
	if len(value.RevealBytes()) < leastSize {
		return fmt.Errorf("once: a value of kind %s is too short", k.Name)
	}
	if (slip.Bound != "") != k.Bound {
		return fmt.Errorf("once: kind %s: bound is %t, and the slip is not so", k.Name, k.Bound)
	}
	if org := scopeOf(&tx.View); org != "" && string(slip.Org) != org {
		return errors.New("once: a slip of another organization")
	}
	row := k.row(tx.Now(), value, slip)
	if k.Most == 0 {
		_, err := tx.House().Exec(insertValue, append(row, nil)...)
		return err
	}
	return mintCapped(tx.House(), k.slots(value), row)
}

const insertValue = `INSERT INTO once_value
	(hash, kind, org, subject, bound, payload, outcome, tries, used_at, until, forget_at, slot)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11)`

func (k Kind) row(now time.Time, value secret.Text, slip Slip) []any {
	until := now.Add(k.Life)
	payload := slip.Payload
	if payload == nil {
		payload = []byte{}
	}
	return []any{
		k.key(value), k.Name, string(slip.Org), slip.Subject, k.binding(value, slip.Bound), payload,
		[]byte{},
		max(k.Tries, 1), store.Micros(until), store.Micros(until.Add(k.Keep)),
	}
}

// mintCapped takes the first of the places that is free or forgotten: the rows
// of the kind never outnumber the places (A151), and nobody's living value is
// pushed out by a stranger.
func mintCapped(tx *store.Tx, places []int64, row []any) error {
	for _, place := range places {
		n, err := tx.Exec(insertValue+`
			ON CONFLICT (kind, slot) WHERE slot IS NOT NULL DO UPDATE SET
			hash = excluded.hash, org = excluded.org, subject = excluded.subject, bound = excluded.bound,
			payload = excluded.payload, outcome = excluded.outcome, tries = excluded.tries, used_at = 0,
			until = excluded.until, forget_at = excluded.forget_at
			WHERE once_value.forget_at <= $12`, append(row, place, store.Micros(tx.Now()))...)
		if err != nil || n == 1 {
			return err
		}
	}
	return fault.New(fault.Busy, "once-full").RetryAfter(5 * time.Second)
}

// Redeem compares and consumes a value in one statement. bound is what the
// value counts together with ("" for kinds without). A refusal is ErrInvalid,
// or once-used for kinds that tell; it leaves a counted try behind, so the
// caller ends its closure with Refused, not Abort. Any other error is the
// store's.
func Redeem(tx *store.Tx, k Kind, value secret.Text, bound string) (Found, error) {
	if len(value.RevealBytes()) > mostValue || len(bound) > mostValue {
		return Found{}, ErrInvalid
	}
	house, now := tx.House(), store.Micros(tx.Now())
	var found Found
	var used, until int64
	err := house.Row(`UPDATE once_value SET
		used_at = CASE WHEN bound = $3 THEN CAST($4 AS BIGINT) ELSE 0 END,
		tries = CASE WHEN bound = $3 THEN tries ELSE tries - 1 END,
		forget_at = CASE WHEN bound = $3 AND CAST($5 AS BIGINT) = 0 THEN CAST($4 AS BIGINT) ELSE forget_at END
		WHERE hash = $1 AND kind = $2 AND used_at = 0 AND tries > 0 AND until > $4
		AND (CAST($6 AS TEXT) = '' OR org = $6)
		RETURNING used_at, org, subject, payload, until`,
		k.key(value), k.Name, k.binding(value, bound), now, int64(k.Keep), scopeOf(&tx.View)).
		Scan(&used, &found.Org, &found.Subject, &found.Payload, &until)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return replay(&tx.View, k, value, bound)
	case err != nil:
		return Found{}, err
	case used == 0:
		return Found{}, ErrInvalid
	}
	found.Until, found.UsedAt = store.FromMicros(until), store.FromMicros(used)
	return found, nil
}

// scopeOf is the organization that the closure is scoped to, whose values it
// reaches alone. A person's closure and the house's reach every value: "".
func scopeOf(v *store.View) string {
	if column, owner := v.Owner(); column == "org" {
		return owner
	}
	return ""
}

// replay answers a value that cannot be consumed: whether it was, for kinds
// that keep it, and only to who has its binding too.
func replay(v *store.View, k Kind, value secret.Text, bound string) (Found, error) {
	if k.Keep == 0 {
		return Found{}, ErrInvalid
	}
	found := Found{Replay: true}
	var used, until int64
	err := v.House().Row(`SELECT org, subject, payload, outcome, used_at, until FROM once_value
		WHERE hash = $1 AND kind = $2 AND bound = $3 AND used_at > 0 AND forget_at > $4
		AND (CAST($5 AS TEXT) = '' OR org = $5)`,
		k.key(value), k.Name, k.binding(value, bound), store.Micros(v.Now()), scopeOf(v)).
		Scan(&found.Org, &found.Subject, &found.Payload, &found.Outcome, &used, &until)
	if errors.Is(err, store.ErrNoRow) {
		return Found{}, ErrInvalid
	}
	if err != nil {
		return Found{}, err
	}
	found.UsedAt, found.Until = store.FromMicros(used), store.FromMicros(until)
	if k.Tells {
		return found, fault.New(fault.Conflict, "once-used", "at", found.UsedAt.Format(time.RFC3339))
	}
	return found, ErrInvalid
}

// Peek says what Redeem would find, without its binding and without consuming
// or counting anything: what a GET may show.
func Peek(v *store.View, k Kind, value secret.Text) (Found, error) {
	if len(value.RevealBytes()) > mostValue {
		return Found{}, ErrInvalid
	}
	var found Found
	var used, until int64
	err := v.House().Row(`SELECT org, subject, payload, outcome, used_at, until FROM once_value
		WHERE hash = $1 AND kind = $2 AND (CAST($4 AS TEXT) = '' OR org = $4)
		AND ((used_at = 0 AND tries > 0 AND until > $3) OR (used_at > 0 AND forget_at > $3))`,
		k.key(value), k.Name, store.Micros(v.Now()), scopeOf(v)).
		Scan(&found.Org, &found.Subject, &found.Payload, &found.Outcome, &used, &until)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return Found{}, ErrInvalid
	case err != nil:
		return Found{}, err
	case used > 0 && !k.Tells:
		return Found{}, ErrInvalid
	}
	found.UsedAt, found.Until, found.Replay = store.FromMicros(used), store.FromMicros(until), used > 0
	if found.Replay {
		return found, fault.New(fault.Conflict, "once-used", "at", found.UsedAt.Format(time.RFC3339))
	}
	return found, nil
}

// Record notes what the redemption of a value led to, for who presents it
// again. Call it in the write that redeemed it, or in the one that decided.
func Record(tx *store.Tx, k Kind, value secret.Text, outcome []byte) error {
	if k.Keep == 0 {
		return fmt.Errorf("once: kind %s does not keep used values", k.Name)
	}
	n, err := tx.House().Exec("UPDATE once_value SET outcome = $1 WHERE hash = $2 AND kind = $3 AND used_at > 0",
		outcome, k.key(value), k.Name)
	if err == nil && n == 0 {
		return ErrInvalid
	}
	return err
}

// Revoke makes every unused value of the subject invalid, of one kind or, with
// none named, of all. It returns how many there were.
func Revoke(tx *store.Tx, subject string, kinds ...Kind) (int64, error) {
	if subject == "" {
		return 0, errors.New("once: nobody's values cannot be revoked")
	}
	// forget_at: a capped place is free again at once.
	const revoke = `UPDATE once_value SET until = $2, forget_at = $2
		WHERE subject = $1 AND subject <> '' AND used_at = 0 AND until > $2`
	house, now := tx.House(), store.Micros(tx.Now())
	if len(kinds) == 0 {
		return house.Exec(revoke, subject, now)
	}
	var all int64
	for _, k := range kinds {
		n, err := house.Exec(revoke+" AND kind = $3", subject, now, k.Name)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

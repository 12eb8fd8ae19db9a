package factor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// The kinds of rows in factor.
const (
	kindPassword = "password"
	kindTOTP     = "totp"
)

// factor is something sealed that a person knows or holds.
type factor struct {
	person     id.Person
	id         string
	kind       string
	sealed     []byte
	step       int64 // the last time step that was used; for TOTP
	mustChange bool  // for passwords
	short      bool  // a password that must not be the only factor
	created    time.Time
	used       time.Time
}

// place is where the sealed value stands.
func (f factor) place() seal.Place { return seal.Place{Table: "factor", Column: "sealed", Row: f.id} }

const factorColumns = "SELECT person, id, kind, sealed, step, must_change, short, created, used FROM factor "

func scanFactor(scan func(...any) error) (factor, error) {
	var f factor
	var mustChange, short, created, used int64
	err := scan(&f.person, &f.id, &f.kind, &f.sealed, &f.step, &mustChange, &short, &created, &used)
	f.short = short != 0
	f.mustChange, f.created, f.used = mustChange != 0, store.FromMicros(created), store.FromMicros(used)
	return f, err
}

// factorOf reads a person's factor of a kind; false if there is none. v is the
// person's own view.
func factorOf(v *store.View, kind string) (factor, bool, error) {
	f, err := scanFactor(v.Row(factorColumns+"WHERE person = $1 AND kind = $2", kind).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return f, false, nil
	}
	return f, err == nil, err
}

// putFactor writes a factor in place of one of the same kind.
func putFactor(tx *store.Tx, f factor) error {
	if err := dropFactor(tx, f.kind); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO factor (person, id, kind, sealed, step, must_change, short, created, used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`, f.id, f.kind, f.sealed, f.step, flag(f.mustChange), flag(f.short), store.Micros(f.created))
	return err
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func dropFactor(tx *store.Tx, kind string) error {
	_, err := tx.Exec("DELETE FROM factor WHERE person = $1 AND kind = $2", kind)
	return err
}

// usedFactor notes that a factor was used; for TOTP it consumes the step: false
// if the step, or a later one, was used before (A042).
func usedFactor(tx *store.Tx, kind string, step int64) (bool, error) {
	n, err := tx.Exec("UPDATE factor SET used = $2, step = $3 WHERE person = $1 AND kind = $4 AND (step < $3 OR kind <> 'totp')",
		store.Micros(tx.Now()), step, kind)
	return n > 0, err
}

// replaceSealed writes the hash of a password made anew with today's cost.
func replaceSealed(tx *store.Tx, kind string, before, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE factor SET sealed = $2 WHERE person = $1 AND kind = $3 AND sealed = $4", sealed, kind, before)
	return n > 0, err
}

const passkeyColumns = `SELECT person, id, credential, public_key, algorithm, aaguid, transports, attested, format, counter, eligible,
	backed_up, name, created, used FROM passkey `

func scanPasskey(scan func(...any) error) (Passkey, error) {
	var p Passkey
	var credential, transports string
	var attested, counter, eligible, backedUp, created, used int64
	err := scan(&p.Person, &p.ID, &credential, &p.PublicKey, &p.Algorithm, &p.AAGUID, &transports, &attested, &p.Format, &counter,
		&eligible, &backedUp, &p.Name, &created, &used)
	if err != nil {
		return p, err
	}
	p.Credential, err = base64.RawURLEncoding.DecodeString(credential)
	_ = json.Unmarshal([]byte(transports), &p.Transports) // written by us
	p.Attested, p.Eligible, p.BackedUp = attested != 0, eligible != 0, backedUp != 0
	p.Counter = uint32(counter) //nolint:gosec // was one when it was written
	p.Created, p.LastUsed = store.FromMicros(created), store.FromMicros(used)
	return p, err
}

// passkeysOf reads a person's passkeys, the oldest first.
func passkeysOf(v *store.View) ([]Passkey, error) {
	rows, err := v.Query(passkeyColumns + "WHERE person = $1 ORDER BY created, id")
	return store.Collect(rows, err, scanPasskey)
}

// passkeyOf reads one of a person's passkeys; store.ErrNoRow if there is none.
func passkeyOf(v *store.View, which string) (Passkey, error) {
	return scanPasskey(v.Row(passkeyColumns+"WHERE person = $1 AND id = $2", which).Scan)
}

// passkeyByCredential is a look-up by an unguessable value: who presents it is
// found by it. v reaches the whole house.
func passkeyByCredential(v *store.View, credential []byte) (Passkey, error) {
	return scanPasskey(v.Row(passkeyColumns+"WHERE credential = $1", base64.RawURLEncoding.EncodeToString(credential)).Scan)
}

// insertPasskey reports false if the credential is known already.
func insertPasskey(tx *store.Tx, p Passkey) (bool, error) {
	transports, _ := json.Marshal(p.Transports)
	n, err := tx.Exec(`INSERT INTO passkey (person, id, credential, public_key, algorithm, aaguid, transports, attested, format, counter,
		eligible, backed_up, name, created, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0) ON CONFLICT DO NOTHING`,
		p.ID, base64.RawURLEncoding.EncodeToString(p.Credential), p.PublicKey, p.Algorithm, p.AAGUID, string(transports), flag(p.Attested),
		p.Format, int64(p.Counter), flag(p.Eligible), flag(p.BackedUp), p.Name, store.Micros(p.Created))
	return n > 0, err
}

// usedPasskey notes what the authenticator said; false if it counted further
// meanwhile (a clone, or the same answer twice).
func usedPasskey(tx *store.Tx, p Passkey, before uint32) (bool, error) {
	n, err := tx.Exec("UPDATE passkey SET counter = $2, backed_up = $3, used = $4 WHERE person = $1 AND id = $5 AND counter = $6",
		int64(p.Counter), flag(p.BackedUp), store.Micros(tx.Now()), p.ID, int64(before))
	return n > 0, err
}

func renamePasskey(tx *store.Tx, which, name string) (bool, error) {
	n, err := tx.Exec("UPDATE passkey SET name = $2 WHERE person = $1 AND id = $3", name, which)
	return n > 0, err
}

func dropPasskey(tx *store.Tx, which string) (bool, error) {
	n, err := tx.Exec("DELETE FROM passkey WHERE person = $1 AND id = $2", which)
	return n > 0, err
}

func dropPasskeys(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM passkey WHERE person = $1")
	return err
}

// putRecovery replaces a person's recovery codes, given by their hashes.
func putRecovery(tx *store.Tx, hashes []string) error {
	if _, err := tx.Exec("DELETE FROM recovery_code WHERE person = $1"); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := tx.Exec("INSERT INTO recovery_code (person, hash, created, used) VALUES ($1, $2, $3, 0)", hash, store.Micros(tx.Now())); err != nil {
			return err
		}
	}
	return nil
}

// useRecovery consumes a recovery code; false if it is none or was used.
func useRecovery(tx *store.Tx, hash string) (bool, error) {
	n, err := tx.Exec("UPDATE recovery_code SET used = $2 WHERE person = $1 AND hash = $3 AND used = 0", store.Micros(tx.Now()), hash)
	return n > 0, err
}

// recoveryLeft counts a person's unused recovery codes, and all of them.
func recoveryLeft(v *store.View) (left, all int64, err error) {
	err = v.Row("SELECT COALESCE(SUM(CASE WHEN used = 0 THEN 1 ELSE 0 END), 0), COUNT(*) FROM recovery_code WHERE person = $1").Scan(&left, &all)
	return left, all, err
}

// erase removes all that the room keeps of a person.
func erase(tx *store.Tx) error {
	for _, statement := range []string{
		"DELETE FROM factor WHERE person = $1", "DELETE FROM passkey WHERE person = $1", "DELETE FROM recovery_code WHERE person = $1",
	} {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// factorsAfter reads the sealed factors of the whole house in the order of
// their identifiers, for the walk to a new data key.
func factorsAfter(v *store.View, after string, limit int) ([]factor, error) {
	rows, err := v.Query(factorColumns+"WHERE id > $1 ORDER BY id LIMIT $2", after, int64(limit))
	return store.Collect(rows, err, scanFactor)
}

func moveFactor(tx *store.Tx, which string, before, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE factor SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, which, before)
	return n > 0, err
}

// dropRecovery removes a person's recovery codes.
func dropRecovery(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM recovery_code WHERE person = $1")
	return err
}

// CountOf counts what a person has to sign in with. v is their own view.
func CountOf(v *store.View) (n Count, err error) {
	err = v.Row(`SELECT (SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'password'),
		(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'totp'), (SELECT COUNT(*) FROM passkey WHERE person = $1),
		(SELECT COUNT(*) FROM recovery_code WHERE person = $1 AND used = 0)`).Scan(&n.Passwords, &n.TOTP, &n.Passkeys, &n.RecoveryLeft)
	return n, err
}

// lookUp reads by an unguessable value, a passkey's id. It is the one place
// where the room looks at the whole house.
func (r *Room) lookUp(ctx context.Context, f func(*store.View) error) error {
	return r.store.House().Read(ctx, f)
}

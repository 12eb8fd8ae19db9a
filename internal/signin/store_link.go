package signin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// invited is an invitation of a person into an organization, the last one.
type invited struct {
	org      id.Org
	person   id.Person
	by       id.Principal
	message  string // of the post; "" if the link was handed on
	made     time.Time
	ends     time.Time
	accepted time.Time // zero: not yet
}

const invitationColumns = "SELECT org, person, by_, message, made, ends, accepted FROM invitation "

func scanInvitation(scan func(...any) error) (i invited, err error) {
	var made, ends, accepted int64
	err = scan(&i.org, &i.person, &i.by, &i.message, &made, &ends, &accepted)
	i.made, i.ends = store.FromMicros(made), store.FromMicros(ends)
	if accepted > 0 {
		i.accepted = store.FromMicros(accepted)
	}
	return i, err
}

// putInvitation writes an invitation in the place of an earlier one. tx is the
// organization's own.
func putInvitation(tx *store.Tx, i invited) error {
	_, err := tx.Exec(`INSERT INTO invitation (org, person, by_, message, made, ends, accepted) VALUES ($1, $2, $3, $4, $5, $6, 0)
		ON CONFLICT (org, person) DO UPDATE SET by_ = excluded.by_, message = excluded.message, made = excluded.made,
		ends = excluded.ends, accepted = 0`,
		string(i.person), string(i.by), i.message, store.Micros(i.made), store.Micros(i.ends))
	return err
}

func acceptedInvitation(tx *store.Tx, who id.Person) error {
	_, err := tx.Exec("UPDATE invitation SET accepted = $2 WHERE org = $1 AND person = $3", store.Micros(tx.Now()), string(who))
	return err
}

// invitationBy reads who invited a person; "" if nobody did.
func invitationBy(v *store.View, who id.Person) (by id.Principal, err error) {
	err = v.Row("SELECT by_ FROM invitation WHERE org = $1 AND person = $2", string(who)).Scan(&by)
	if errors.Is(err, store.ErrNoRow) {
		return "", nil
	}
	return by, err
}

// invitationsOf reads the invitations of some people into an organization.
func invitationsOf(v *store.View, who []id.Person) (all []invited, err error) {
	for chunk := range slices.Chunk(who, 200) {
		marks, args := make([]string, len(chunk)), make([]any, len(chunk))
		for i, person := range chunk {
			marks[i], args[i] = fmt.Sprintf("$%d", i+2), string(person)
		}
		rows, err := v.Query(invitationColumns+"WHERE org = $1 AND person IN ("+strings.Join(marks, ", ")+")", args...)
		some, err := store.Collect(rows, err, scanInvitation)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// putMailChange notes the address that waits for its proof.
func putMailChange(tx *store.Tx, email string, ends time.Time) error {
	_, err := tx.Exec(`INSERT INTO mail_change (person, email, ends) VALUES ($1, $2, $3)
		ON CONFLICT (person) DO UPDATE SET email = excluded.email, ends = excluded.ends`, email, store.Micros(ends))
	return err
}

// mailChange reads the address that waits for its proof, "" for none.
func mailChange(v *store.View, now time.Time) (email string, err error) {
	err = v.Row("SELECT email FROM mail_change WHERE person = $1 AND ends > $2", store.Micros(now)).Scan(&email)
	if errors.Is(err, store.ErrNoRow) {
		return "", nil
	}
	return email, err
}

func dropMailChange(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM mail_change WHERE person = $1")
	return err
}

// dropRecovery removes a person's recovery codes.
func dropRecovery(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM recovery_code WHERE person = $1")
	return err
}

// dropTokens removes a person's API tokens and returns how many there were.
func dropTokens(tx *store.Tx) (int64, error) {
	return tx.Exec("DELETE FROM api_token WHERE person = $1")
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

// held counts what a person has to sign in with.
func held(v *store.View) (h Holding, err error) {
	err = v.Row(`SELECT COALESCE(SUM(CASE WHEN kind = 'password' THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN kind = 'totp' THEN 1 ELSE 0 END), 0) FROM factor WHERE person = $1`).Scan(&h.Passwords, &h.TOTP)
	if err == nil {
		err = v.Row("SELECT COUNT(*) FROM passkey WHERE person = $1").Scan(&h.Passkeys)
	}
	if err == nil {
		h.RecoveryLeft, _, err = recoveryLeft(v)
	}
	if err == nil {
		err = v.Row("SELECT COUNT(*) FROM api_token WHERE person = $1").Scan(&h.Tokens)
	}
	if err == nil {
		h.Failures, err = failures(v)
	}
	return h, err
}

// endAllSessions ends everybody's sessions and browsers' standing: after a
// restore nothing counts that was given out before (A160).
func endAllSessions(tx *store.Tx) (int64, error) {
	if _, err := tx.Exec("DELETE FROM known_device"); err != nil {
		return 0, err
	}
	if _, err := tx.Exec("UPDATE invitation SET ends = $1 WHERE accepted = 0 AND ends > $1", store.Micros(tx.Now())); err != nil {
		return 0, err
	}
	return tx.Exec("DELETE FROM session")
}

func endAllTokens(tx *store.Tx) (int64, error) { return tx.Exec("DELETE FROM api_token") }

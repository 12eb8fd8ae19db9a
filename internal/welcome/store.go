package welcome

import (
	"context"
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

func endInvitations(tx *store.Tx) error {
	_, err := tx.Exec("UPDATE invitation SET ends = $1 WHERE accepted = 0 AND ends > $1", store.Micros(tx.Now()))
	return err
}

// erase removes all that the room keeps of a person.
func erase(tx *store.Tx) error {
	if _, err := tx.Exec("DELETE FROM invitation WHERE person = $1"); err != nil {
		return err
	}
	return dropMailChange(tx)
}

// openInvitations counts the invitations of a person that wait for an answer.
func openInvitations(v *store.View, now time.Time) (n int64, err error) {
	err = v.Row("SELECT COUNT(*) FROM invitation WHERE person = $1 AND ends > $2 AND accepted = 0", store.Micros(now)).Scan(&n)
	return n, err
}

// lookUp reads by an unguessable value, that of a link. It is the one place
// where the room looks at the whole house.
func (r *Room) lookUp(ctx context.Context, f func(*store.View) error) error {
	return r.store.House().Read(ctx, f)
}

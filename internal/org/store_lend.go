package org

import (
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

func lendGroup(tx *store.Tx, which id.Group, who id.Person, lease id.Lease) (bool, error) {
	n, err := tx.Exec("INSERT INTO group_member (org, group_id, person, lent) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		string(which), string(who), string(lease))
	return n > 0, err
}

func returnGroup(tx *store.Tx, which id.Group, who id.Person, lease id.Lease) (bool, error) {
	n, err := tx.Exec("DELETE FROM group_member WHERE org = $1 AND group_id = $2 AND person = $3 AND lent = $4",
		string(which), string(who), string(lease))
	return n > 0, err
}

func lendRole(tx *store.Tx, which id.Role, who id.Person, lease id.Lease) error {
	_, err := tx.Exec("INSERT INTO member_role (org, person, role, lent) VALUES ($1, $2, $3, $4)",
		string(who), string(which), string(lease))
	return err
}

func returnRole(tx *store.Tx, which id.Role, who id.Person, lease id.Lease) (bool, error) {
	n, err := tx.Exec("DELETE FROM member_role WHERE org = $1 AND person = $2 AND role = $3 AND lent = $4",
		string(who), string(which), string(lease))
	return n > 0, err
}

// standing tells active people who are active members from others.
func standing(v *store.View, who []id.Person) (map[id.Person]bool, error) {
	found := map[id.Person]bool{}
	for start := 0; start < len(who); start += mostAtOnce {
		marks, args := marksFor(who[start:min(start+mostAtOnce, len(who))], 2)
		rows, err := v.Query(`SELECT m.person FROM member m JOIN person p ON p.id = m.person
			WHERE m.org = $1 AND m.state = 'active' AND p.state = 'active' AND m.person IN (`+marks+")", args...)
		some, err := store.Collect(rows, err, scanID[id.Person])
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			found[one] = true
		}
	}
	return found, nil
}

// holdersWith reads who has one of some roles, disabled members included.
func holdersWith(v *store.View, roles []id.Role) ([]id.Person, error) {
	marks, args := marksFor(roles, 2)
	rows, err := v.Query("SELECT DISTINCT person FROM member_role WHERE org = $1 AND role IN ("+marks+") ORDER BY person", args...)
	return store.Collect(rows, err, scanID[id.Person])
}

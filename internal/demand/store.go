package demand

import (
	"encoding/json"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// targets is how the column applies_to is kept.
type targets struct {
	Roles  []id.Role  `json:"roles,omitempty"`
	Groups []id.Group `json:"groups,omitempty"`
}

func text(value any) string {
	out, _ := json.Marshal(value) // names and numbers always do
	return string(out)
}

func scanPolicy(scan func(...any) error) (SignInPolicy, error) {
	var p SignInPolicy
	var require, appliesTo, allow, deny string
	var attestation int64
	err := scan(&p.Org, &p.ID, &p.Name, &require, &appliesTo, &p.Idle, &p.Absolute, &attestation, &allow, &deny, &p.Version)
	if err != nil {
		return p, err
	}
	var to targets
	for column, into := range map[*string]any{&require: &p.Require, &appliesTo: &to, &allow: &p.Wish.Allow, &deny: &p.Wish.Deny} {
		if err := json.Unmarshal([]byte(*column), into); err != nil {
			return p, err
		}
	}
	p.Roles, p.Groups, p.Wish.Attestation = to.Roles, to.Groups, attestation != 0
	return p, nil
}

func policiesOf(v *store.View) ([]SignInPolicy, error) {
	rows, err := v.Query(`SELECT org, id, name, require, applies_to, idle, absolute, attestation, allow, deny, version
		FROM signin_policy WHERE org = $1 ORDER BY name`)
	return store.Collect(rows, err, scanPolicy)
}

func insertPolicy(tx *store.Tx, p SignInPolicy) error {
	n, err := tx.Exec(`INSERT INTO signin_policy (org, id, name, require, applies_to, idle, absolute, attestation, allow, deny, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) ON CONFLICT DO NOTHING`,
		p.ID, p.Name, text(p.Require), text(targets{p.Roles, p.Groups}), int64(p.Idle), int64(p.Absolute), flag(p.Wish.Attestation),
		text(p.Wish.Allow), text(p.Wish.Deny))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "policy-name-taken", "name", p.Name)
	}
	return err
}

func updatePolicy(tx *store.Tx, p SignInPolicy) error {
	n, err := tx.Exec(`UPDATE signin_policy SET name = $2, require = $3, applies_to = $4, idle = $5, absolute = $6, attestation = $7,
		allow = $8, deny = $9, version = version + 1 WHERE org = $1 AND id = $10 AND version = $11`,
		p.Name, text(p.Require), text(targets{p.Roles, p.Groups}), int64(p.Idle), int64(p.Absolute), flag(p.Wish.Attestation),
		text(p.Wish.Allow), text(p.Wish.Deny), p.ID, p.Version)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func deletePolicy(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM signin_policy WHERE org = $1 AND id = $2", which)
	return err
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

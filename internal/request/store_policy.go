package request

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const policyColumns = "SELECT org, id, name, place, spec, version FROM approval_policy "

func scanPolicy(scan func(...any) error) (p ApprovalPolicy, err error) {
	var spec string
	if err = scan(&p.Org, &p.ID, &p.Name, &p.Place, &spec, &p.Version); err == nil {
		err = json.Unmarshal([]byte(spec), &p.Spec)
	}
	return p, err
}

// policiesIn reads the policies of an organization in the order in which they
// are asked.
func policiesIn(v *store.View) ([]ApprovalPolicy, error) {
	rows, err := v.Query(policyColumns + "WHERE org = $1 ORDER BY place, name")
	return store.Collect(rows, err, scanPolicy)
}

// PoliciesIn reads the policies of an organization in the order in which they
// are asked, in the caller's transaction.
func PoliciesIn(v *store.View, in id.Org) ([]ApprovalPolicy, error) { return policiesIn(v.Org(in)) }

func policyByID(v *store.View, which string) (ApprovalPolicy, error) {
	return scanPolicy(v.Row(policyColumns+"WHERE org = $1 AND id = $2", which).Scan)
}

func putPolicy(tx *store.Tx, p ApprovalPolicy) error {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return err
	}
	var taken int64
	if err := tx.Row("SELECT COUNT(*) FROM approval_policy WHERE org = $1 AND name = $2 AND id <> $3", p.Name, p.ID).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "policy-name-taken", "name", p.Name)
	}
	if p.Version == 0 {
		_, err = tx.Exec("INSERT INTO approval_policy (org, id, name, place, spec, version) VALUES ($1, $2, $3, $4, $5, 1)", p.ID, p.Name, int64(p.Place), string(spec))
		return err
	}
	n, err := tx.Exec("UPDATE approval_policy SET name = $3, place = $4, spec = $5, version = version + 1 WHERE org = $1 AND id = $2 AND version = $6",
		p.ID, p.Name, int64(p.Place), string(spec), p.Version)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func dropPolicy(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM approval_policy WHERE org = $1 AND id = $2", which)
	return err
}

const delegationColumns = "SELECT org, id, name, person, to_person, starts, ends, kinds, reason, version FROM delegation "

func scanDelegation(scan func(...any) error) (d Delegation, err error) {
	var starts, ends int64
	var kinds string
	err = scan(&d.Org, &d.ID, &d.Name, &d.From, &d.To, &starts, &ends, &kinds, &d.Reason, &d.Version)
	d.Starts, d.Ends, d.Kinds = store.FromMicros(starts), store.FromMicros(ends), strings.Fields(kinds)
	if len(d.Kinds) == 0 {
		d.Kinds = nil
	}
	return d, err
}

func delegationByID(v *store.View, which string) (Delegation, error) {
	d, err := scanDelegation(v.Row(delegationColumns+"WHERE org = $1 AND id = $2", which).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return d, errNoDelegation
	}
	return d, err
}

// delegationsAt reads the delegations that count at a time.
func delegationsAt(v *store.View, now time.Time) ([]Delegation, error) {
	rows, err := v.Query(delegationColumns+"WHERE org = $1 AND starts <= $2 AND ends > $2 ORDER BY person, id", store.Micros(now))
	return store.Collect(rows, err, scanDelegation)
}

func delegationsIn(v *store.View, now time.Time) ([]Delegation, error) {
	rows, err := v.Query(delegationColumns+"WHERE org = $1 AND ends > $2 ORDER BY name", store.Micros(now))
	return store.Collect(rows, err, scanDelegation)
}

// DelegationsIn reads the delegations of an organization, those that are over,
// too, in the caller's transaction.
func DelegationsIn(v *store.View, in id.Org) ([]Delegation, error) {
	rows, err := v.Org(in).Query(delegationColumns + "WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanDelegation)
}

// delegationsFrom reads what a person handed over and has not ended.
func delegationsFrom(v *store.View) ([]Delegation, error) {
	rows, err := v.Query(delegationColumns+"WHERE person = $1 AND ends > $2 ORDER BY ends, id", store.Micros(v.Now()))
	return store.Collect(rows, err, scanDelegation)
}

func putDelegation(tx *store.Tx, d Delegation) error {
	var taken int64
	if err := tx.Row("SELECT COUNT(*) FROM delegation WHERE org = $1 AND name = $2 AND id <> $3", d.Name, d.ID).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "delegation-name-taken", "name", d.Name)
	}
	if d.Version == 0 {
		_, err := tx.Exec(`INSERT INTO delegation (org, id, name, person, to_person, starts, ends, kinds, reason, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)`,
			d.ID, d.Name, string(d.From), string(d.To), store.Micros(d.Starts), store.Micros(d.Ends), strings.Join(d.Kinds, " "), d.Reason)
		return err
	}
	n, err := tx.Exec(`UPDATE delegation SET name = $3, person = $4, to_person = $5, starts = $6, ends = $7, kinds = $8, reason = $9, version = version + 1
		WHERE org = $1 AND id = $2 AND version = $10`,
		d.ID, d.Name, string(d.From), string(d.To), store.Micros(d.Starts), store.Micros(d.Ends), strings.Join(d.Kinds, " "), d.Reason, d.Version)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func dropDelegation(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM delegation WHERE org = $1 AND id = $2", which)
	return err
}

// forgetDelegations removes those that a person made. Those to them lead nowhere
// once they are not active any more.
func forgetDelegations(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM delegation WHERE person = $1")
	return err
}

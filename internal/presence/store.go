package presence

import (
	"encoding/json"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const policyColumns = "SELECT org, id, name, spec, version FROM card_policy "

func scanPolicy(scan func(...any) error) (p Policy, err error) {
	var spec string
	if err = scan(&p.Org, &p.ID, &p.Name, &spec, &p.Version); err == nil {
		err = json.Unmarshal([]byte(spec), &p.Spec)
	}
	return p, err
}

// policiesIn reads the policies of the view's organization by name.
func policiesIn(v *store.View) ([]Policy, error) {
	rows, err := v.Query(policyColumns + "WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanPolicy)
}

// PoliciesIn reads the policies of an organization by name, in the caller's view.
func PoliciesIn(v *store.View, in id.Org) ([]Policy, error) { return policiesIn(v.Org(in)) }

func policyByID(v *store.View, which string) (Policy, error) {
	p, err := scanPolicy(v.Row(policyColumns+"WHERE org = $1 AND id = $2", which).Scan)
	return p, orUnknown(err)
}

func putPolicy(tx *store.Tx, p Policy) error {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return err
	}
	var taken, count int64
	if err := tx.Row("SELECT COALESCE(SUM(CASE WHEN name = $2 THEN 1 ELSE 0 END), 0), COUNT(*) FROM card_policy WHERE org = $1 AND id <> $3", p.Name, p.ID).Scan(&taken, &count); err != nil {
		return err
	}
	switch {
	case taken > 0:
		return fault.New(fault.Conflict, "card-policy-name-taken", "name", p.Name)
	case count >= policiesMost:
		return fault.New(fault.Conflict, "card-policy-too-many", "limit", policiesMost)
	case p.Version == 0:
		_, err = tx.Exec("INSERT INTO card_policy (org, id, name, spec, version) VALUES ($1, $2, $3, $4, 1)", p.ID, p.Name, string(spec))
		return err
	}
	n, err := tx.Exec("UPDATE card_policy SET name = $3, spec = $4, version = version + 1 WHERE org = $1 AND id = $2 AND version = $5",
		p.ID, p.Name, string(spec), p.Version)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func dropPolicy(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM card_policy WHERE org = $1 AND id = $2", which)
	return err
}

func putDraft(tx *store.Tx, place, session, typed string) error {
	_, err := tx.Exec(`INSERT INTO card_draft (person, place, session, typed, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (person, place) DO UPDATE SET session = excluded.session, typed = excluded.typed, at = excluded.at`,
		place, session, typed, store.Micros(tx.Now()))
	return err
}

func draftOf(v *store.View, place, session string, since time.Time) (typed string, err error) {
	err = v.Row("SELECT typed FROM card_draft WHERE person = $1 AND place = $2 AND session = $3 AND at > $4", place, session, store.Micros(since)).Scan(&typed)
	return typed, err
}

func dropDraft(tx *store.Tx, place string) error {
	_, err := tx.Exec("DELETE FROM card_draft WHERE person = $1 AND place = $2", place)
	return err
}

func dropDrafts(tx *store.Tx, before time.Time) error {
	_, err := tx.Exec("DELETE FROM card_draft WHERE person = $1 AND at < $2", store.Micros(before))
	return err
}

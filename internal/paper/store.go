package paper

import (
	"encoding/json"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

const columns = "SELECT org, id, name, spec, version FROM paper "

func scan[S any](scan func(...any) error) (p Paper[S], err error) {
	var spec string
	if err = scan(&p.Org, &p.ID, &p.Name, &spec, &p.Version); err == nil {
		err = json.Unmarshal([]byte(spec), &p.Spec)
	}
	return p, err
}

func papersIn[S any](v *store.View, kind string) ([]Paper[S], error) {
	rows, err := v.Query(columns+"WHERE org = $1 AND kind = $2 ORDER BY name", kind)
	return store.Collect(rows, err, scan[S])
}

func paperByID[S any](v *store.View, kind, which string) (Paper[S], error) {
	return scan[S](v.Row(columns+"WHERE org = $1 AND kind = $2 AND id = $3", kind, which).Scan)
}

func putPaper[S any](tx *store.Tx, kind string, p Paper[S]) error {
	spec, err := json.Marshal(p.Spec)
	if err != nil {
		return err
	}
	var taken int64
	if err := tx.Row("SELECT COUNT(*) FROM paper WHERE org = $1 AND kind = $2 AND name = $3 AND id <> $4", kind, p.Name, p.ID).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "paper-name-taken", "name", p.Name)
	}
	if p.Version == 0 {
		_, err = tx.Exec("INSERT INTO paper (org, kind, id, name, spec, version) VALUES ($1, $2, $3, $4, $5, 1)", kind, p.ID, p.Name, string(spec))
		return err
	}
	n, err := tx.Exec("UPDATE paper SET name = $4, spec = $5, version = version + 1 WHERE org = $1 AND kind = $2 AND id = $3 AND version = $6",
		kind, p.ID, p.Name, string(spec), p.Version)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

func dropPaper(tx *store.Tx, kind, which string) error {
	_, err := tx.Exec("DELETE FROM paper WHERE org = $1 AND kind = $2 AND id = $3", kind, which)
	return err
}

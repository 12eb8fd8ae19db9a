package signin

import "github.com/sekisho/sekisho/internal/store"

// failures counts wrong answers for a person since the last right one, from all
// sources.
func failures(v *store.View) (fails int64, err error) {
	err = v.Row("SELECT COALESCE(SUM(fails), 0) FROM attempt WHERE person = $1 AND source = ''").Scan(&fails)
	return fails, err
}

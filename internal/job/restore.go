package job

import "github.com/sekisho/sekisho/internal/store"

// Doubt lets no effect of a restored copy be called before its marker was
// looked for: what is open here may have been done since the backup. Those in
// flight stay so, and are recovered by fence and probe as after a crash. It
// returns how many effects are in doubt.
func Doubt(tx *store.Tx) (int64, error) {
	_, err := tx.House().Exec("UPDATE job_effect SET probe = 1 WHERE state IN ('intended', 'parked')")
	if err != nil {
		return 0, err
	}
	var n int64
	err = tx.House().Row("SELECT count(*) FROM job_effect WHERE state IN ('intended', 'parked', 'inflight')").Scan(&n)
	return n, err
}

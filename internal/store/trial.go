package store

import "context"

// Trial writes one row in a table that every house has, and ends as it is told:
// what a benchmark measures. name is fresh each time.
func (s *Store) Trial(ctx context.Context, name string, end End) error {
	return s.House().Write(ctx, func(tx *Tx) End {
		if _, err := tx.Exec("INSERT INTO topic (name, version) VALUES ($1, $2)", name, 1); err != nil {
			return Abort(err)
		}
		return end
	})
}

// TrialRead reads one row.
func (s *Store) TrialRead(ctx context.Context) error {
	return s.House().Read(ctx, func(v *View) error {
		var oldest int64
		return v.Row("SELECT oldest_binary FROM schema_law").Scan(&oldest)
	})
}

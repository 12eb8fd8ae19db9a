package store

import (
	"context"
	"fmt"
)

// Settings says how the database keeps what it acknowledges, for doctor.
//
// On PostgreSQL: server_version, fsync, full_page_writes, synchronous_commit,
// synchronous_standby_names, server_encoding and datcollate as the server says
// them, and standbys, the number of servers that follow it. On SQLite:
// journal_mode, and sound: "ok" or the first fault of its pages (the whole file
// is read).
func (s *Store) Settings(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	queries := map[string]string{
		"journal_mode": "PRAGMA journal_mode", "sound": "PRAGMA quick_check(1)",
	}
	if s.engine.dialect() == dialectPostgres {
		queries = map[string]string{
			"datcollate": "SELECT datcollate FROM pg_database WHERE datname = current_database()",
			"standbys":   "SELECT CAST(count(*) AS TEXT) FROM pg_stat_replication",
		}
		for _, name := range []string{
			"server_version", "fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names", "server_encoding",
		} {
			queries[name] = "SELECT current_setting('" + name + "')"
		}
	}
	for name, query := range queries {
		var value string
		if err := s.engine.migrator().QueryRowContext(ctx, query).Scan(&value); err != nil {
			return out, s.known(fmt.Errorf("store: setting %s: %w", name, err))
		}
		out[name] = value
	}
	return out, nil
}

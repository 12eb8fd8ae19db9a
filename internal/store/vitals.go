package store

import (
	"context"
	"os"
	"time"
)

// Vitals is how the database itself stands.
type Vitals struct {
	Size, Log   int64 // bytes of the database, and of SQLite's log beside it
	Conns, Most int64 // connections of all nodes on PostgreSQL, and how many it takes; 0 on SQLite
	// Ahead is how far the clock of the database is before ours; 0 on SQLite,
	// which has none of its own.
	Ahead time.Duration
}

// Vitals asks the database how it stands, in one statement.
func (s *Store) Vitals(ctx context.Context) (v Vitals, err error) {
	if e, ok := s.engine.(*sqliteEngine); ok {
		err = s.House().Read(ctx, func(view *View) error {
			return view.Row("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").Scan(&v.Size)
		})
		if info, err := os.Stat(e.path + "-wal"); err == nil {
			v.Log = info.Size()
		}
		return v, err
	}
	var there int64
	before := s.options.Clock.Now()
	err = s.House().Read(ctx, func(view *View) error {
		return view.Row(`SELECT pg_database_size(current_database()), (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
			CAST(current_setting('max_connections') AS BIGINT), CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).
			Scan(&v.Size, &v.Conns, &v.Most, &there)
	})
	after := s.options.Clock.Now()
	// What the way there and back took is nobody's mistake.
	if at := FromMicros(there); at.Before(before) {
		v.Ahead = at.Sub(before)
	} else if at.After(after) {
		v.Ahead = at.Sub(after)
	}
	return v, err
}

// Newest is the number of the newest migration that this binary knows.
func (s *Store) Newest() int64 {
	all, err := migrations(s.options.Schemas)
	if err != nil || len(all) == 0 {
		return ownNumber
	}
	return all[len(all)-1].number
}

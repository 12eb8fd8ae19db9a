package console

import (
	"context"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Node is a process of the house as it last said of itself.
type Node struct {
	ID            id.Node
	Host, Version string
	Schema        int64 // newest migration that its binary knows
	Started, Seen time.Time
	Lag           time.Duration // how long the oldest record waited
	Ahead         time.Duration // of the database's clock before its own
	Steps         int64         // of its clock since it started
	Alarms        []string
	Gone          bool // not heard of for goneAfter
}

// When a node that is not heard of counts as gone, and when it is forgotten.
const (
	goneAfter   = time.Minute
	forgetAfter = 24 * time.Hour
)

// beat writes what this node says of itself, and forgets those that have been
// gone for long.
func (r *Room) beat(ctx context.Context, n Node) error {
	return r.store.House().Append(ctx, func(tx *store.Tx) store.End {
		_, err := tx.Exec(`INSERT INTO console_node (node, host, version, schema_of, started, seen, lag, ahead, steps, alarms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (node) DO UPDATE SET seen = excluded.seen, lag = excluded.lag, ahead = excluded.ahead, steps = excluded.steps, alarms = excluded.alarms`,
			string(n.ID), n.Host, n.Version, n.Schema, store.Micros(n.Started), store.Micros(tx.Now()),
			n.Lag.Microseconds(), n.Ahead.Microseconds(), n.Steps, strings.Join(n.Alarms, " "))
		if err == nil {
			_, err = tx.Exec("DELETE FROM console_node WHERE seen < $1", store.Micros(tx.Now().Add(-forgetAfter)))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
}

// alone forgets every other node: a SQLite house has one process.
func (r *Room) alone(ctx context.Context) error {
	return r.store.House().Append(ctx, func(tx *store.Tx) store.End {
		if _, err := tx.Exec("DELETE FROM console_node WHERE node <> $1", string(r.node)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
}

// leave forgets this node, which stops in order.
func (r *Room) leave(ctx context.Context) error {
	return r.store.House().Append(ctx, func(tx *store.Tx) store.End {
		if _, err := tx.Exec("DELETE FROM console_node WHERE node = $1", string(r.node)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
}

// nodesMost bounds the list of nodes.
const nodesMost = 100

// nodes are all processes that were heard of lately, those seen last first.
func (r *Room) nodes(ctx context.Context) (all []Node, err error) {
	now := r.clock.Now()
	err = r.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT node, host, version, schema_of, started, seen, lag, ahead, steps, alarms
			FROM console_node ORDER BY seen DESC, node LIMIT $1`, nodesMost)
		all, err = store.Collect(rows, err, func(scan func(...any) error) (n Node, err error) {
			var started, seen, lag, ahead int64
			var alarms string
			err = scan(&n.ID, &n.Host, &n.Version, &n.Schema, &started, &seen, &lag, &ahead, &n.Steps, &alarms)
			n.Started, n.Seen = store.FromMicros(started), store.FromMicros(seen)
			n.Lag, n.Ahead = time.Duration(lag)*time.Microsecond, time.Duration(ahead)*time.Microsecond
			n.Alarms, n.Gone = strings.Fields(alarms), now.Sub(n.Seen) > goneAfter
			return n, err
		})
		return err
	})
	return all, err
}

package card

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// claimed is a poll that this node has taken.
type claimed struct {
	place
	org      id.Org
	due      time.Time
	seen     time.Time
	idle     int64
	failures int64
}

// polled looks at the whole house: at which connections are polled.
func (r *Room) polled(ctx context.Context) (map[place]id.Org, error) {
	all := map[place]id.Org{}
	err := r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT system, person, org FROM card_poll")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (p place, err error) {
			var org id.Org
			err = scan(&p.system, &p.person, &org)
			all[p] = org
			return p, err
		})
		return err
	})
	return all, err
}

// claim takes polls that are due, of the whole house. Of several nodes one gets
// each, and nobody takes it again before it has ended or must have. fits picks
// those that there is room for out of what is due, at most some of each system.
func (r *Room) claim(ctx context.Context, fits func([]claimed) []claimed) (mine []claimed, err error) {
	var due []claimed
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT system, person, org, due, seen, idle, failures FROM
			(SELECT p.*, ROW_NUMBER() OVER (PARTITION BY system ORDER BY due) AS place FROM card_poll p WHERE due <= $1 AND until <= $1) q
			WHERE place <= $2 ORDER BY due LIMIT $3`, store.Micros(r.Clock.Now()), pollOfOne, lookMost)
		due, err = store.Collect(rows, err, scanClaimed)
		return err
	})
	due = fits(due)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	next := make([]time.Duration, len(due))
	for i, p := range due {
		next[i] = rest(r.Every, r.Clock.Now().Sub(p.seen) < hereFor, p.idle+p.failures)
	}
	err = r.Store.House().Append(ctx, func(tx *store.Tx) store.End {
		mine = nil
		now := tx.Now()
		for i, p := range due {
			n, err := tx.Exec(`UPDATE card_poll SET begun = $4, until = $5, due = $6, idle = CASE WHEN seen > $7 THEN 0 ELSE idle + 1 END
				WHERE system = $1 AND person = $2 AND due = $3 AND until <= $4`, string(p.system), string(p.person), store.Micros(p.due),
				store.Micros(now), store.Micros(now.Add(r.Timeout)), store.Micros(now.Add(next[i])), store.Micros(now.Add(-hereFor)))
			if err != nil {
				return store.Abort(err)
			}
			if n == 1 {
				mine = append(mine, p)
			}
		}
		return store.Quietly(store.QuietClaim)
	})
	return mine, err
}

func scanClaimed(scan func(...any) error) (p claimed, err error) {
	var due, seen int64
	err = scan(&p.system, &p.person, &p.org, &due, &seen, &p.idle, &p.failures)
	p.due, p.seen = store.FromMicros(due), store.FromMicros(seen)
	return p, err
}

func beginPoll(tx *store.Tx, t Tie, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO card_poll (person, system, org, due, begun, until, rung, seen, idle, failures, why)
		VALUES ($1, $2, $3, $4, 0, 0, 0, $4, 0, 0, '') ON CONFLICT (system, person) DO NOTHING`, string(t.System), string(t.Org), store.Micros(now))
	return err
}

func endPoll(tx *store.Tx, system id.Connector) error {
	_, err := tx.Exec("DELETE FROM card_poll WHERE person = $1 AND system = $2", string(system))
	return err
}

func finishPoll(tx *store.Tx, p claimed, why string, notBefore time.Time) error {
	_, err := tx.Exec(`UPDATE card_poll SET until = 0, why = $3, failures = CASE WHEN $3 = '' THEN 0 ELSE failures + 1 END,
		due = CASE WHEN due < $4 THEN $4 ELSE due END WHERE person = $1 AND system = $2`, string(p.system), why, store.Micros(notBefore))
	return err
}

// cameBy pulls the next polls of the handle's person near, now that they are
// here. It returns how many that changed.
func cameBy(tx *store.Tx, now time.Time, every time.Duration) (int64, error) {
	if _, err := tx.Exec("UPDATE card_poll SET seen = $2, idle = 0 WHERE person = $1 AND seen < $2", store.Micros(now)); err != nil {
		return 0, err
	}
	return tx.Exec(`UPDATE card_poll SET due = CASE WHEN begun + $3 < $2 THEN $2 ELSE begun + $3 END
		WHERE person = $1 AND failures = 0 AND due > begun + $3 AND due > $2`, store.Micros(now), int64(every*6/5/time.Microsecond))
}

// ringRest is how far apart the polls are that rings begin. One that rings
// sooner is heard when it is over: what it is about may be newer than what the
// last one read.
const ringRest = 2 * time.Second

// ringing has a poll come at once, or ringRest after the last that was rung for.
const ringing = `UPDATE card_poll SET due = CASE WHEN rung <= $4 THEN CAST($3 AS BIGINT) ELSE rung + $5 END,
	rung = CASE WHEN rung <= $4 THEN CAST($3 AS BIGINT) ELSE rung + $5 END
	WHERE org = $1 AND system = $2 AND due > CASE WHEN rung <= $4 THEN CAST($3 AS BIGINT) ELSE rung + $5 END AND `

// rung has the polls of a system come soon: its own, of people who were here
// lately or are asked about one of the tickets, and of all if they are few.
func rung(tx *store.Tx, system id.Connector, tickets []string, now time.Time) error {
	at, before := store.Micros(now), store.Micros(now.Add(-ringRest))
	var n int
	if err := tx.Row("SELECT COUNT(*) FROM card_poll WHERE org = $1 AND system = $2", string(system)).Scan(&n); err != nil {
		return err
	}
	since := store.Micros(now.Add(-restMost))
	if n <= ringMost {
		since = 0
	}
	args := []any{string(system), at, before, int64(ringRest / time.Microsecond)}
	_, err := tx.Exec(ringing+"(person = '' OR seen >= $6)", append(args, since)...)
	for _, ticket := range tickets[:min(len(tickets), ringMost)] {
		if err != nil || since == 0 {
			break
		}
		_, err = tx.Exec(ringing+"person IN (SELECT person FROM card WHERE org = $1 AND source = $2 AND ticket = $6)", append(args, ticket)...)
	}
	return err
}

// ringMost is how many polls a ring begins of people who are away.
const ringMost = 200

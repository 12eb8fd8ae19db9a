package job

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Status is an effect as an operator sees it.
type Status struct {
	Effect
	State      State
	Waits      bool // another of its line goes first
	Tries      int
	Unsure     bool // it may have been done: a probe will tell
	Due        time.Time
	IntendedAt time.Time
	SentAt     time.Time
	FenceUntil time.Time // while inflight: nobody acts on it before
	EndedAt    time.Time
	Why        string // code of what went wrong last
	Result     json.RawMessage
}

// Filter selects effects; zero fields select all.
type Filter struct {
	Org            id.Org
	Everywhere     bool // of all organizations and the house; else of Org alone
	State          State
	Driver, Target string
	Line           string
	IntendedBefore time.Time
	After          id.Effect // the last of the page before
	// Newest begins with the newest; After is then the oldest of the page
	// before.
	Newest bool
	Limit  int // 0 means 50, at most 500
}

// open restricts to the index of what is open, where the state says so.
var open = map[State]string{Intended: "AND ended_at = 0 ", Inflight: "AND ended_at = 0 ", Parked: "AND ended_at = 0 "}

const statusColumns = `SELECT id, org, driver, target, line, payload, principal, state, waits, tries, probe, due,
	intended_at, sent_at, fence_until, ended_at, why, result FROM job_effect `

func scanStatus(scan func(...any) error) (s Status, err error) {
	var payload, result string
	var waits, unsure, due, intended, sent, fence, ended int64
	err = scan(&s.ID, &s.Org, &s.Driver, &s.Target, &s.Line, &payload, &s.By, &s.State, &waits, &s.Tries, &unsure,
		&due, &intended, &sent, &fence, &ended, &s.Why, &result)
	s.Payload, s.Waits, s.Unsure = json.RawMessage(payload), waits == 1, unsure == 1 || s.State == Inflight
	if result != "" {
		s.Result = json.RawMessage(result)
	}
	s.Due, s.IntendedAt, s.SentAt = store.FromMicros(due), store.FromMicros(intended), store.FromMicros(sent)
	s.FenceUntil, s.EndedAt = store.FromMicros(fence), store.FromMicros(ended)
	return s, err
}

// Search returns effects in the order of their ids: oldest first, if Newest does
// not say otherwise.
func Search(ctx context.Context, s *store.Store, f Filter) (all []Status, err error) {
	limit := f.Limit
	if limit <= 0 || limit > 500 {
		limit = 50
	}
	before := int64(1) << 62
	if !f.IntendedBefore.IsZero() {
		before = store.Micros(f.IntendedBefore)
	}
	order := "AND id > $8 ORDER BY id LIMIT $9"
	if f.Newest {
		order = "AND (CAST($8 AS TEXT) = '' OR id < $8) ORDER BY id DESC LIMIT $9"
	}
	err = s.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(statusColumns+`WHERE (CAST($1 AS BIGINT) = 1 OR org = $2)
			AND (CAST($3 AS TEXT) = '' OR state = $3) AND (CAST($4 AS TEXT) = '' OR driver = $4)
			AND (CAST($5 AS TEXT) = '' OR target = $5) AND (CAST($6 AS TEXT) = '' OR line = $6)
			AND intended_at < $7 `+open[f.State]+order,
			flag(f.Everywhere), string(f.Org), string(f.State), f.Driver, f.Target, f.Line, before, string(f.After), limit)
		all, err = store.Collect(rows, err, scanStatus)
		return err
	})
	return all, err
}

// Look returns one effect of org.
func Look(v *store.View, org id.Org, effect id.Effect) (Status, error) {
	rows, err := v.House().Query(statusColumns+"WHERE id = $1 AND org = $2", string(effect), string(org))
	all, err := store.Collect(rows, err, scanStatus)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "job-effect-unknown")
	}
	if err != nil {
		return Status{}, err
	}
	return all[0], nil
}

// OrgOf returns whose an effect is: "" for the house's own.
func OrgOf(v *store.View, effect id.Effect) (org id.Org, err error) {
	err = v.House().Row("SELECT org FROM job_effect WHERE id = $1", string(effect)).Scan(&org)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "job-effect-unknown")
	}
	return org, err
}

// Topic wakes the desks, and whoever watches effects.
const Topic = topic

// Count is how many open effects of a target are in a state, and since when the
// oldest of them waits.
type Count struct {
	Org            id.Org
	Driver, Target string
	State          State
	Number         int
	Oldest         time.Time
}

// Counts returns the open effects by organization, target and state.
func Counts(ctx context.Context, s *store.Store) (all []Count, err error) {
	err = s.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT org, driver, target, state, count(*), min(intended_at) FROM job_effect
			WHERE ended_at = 0 GROUP BY org, driver, target, state ORDER BY org, driver, target, state`)
		all, err = store.Collect(rows, err, func(scan func(...any) error) (c Count, err error) {
			var oldest int64
			err = scan(&c.Org, &c.Driver, &c.Target, &c.State, &c.Number, &oldest)
			c.Oldest = store.FromMicros(oldest)
			return c, err
		})
		return err
	})
	return all, err
}

// Retry lets a parked effect of org be tried again, from the first try. One
// whose target shows nothing to find it by is sent again: whoever retries it
// has looked there. It returns the event for the end of the closure.
func Retry(tx *store.Tx, org id.Org, effect id.Effect, by id.Principal) (store.Event, error) {
	s, err := standing(tx, org, effect, Parked)
	if err != nil {
		return store.Event{}, err
	}
	_, err = tx.House().Exec(`UPDATE job_effect SET state = 'intended', tries = 0, first_at = 0, due = 0,
		probe = CASE WHEN why = $2 THEN 0 ELSE probe END WHERE id = $1 AND state = 'parked'`, string(effect), whyNever)
	if err == nil {
		err = stepBack(tx.House(), s.Effect)
	}
	tx.Wake(topic)
	return operated("effect.retried", s, by, ""), err
}

// Skip gives up a parked or waiting effect of org, and lets the next of its
// line go. reason is the operator's. It returns the event for the end of the
// closure.
func Skip(tx *store.Tx, org id.Org, effect id.Effect, by id.Principal, reason string) (store.Event, error) {
	s, err := standing(tx, org, effect, Parked, Intended)
	if err != nil {
		return store.Event{}, err
	}
	aside, err := isAside(tx.House(), s.Effect)
	if err != nil {
		return store.Event{}, err
	}
	_, err = tx.House().Exec(`UPDATE job_effect SET state = 'skipped', waits = 0, ended_at = $2
		WHERE id = $1 AND state IN ('parked', 'intended')`, string(effect), store.Micros(tx.Now()))
	if err == nil && !s.Waits && !aside {
		err = moveUp(tx.House(), s.Effect)
	}
	tx.Wake(topic)
	return operated("effect.skipped", s, by, reason), err
}

// standing reads an effect that must be in one of the states.
func standing(tx *store.Tx, org id.Org, effect id.Effect, states ...State) (Status, error) {
	s, err := Look(&tx.View, org, effect)
	if err != nil {
		return s, err
	}
	for _, state := range states {
		if s.State == state {
			return s, nil
		}
	}
	return s, fault.New(fault.Conflict, "job-not-parked", "state", string(s.State))
}

func operated(name string, s Status, by id.Principal, reason string) store.Event {
	event := store.Event{
		Name: name, Org: s.Org, By: by, Target: "effect:" + string(s.ID),
		Fields: map[string]string{
			"driver": s.Driver, "target": s.Target, "line": s.Line, "was": string(s.State), "why": s.Why,
			"unsure": strconv.FormatBool(s.Unsure),
		},
	}
	if reason != "" {
		event.Fields["reason"] = reason
	}
	return event
}

// sweepMost bounds how many rows one write deletes.
const sweepMost = 500

// Sweep forgets effects that ended and timers that fired longer than keep ago,
// and lines with nothing in them. It returns how many effects and timers went.
// Their ends stand in the witness.
func Sweep(ctx context.Context, s *store.Store, c clock.Clock, keep time.Duration) (all int64, err error) {
	before := store.Micros(c.Now().Add(-keep))
	for {
		var there bool
		err := s.House().Read(ctx, func(v *store.View) error {
			return v.Row(`SELECT EXISTS (SELECT 1 FROM job_effect WHERE ended_at > 0 AND ended_at < $1)
				OR EXISTS (SELECT 1 FROM job_timer WHERE state = 'fired' AND fired_at < $1)`, before).Scan(&there)
		})
		if err != nil || !there {
			return all, err
		}
		n, err := sweepOnce(ctx, s, before)
		if err != nil {
			return all, err
		}
		all += n
	}
}

func sweepOnce(ctx context.Context, s *store.Store, before int64) (n int64, err error) {
	err = s.House().Write(ctx, func(tx *store.Tx) store.End {
		effects, err1 := tx.Exec(`DELETE FROM job_effect WHERE id IN (SELECT id FROM job_effect
			WHERE ended_at > 0 AND ended_at < $1 ORDER BY ended_at LIMIT $2)`, before, sweepMost)
		timers, err2 := tx.Exec(`DELETE FROM job_timer WHERE id IN (SELECT id FROM job_timer
			WHERE state = 'fired' AND fired_at < $1 ORDER BY fired_at LIMIT $2)`, before, sweepMost)
		// A line is idle when its head has passed its tail; it begins anew.
		_, err3 := tx.Exec(`DELETE FROM job_line WHERE (driver, target, line) IN
			(SELECT driver, target, line FROM job_line WHERE head > tail LIMIT $1) AND head > tail`, sweepMost)
		if err := errors.Join(err1, err2, err3); err != nil {
			return store.Abort(err)
		}
		n = effects + timers
		return store.Done(store.Event{Name: "job.swept", By: id.System("job"), Fields: map[string]string{
			"effects": strconv.FormatInt(effects, 10), "timers": strconv.FormatInt(timers, 10),
		}})
	})
	return n, err
}

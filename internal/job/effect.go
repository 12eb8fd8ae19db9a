package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// State is where an effect stands.
type State string

// The states.
const (
	Intended State = "intended" // decided; nothing is on its way
	Inflight State = "inflight" // a call may be on its way
	Done     State = "done"     // proven, by the answer or by a probe
	Parked   State = "parked"   // waits for an operator, and its line with it (not of a driver that is Aside)
	Skipped  State = "skipped"  // an operator gave it up
)

// Effect is something to be done outside the house.
type Effect struct {
	// ID is made outside the write closure, by id.New. It is the marker that
	// the outside system is given and that a probe looks for.
	ID id.Effect
	// Org owns it; "" is the house itself.
	Org id.Org
	// Driver is a registered driver; Target which of its outside systems (an
	// opaque id: breakers and concurrency are counted by it).
	Driver, Target string
	// Line keeps order: effects of one line (a ticket) of a target go out in
	// the order in which they were decided. "" keeps none.
	Line string
	// Payload is a JSON document for the driver, at most 64 KiB; no secrets.
	Payload json.RawMessage
	// By is who decided it.
	By id.Principal
	// After holds the first call back until then; zero does not.
	After time.Time
}

// Marker is what the outside system is given to find the effect by.
func (e Effect) Marker() string { return string(e.ID) }

// topic wakes the desks of all nodes.
const topic = "job"

const (
	mostPayload = 64 << 10
	mostName    = 256
)

func (e Effect) check() error {
	switch {
	case !id.Valid(string(e.ID)):
		return errors.New("job: an effect needs an id made by id.New, outside the closure")
	case e.Driver == "" || e.Target == "" || e.By == "":
		return errors.New("job: an effect needs a driver, a target and who decided it")
	case len(e.Driver) > mostName || len(e.Target) > mostName || len(e.Line) > mostName:
		return fmt.Errorf("job: a name of an effect is longer than %d bytes", mostName)
	case len(e.Payload) > mostPayload:
		return fmt.Errorf("job: payload of %d bytes, at most %d", len(e.Payload), mostPayload)
	case !json.Valid(e.Payload):
		return errors.New("job: the payload is not JSON")
	}
	return nil
}

// Intend writes an effect in the transaction that decides it. It needs Write,
// not Append. In an organization's closure the effect is that organization's.
func Intend(tx *store.Tx, e Effect) error {
	if err := e.check(); err != nil {
		return err
	}
	if column, owner := tx.Owner(); column == "org" && string(e.Org) != owner {
		return errors.New("job: an effect of another organization")
	}
	house := tx.House()
	seq, waits, err := lineUp(house, e)
	if err != nil {
		return err
	}
	_, err = house.Exec(`INSERT INTO job_effect (id, org, driver, target, line, seq, waits, state, probe, payload,
		principal, tries, due, owner, fence_no, sent_at, fence_until, intended_at, first_at, ended_at, why, result)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'intended', 0, $8, $9, 0, $10, '', 0, 0, 0, $11, 0, 0, '', '')`,
		string(e.ID), string(e.Org), e.Driver, e.Target, e.Line, seq, waits, string(e.Payload),
		string(e.By), store.Micros(e.After), store.Micros(tx.Now()))
	tx.Wake(topic)
	return err
}

// lineUp takes the last place of the effect's line. All who touch a line touch
// its one row, so that they are one after the other on PostgreSQL too.
func lineUp(tx *store.Tx, e Effect) (seq, waits int64, err error) {
	if e.Line == "" {
		return 0, 0, nil
	}
	var head int64
	err = tx.Row(`INSERT INTO job_line (driver, target, line, head, tail) VALUES ($1, $2, $3, 1, 1)
		ON CONFLICT (driver, target, line) DO UPDATE SET tail = job_line.tail + 1
		RETURNING head, tail`, e.Driver, e.Target, e.Line).Scan(&head, &seq)
	if seq > head {
		waits = 1
	}
	return seq, waits, err
}

// moveUp lets the next of the line go, after the head e has ended. Those that
// were skipped while they waited are passed over.
func moveUp(tx *store.Tx, e Effect) error {
	if e.Line == "" {
		return nil
	}
	for {
		var head, tail int64
		err := tx.Row(`UPDATE job_line SET head = head + 1 WHERE driver = $1 AND target = $2 AND line = $3 RETURNING head, tail`,
			e.Driver, e.Target, e.Line).Scan(&head, &tail)
		if err != nil {
			return fmt.Errorf("job: line %s of %s: %w", e.Line, e.Target, err)
		}
		if head > tail {
			return nil
		}
		n, err := tx.Exec(`UPDATE job_effect SET waits = 0
			WHERE driver = $1 AND target = $2 AND line = $3 AND seq = $4 AND waits = 1`, e.Driver, e.Target, e.Line, head)
		if err != nil || n == 1 {
			return err
		}
	}
}

// stepAside takes the head of a line out of it.
func stepAside(tx *store.Tx, e Effect) error {
	if e.Line == "" {
		return nil
	}
	if _, err := tx.Exec("UPDATE job_effect SET seq = 0 WHERE id = $1", string(e.ID)); err != nil {
		return err
	}
	return moveUp(tx, e)
}

// isAside reports whether an effect has left its line.
func isAside(tx *store.Tx, e Effect) (yes bool, err error) {
	if e.Line == "" {
		return false, nil
	}
	var seq int64
	err = tx.Row("SELECT seq FROM job_effect WHERE id = $1", string(e.ID)).Scan(&seq)
	return seq == 0, err
}

// stepBack gives an effect that has left its line the last place of it.
func stepBack(tx *store.Tx, e Effect) error {
	aside, err := isAside(tx, e)
	if err != nil || !aside {
		return err
	}
	seq, waits, err := lineUp(tx, e)
	if err != nil {
		return err
	}
	_, err = tx.Exec("UPDATE job_effect SET seq = $2, waits = $3 WHERE id = $1", string(e.ID), seq, waits)
	return err
}

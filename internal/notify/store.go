package notify

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// ID is a message's own.
type ID string

// row is a message as it lies in the database.
type row struct {
	ID              ID
	Org             id.Org
	Ref, Kind       string
	Lang            words.Lang
	To              string
	State           State
	effect          id.Effect
	tries, unsure   int
	answer          Answer
	QueuedAt, Until time.Time
	nextAt, endedAt time.Time
	sealed          []byte
}

func (r row) place() seal.Place {
	return seal.Place{Table: "notify_message", Column: "sealed", Row: string(r.ID), Org: r.Org}
}

const columns = `id, org, ref, kind, lang, addressee, state, effect, tries, unsure, code, enhanced, said,
	queued_at, until, next_at, ended_at, sealed`

func scan(scan func(...any) error) (r row, err error) {
	var queued, until, next, ended int64
	err = scan(&r.ID, &r.Org, &r.Ref, &r.Kind, &r.Lang, &r.To, &r.State, &r.effect, &r.tries, &r.unsure,
		&r.answer.Code, &r.answer.Enhanced, &r.answer.Text, &queued, &until, &next, &ended, &r.sealed)
	r.QueuedAt, r.Until = store.FromMicros(queued), store.FromMicros(until)
	r.nextAt, r.endedAt = store.FromMicros(next), store.FromMicros(ended)
	return r, err
}

func insert(tx *store.Tx, r row, effect id.Effect) error {
	_, err := tx.Exec("INSERT INTO notify_message ("+columns+`) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, 0, 0, 0, '', '',
		$8, $9, 0, 0, $10)`, string(r.ID), string(r.Org), r.Ref, r.Kind, string(r.Lang), r.To, string(effect),
		store.Micros(r.QueuedAt), store.Micros(r.Until), r.sealed)
	return err
}

// load reads the message of an attempt; there is none if it was swept, or if
// another attempt counts by now.
func (p *Post) load(ctx context.Context, message ID, effect id.Effect) (r row, there bool, err error) {
	err = p.Store.House().Read(ctx, func(v *store.View) error {
		r, err = scan(v.Row("SELECT "+columns+" FROM notify_message WHERE id = $1 AND effect = $2 AND ended_at = 0",
			string(message), string(effect)).Scan)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return row{}, false, nil
	}
	return r, err == nil, err
}

// end writes what became of the attempt that counts; what the message said is
// erased with its end. It reports whether there was such an attempt.
func end(tx *store.Tx, message ID, effect id.Effect, o outcome) (r row, hit bool, err error) {
	ended := int64(0)
	if o.State != Deferred {
		ended = store.Micros(tx.Now())
	}
	rows, err := tx.Query(`UPDATE notify_message SET state = $3, code = $4, enhanced = $5, said = $6, tries = $7, unsure = $8,
		next_at = $9, ended_at = $10, effect = $11, sealed = CASE WHEN CAST($10 AS BIGINT) = 0 THEN sealed ELSE $12 END
		WHERE id = $1 AND effect = $2 AND ended_at = 0 RETURNING `+columns,
		string(message), string(effect), string(o.State), o.Answer.Code, o.Answer.Enhanced, o.Answer.Text, o.Tries, o.Unsure,
		store.Micros(o.At), ended, string(o.Next), []byte{})
	all, err := store.Collect(rows, err, scan)
	if err != nil || len(all) == 0 {
		return row{}, false, err
	}
	return all[0], true, tx.Touch(Topic)
}

// batch is how many references one statement asks for.
const batch = 20

// Deliveries returns what became of the last message of each reference of an
// organization; references without one are left out. A list of n costs n/20
// statements, and one for each message that is still under way.
func (p *Post) Deliveries(ctx context.Context, org id.Org, refs ...string) (map[string]Delivery, error) {
	found := map[string]Delivery{}
	err := p.Store.Org(org).Read(ctx, func(v *store.View) error {
		clear(found)
		for start := 0; start < len(refs); start += batch {
			args := make([]any, batch)
			for i := range args {
				args[i] = refs[min(start+i, len(refs)-1)]
			}
			rows, err := v.Query("SELECT "+columns+` FROM notify_message WHERE org = $1 AND ref IN
				($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) ORDER BY queued_at, id`, args...)
			all, err := store.Collect(rows, err, scan)
			if err != nil {
				return err
			}
			for _, r := range all {
				found[r.Ref] = r.delivery()
			}
		}
		return stalled(v, org, found)
	})
	return found, err
}

// stalled looks up why those that are under way are not there yet.
func stalled(v *store.View, org id.Org, found map[string]Delivery) error {
	for ref, d := range found {
		if d.State != Queued && d.State != Deferred {
			continue
		}
		status, err := job.Look(v, org, d.effect)
		if err != nil {
			return err
		}
		d.Why = status.Why
		switch status.State {
		case job.Parked:
			d.State = Stopped
		case job.Skipped:
			d.State, d.At = GivenUp, status.EndedAt
		}
		found[ref] = d
	}
	return nil
}

// overdue is how long after its time a message that an operator left parked, or
// skipped, keeps what it says.
const overdue = 24 * time.Hour

// sweepMost bounds how many rows one write touches.
const sweepMost = 500

// Sweep forgets messages that ended longer than keep ago, and gives up those
// whose time is over by a day. It returns how many it forgot.
func (p *Post) Sweep(ctx context.Context, keep time.Duration) (all int64, err error) {
	now := p.Clock.Now()
	before, late := store.Micros(now.Add(-keep)), store.Micros(now.Add(-overdue))
	for {
		var there bool
		err := p.Store.House().Read(ctx, func(v *store.View) error {
			return v.Row(`SELECT EXISTS (SELECT 1 FROM notify_message WHERE ended_at > 0 AND ended_at < $1)
				OR EXISTS (SELECT 1 FROM notify_message WHERE ended_at = 0 AND until < $2)`, before, late).Scan(&there)
		})
		if err != nil || !there {
			return all, err
		}
		n, err := p.sweepOnce(ctx, before, late)
		if err != nil {
			return all, err
		}
		all += n
	}
}

func (p *Post) sweepOnce(ctx context.Context, before, late int64) (n int64, err error) {
	err = p.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		gone, err1 := tx.Exec(`DELETE FROM notify_message WHERE id IN (SELECT id FROM notify_message
			WHERE ended_at > 0 AND ended_at < $1 ORDER BY ended_at LIMIT $2)`, before, sweepMost)
		over, err2 := tx.Exec(`UPDATE notify_message SET state = 'given-up', ended_at = $1, sealed = $2 WHERE id IN
			(SELECT id FROM notify_message WHERE ended_at = 0 AND until < $3 ORDER BY id LIMIT $4) AND ended_at = 0`,
			store.Micros(tx.Now()), []byte{}, late, sweepMost)
		if err := errors.Join(err1, err2); err != nil {
			return store.Abort(err)
		}
		n = gone
		return store.Done(store.Event{Name: "mail.swept", By: id.System("notify"), Fields: map[string]string{
			"messages": strconv.FormatInt(gone, 10), "given-up": strconv.FormatInt(over, 10),
		}})
	})
	return n, err
}

// Sealed are the messages under way among the values that move to a new data
// key.
type Sealed struct{}

// Name implements seal.Sealed.
func (Sealed) Name() string { return "notify.message" }

// Next implements seal.Sealed.
func (Sealed) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT "+columns+" FROM notify_message WHERE ended_at = 0 AND id > $1 ORDER BY id LIMIT $2", after, limit)
	return store.Collect(rows, err, func(read func(...any) error) (seal.Cell, error) {
		r, err := scan(read)
		return seal.Cell{Place: r.place(), After: string(r.ID), Sealed: r.sealed}, err
	})
}

// Replace implements seal.Sealed.
func (Sealed) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE notify_message SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}

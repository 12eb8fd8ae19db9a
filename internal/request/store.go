package request

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const askColumns = `SELECT org, id, person, for_person, kind, target, title, reason, starts, length, extends, broken, held, state, revision, stage,
	escalated, policy, created, due, decided, decided_by, rule, lease, ends, asked, review, told, steps, ticket, version FROM ask `

func scanAsk(scan func(...any) error) (a Ask, err error) {
	var starts, length, broken, escalated, created, due, decided, ends int64
	var held, ticket string
	err = scan(&a.Org, &a.ID, &a.Person, &a.For, &a.Kind, &a.Target, &a.Title, &a.Reason, &starts, &length, &a.Extends, &broken, &held, &a.State,
		&a.Revision, &a.Stage, &escalated, &a.Policy, &created, &due, &decided, &a.DecidedBy, &a.Rule, &a.Lease, &ends, &a.Asked, &a.Review, &a.told, &a.steps, &ticket, &a.version)
	a.From, a.Length, a.Created, a.Due = store.FromMicros(starts), time.Duration(length)*time.Second, store.FromMicros(created), store.FromMicros(due)
	a.Decided, a.Until, a.Break, a.Escalated = store.FromMicros(decided), store.FromMicros(ends), broken != 0, escalated != 0
	if held != "" {
		a.Held = json.RawMessage(held)
	}
	if ticket != "" && err == nil {
		err = json.Unmarshal([]byte(ticket), &a.Ticket)
	}
	return a, err
}

func askByID(v *store.View, which id.Ask) (Ask, error) {
	a, err := scanAsk(v.Row(askColumns+"WHERE org = $1 AND id = $2", string(which)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return a, errNoAsk
	}
	return a, err
}

// openAsk finds an ask for the same thing that waits.
func openAsk(v *store.View, a Ask) (other id.Ask, err error) {
	err = v.Row(`SELECT id FROM ask WHERE org = $1 AND for_person = $2 AND kind = $3 AND target = $4 AND held = $5 AND state IN ('open', 'approved') LIMIT 1`,
		string(a.For), a.Kind, a.Target, string(a.Held)).Scan(&other)
	return other, err
}

func insertAsk(tx *store.Tx, a Ask) error {
	ticket, err := a.Ticket.text()
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO ask (org, id, person, for_person, kind, target, title, reason, starts, length, extends, broken, held, state, revision, stage,
		escalated, policy, created, due, decided, decided_by, rule, lease, ends, asked, review, told, steps, version, ticket, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0, $17, $18, $19, 0, '', '', '', 0, 0, '', '', 0, 0, $20, $21)`,
		string(a.ID), string(a.Person), string(a.For), a.Kind, a.Target, a.Title, a.Reason, store.Micros(a.From), int64(a.Length/time.Second), string(a.Extends),
		flag(a.Break), string(a.Held), string(a.State), int64(a.Revision), int64(a.Stage), a.Policy, store.Micros(a.Created), store.Micros(a.Due), ticket, store.Micros(tx.Now()))
	if err != nil {
		return err
	}
	return stirAsk(tx, a)
}

// saveAsk writes what changes of an ask, if it is as it was read.
func saveAsk(tx *store.Tx, a Ask) error {
	n, err := tx.Exec(`UPDATE ask SET title = $3, reason = $4, starts = $5, length = $6, state = $7, revision = $8, stage = $9, escalated = $10, policy = $11,
		due = $12, decided = $13, decided_by = $14, rule = $15, lease = $16, ends = $17, asked = $18, review = $19, told = $20, steps = $21, changed = $23, version = version + 1
		WHERE org = $1 AND id = $2 AND version = $22`,
		string(a.ID), a.Title, a.Reason, store.Micros(a.From), int64(a.Length/time.Second), string(a.State), int64(a.Revision), int64(a.Stage), flag(a.Escalated), a.Policy,
		store.Micros(a.Due), store.Micros(a.Decided), string(a.DecidedBy), a.Rule, string(a.Lease), store.Micros(a.Until), int64(a.Asked), string(a.Review), a.told,
		int64(a.steps), a.version, store.Micros(tx.Now()))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "ask-changed")
	}
	if err != nil {
		return err
	}
	return stirAsk(tx, a)
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// asksOfLease reads the asks that let something out or made it last longer.
func asksOfLease(v *store.View, which id.Lease) ([]Ask, error) {
	rows, err := v.Query(askColumns+"WHERE org = $1 AND lease = $2 AND lease <> '' ORDER BY id", string(which))
	return store.Collect(rows, err, scanAsk)
}

// Query is a search among asks.
type Query struct {
	State  State     // "" for any
	Person id.Person // who asked or would get it; "" for anybody
	Cursor id.Ask    // the last of the page before
	Limit  int       // 50 if it is 0, at most 200
}

func asksIn(v *store.View, q Query) ([]Ask, error) {
	rows, err := v.Query(askColumns+`WHERE org = $1 AND (CAST($2 AS TEXT) = '' OR state = $2) AND (CAST($3 AS TEXT) = '' OR person = $3 OR for_person = $3)
		AND (CAST($4 AS TEXT) = '' OR id < $4) ORDER BY id DESC LIMIT $5`, string(q.State), string(q.Person), string(q.Cursor), int64(q.Limit+1))
	return store.Collect(rows, err, scanAsk)
}

// asksOf reads what a person asked for, in all organizations, the newest first.
func asksOf(v *store.View, q Query) ([]Ask, error) {
	rows, err := v.Query(askColumns+`WHERE person = $1 AND (CAST($2 AS TEXT) = '' OR state = $2) AND (CAST($3 AS TEXT) = '' OR id < $3)
		ORDER BY id DESC LIMIT $4`, string(q.State), string(q.Cursor), int64(q.Limit+1))
	return store.Collect(rows, err, scanAsk)
}

func insertStep(tx *store.Tx, s Step) error {
	more := ""
	if len(s.More) > 0 {
		text, err := json.Marshal(s.More)
		if err != nil {
			return err
		}
		more = string(text)
	}
	_, err := tx.Exec("INSERT INTO ask_step (org, ask, seq, at, by_, name, seat, stage, text, more) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		string(s.Ask), int64(s.Seq), store.Micros(s.At), string(s.By), s.Name, string(s.As), int64(s.Stage), s.Text, more)
	return err
}

func stepsOf(v *store.View, which id.Ask) ([]Step, error) {
	rows, err := v.Query("SELECT ask, seq, at, by_, name, seat, stage, text, more FROM ask_step WHERE org = $1 AND ask = $2 ORDER BY seq", string(which))
	return store.Collect(rows, err, func(scan func(...any) error) (s Step, err error) {
		var at int64
		var more string
		err = scan(&s.Ask, &s.Seq, &at, &s.By, &s.Name, &s.As, &s.Stage, &s.Text, &more)
		s.At = store.FromMicros(at)
		if more != "" && err == nil {
			err = json.Unmarshal([]byte(more), &s.More)
		}
		return s, err
	})
}

// insertVote writes a vote; a person votes once in a stage, and a seat does.
func insertVote(tx *store.Tx, which id.Ask, v Vote) error {
	n, err := tx.Exec(`INSERT INTO ask_vote (org, ask, revision, stage, person, seat, approve, reason, digest, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		string(which), int64(v.Revision), int64(v.Stage), string(v.Person), string(v.Seat), flag(v.Approve), v.Reason, v.Digest, store.Micros(v.At))
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "ask-voted-already")
	}
	return err
}

func votesOf(v *store.View, which id.Ask, revision int) ([]Vote, error) {
	rows, err := v.Query(`SELECT revision, stage, person, seat, approve, reason, digest, at FROM ask_vote
		WHERE org = $1 AND ask = $2 AND revision = $3 ORDER BY at, person`, string(which), int64(revision))
	return store.Collect(rows, err, func(scan func(...any) error) (one Vote, err error) {
		var approve, at int64
		err = scan(&one.Revision, &one.Stage, &one.Person, &one.Seat, &approve, &one.Reason, &one.Digest, &at)
		one.Approve, one.At = approve != 0, store.FromMicros(at)
		return one, err
	})
}

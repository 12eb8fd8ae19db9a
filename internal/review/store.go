package review

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const roundColumns = "SELECT org, id, campaign, number, name, spec, state, started, due, closed, by_, filled, version FROM review_round "

func scanRound(scan func(...any) error) (r Round, err error) {
	var spec string
	var started, due, closed int64
	if err = scan(&r.Org, &r.ID, &r.Campaign, &r.Number, &r.Name, &spec, &r.State, &started, &due, &closed, &r.By, &r.filled, &r.Version); err != nil {
		return r, err
	}
	r.Started, r.Due, r.Closed = store.FromMicros(started), store.FromMicros(due), store.FromMicros(closed)
	return r, json.Unmarshal([]byte(spec), &r.Spec)
}

func roundByID(v *store.View, which string) (Round, error) {
	r, err := scanRound(v.Row(roundColumns+"WHERE org = $1 AND id = $2", which).Scan)
	if errors.Is(err, store.ErrNoRow) {
		err = errNoRound
	}
	return r, err
}

// roundsOf reads the rounds of a campaign, the newest first.
func roundsOf(v *store.View, campaign string) ([]Round, error) {
	rows, err := v.Query(roundColumns+"WHERE org = $1 AND campaign = $2 ORDER BY number DESC LIMIT 100", campaign)
	return store.Collect(rows, err, scanRound)
}

func insertRound(tx *store.Tx, r Round) error {
	spec, err := json.Marshal(r.Spec)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO review_round (org, id, campaign, number, name, spec, state, started, due, closed, by_, filled, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, '', 1)`,
		r.ID, r.Campaign, int64(r.Number), r.Name, string(spec), string(r.State), store.Micros(r.Started), store.Micros(r.Due), string(r.By))
	return err
}

func saveRound(tx *store.Tx, r Round) error {
	n, err := tx.Exec(`UPDATE review_round SET state = $3, due = $4, closed = $5, filled = $6, version = version + 1
		WHERE org = $1 AND id = $2 AND version = $7`, r.ID, string(r.State), store.Micros(r.Due), store.Micros(r.Closed), r.filled, r.Version)
	return changedOr(n, err)
}

func changedOr(n int64, err error) error {
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	return err
}

const itemColumns = `SELECT org, id, round, person, holder, kind, target, title, lease, since, ends, state, escalated, silent, decided, decided_by, seat, reason,
	trouble, version FROM review_item `

func scanItem(scan func(...any) error) (i Item, err error) {
	var since, ends, decided, escalated, silent int64
	err = scan(&i.Org, &i.ID, &i.Round, &i.Person, &i.Holder, &i.Kind, &i.Target, &i.Title, &i.Lease, &since, &ends, &i.State, &escalated, &silent, &decided, &i.DecidedBy,
		&i.Seat, &i.Reason, &i.Trouble, &i.Version)
	i.Since, i.Until, i.Decided = store.FromMicros(since), store.FromMicros(ends), store.FromMicros(decided)
	i.Escalated, i.Silent = escalated != 0, silent != 0
	return i, err
}

func itemByID(v *store.View, which string) (Item, error) {
	i, err := scanItem(v.Row(itemColumns+"WHERE org = $1 AND id = $2", which).Scan)
	if errors.Is(err, store.ErrNoRow) {
		err = errNoItem
	}
	return i, err
}

// Query is a search among the items of a round.
type Query struct {
	State  State  // "" for any
	Cursor string // the last of the page before
	Limit  int    // 50 if it is 0
}

func itemsOf(v *store.View, round string, q Query) ([]Item, error) {
	rows, err := v.Query(itemColumns+`WHERE org = $1 AND round = $2 AND (CAST($3 AS TEXT) = '' OR state = $3) AND (CAST($4 AS TEXT) = '' OR id > $4)
		ORDER BY id LIMIT $5`, round, string(q.State), q.Cursor, int64(q.Limit))
	return store.Collect(rows, err, scanItem)
}

// openItems reads items that wait for a decision; fresh ones only those that did
// not go further yet.
func openItems(v *store.View, round string, fresh bool, limit int) ([]Item, error) {
	rows, err := v.Query(itemColumns+`WHERE org = $1 AND round = $2 AND state = 'open' AND (CAST($3 AS BIGINT) = 0 OR escalated = 0) ORDER BY id LIMIT $4`,
		round, flag(fresh), int64(limit))
	return store.Collect(rows, err, scanItem)
}

func countOpen(v *store.View, round string) (n int, err error) {
	err = v.Row("SELECT COUNT(*) FROM review_item WHERE org = $1 AND round = $2 AND state = 'open'", round).Scan(&n)
	return n, err
}

// tally counts the items of a round by state.
func tally(v *store.View, round string) (map[State]int, error) {
	counts := map[State]int{}
	rows, err := v.Query("SELECT state, COUNT(*) FROM review_item WHERE org = $1 AND round = $2 GROUP BY state", round)
	_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
		var s State
		var n int
		err = scan(&s, &n)
		counts[s] = n
		return none, err
	})
	return counts, err
}

func insertItem(tx *store.Tx, i Item) error {
	_, err := tx.Exec(`INSERT INTO review_item (org, id, round, person, holder, kind, target, title, lease, since, ends, state, escalated, silent, decided, decided_by,
		seat, reason, trouble, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, 0, '', '', '', '', 1)`,
		i.ID, i.Round, string(i.Person), i.Holder, i.Kind, i.Target, i.Title, string(i.Lease), store.Micros(i.Since), store.Micros(i.Until), string(i.State))
	return err
}

func saveItem(tx *store.Tx, i *Item) error {
	n, err := tx.Exec(`UPDATE review_item SET state = $3, escalated = $4, silent = $5, decided = $6, decided_by = $7, seat = $8, reason = $9, trouble = $10,
		version = version + 1 WHERE org = $1 AND id = $2 AND version = $11`,
		i.ID, string(i.State), flag(i.Escalated), flag(i.Silent), store.Micros(i.Decided), string(i.DecidedBy), string(i.Seat), i.Reason, i.Trouble, i.Version)
	i.Version++
	return changedOr(n, err)
}

// putSeats writes whom the question about an item is put to.
func putSeats(tx *store.Tx, round, item string, who []id.Person) error {
	if _, err := tx.Exec("DELETE FROM review_seat WHERE org = $1 AND item = $2", item); err != nil || len(who) == 0 {
		return err
	}
	var rows []string
	args := []any{round, item}
	for _, one := range who {
		args = append(args, string(one))
		rows = append(rows, "($1, $2, $3, $"+strconv.Itoa(len(args)+1)+")")
	}
	_, err := tx.Exec("INSERT INTO review_seat (org, round, item, person) VALUES "+strings.Join(rows, ", "), args...)
	return err
}

// sits reports whether the question about an item was put to somebody.
func sits(v *store.View, item string, who id.Person) (bool, error) {
	var n int
	err := v.Row("SELECT COUNT(*) FROM review_seat WHERE org = $1 AND item = $2 AND person = $3", item, string(who)).Scan(&n)
	return n > 0, err
}

// seatsOf reads to whom the questions about a range of items were put, sorted.
func seatsOf(v *store.View, round, from, to string) (seated, error) {
	all := seated{}
	rows, err := v.Query("SELECT item, person FROM review_seat WHERE org = $1 AND round = $2 AND item >= $3 AND item <= $4 ORDER BY item, person", round, from, to)
	_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
		var item string
		var who id.Person
		if err = scan(&item, &who); err == nil {
			all[item] = append(all[item], who)
		}
		return none, err
	})
	return all, err
}

// burden is how much waits for a reviewer.
type burden struct {
	person id.Person
	open   int
}

// burdens reads for whom questions of a round wait, after one of them.
func burdens(v *store.View, round, after string, limit int) ([]burden, error) {
	rows, err := v.Query(`SELECT person, COUNT(*) FROM review_seat WHERE org = $1 AND round = $2 AND person > $3
		AND item IN (SELECT id FROM review_item WHERE org = $1 AND round = $2 AND state = 'open') GROUP BY person ORDER BY person LIMIT $4`, round, after, int64(limit))
	return store.Collect(rows, err, func(scan func(...any) error) (b burden, err error) {
		err = scan(&b.person, &b.open)
		return b, err
	})
}

// waiting reads the items of an organization that wait for somebody.
func waiting(v *store.View, who id.Person) ([]Item, error) {
	rows, err := v.Query(itemColumns+`WHERE org = $1 AND state = 'open' AND id IN (SELECT item FROM review_seat WHERE org = $1 AND person = $2) ORDER BY id LIMIT 200`, string(who))
	return store.Collect(rows, err, scanItem)
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

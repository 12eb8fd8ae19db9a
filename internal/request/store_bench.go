package request

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// putBench writes whom the question of an ask is put to now; none ends it. first
// says that it was put to nobody before.
func putBench(tx *store.Tx, which id.Ask, approvers []string, first bool) error {
	if !first {
		if _, err := tx.Exec("DELETE FROM ask_bench WHERE org = $1 AND ask = $2", string(which)); err != nil {
			return err
		}
	}
	if len(approvers) == 0 {
		return nil
	}
	var rows []string
	args := []any{string(which)}
	for _, one := range approvers {
		args = append(args, one)
		rows = append(rows, "($1, $"+strconv.Itoa(len(args)+1)+", $2)")
	}
	_, err := tx.Exec("INSERT INTO ask_bench (org, approver, ask) VALUES "+strings.Join(rows, ", ")+" ON CONFLICT DO NOTHING", args...)
	return err
}

// marks are the placeholders of values that follow the $n-1 before them.
func marks(n int, values []string) (string, []any) {
	var all []string
	args := make([]any, len(values))
	for i, value := range values {
		all, args[i] = append(all, "$"+strconv.Itoa(n+i)), value
	}
	return strings.Join(all, ", "), args
}

// mostWaiting bounds what is looked at of what waits for somebody.
const mostWaiting = 200

// putTo reads the asks whose question is put to any of some approvers, the
// oldest first.
func putTo(v *store.View, approvers []string) (all []Ask, err error) {
	in, args := marks(2, approvers)
	rows, err := v.Query(askColumns+"WHERE org = $1 AND (state = 'open' OR review = 'due') AND id IN (SELECT ask FROM ask_bench WHERE org = $1 AND approver IN ("+in+
		")) ORDER BY id LIMIT "+strconv.Itoa(mostWaiting), args...)
	return store.Collect(rows, err, scanAsk)
}

// voted reads for which asks somebody has decided in the stage that is open.
func voted(v *store.View, who id.Person, asks []Ask) (map[id.Ask]bool, error) {
	found := map[id.Ask]bool{}
	if len(asks) == 0 {
		return found, nil
	}
	stages := map[id.Ask]Ask{}
	var which []string
	for _, a := range asks {
		stages[a.ID], which = a, append(which, string(a.ID))
	}
	in, args := marks(3, which)
	rows, err := v.Query("SELECT ask, revision, stage FROM ask_vote WHERE org = $1 AND person = $2 AND ask IN ("+in+")", append([]any{string(who)}, args...)...)
	_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
		var ask id.Ask
		var revision, stage int
		err = scan(&ask, &revision, &stage)
		if a := stages[ask]; a.Revision == revision && a.Stage == stage {
			found[ask] = true
		}
		return none, err
	})
	return found, err
}

// openAsks reads which asks of an organization wait for a decision, behind one of
// them.
func openAsks(v *store.View, after id.Ask, limit int) ([]alarm, error) {
	rows, err := v.Query("SELECT id, revision FROM ask WHERE org = $1 AND state = 'open' AND id > $2 ORDER BY id LIMIT $3", string(after), int64(limit))
	return store.Collect(rows, err, func(scan func(...any) error) (one alarm, err error) {
		err = scan(&one.Ask, &one.Revision)
		return one, err
	})
}

// stirAsk says to the open pages of who asked, and of who would get it, that
// something happened.
func stirAsk(tx *store.Tx, a Ask) error {
	for _, who := range []id.Person{a.Person, a.For} {
		if who == "" { // a process of the machine has no pages
			break
		}
		_, err := tx.Self(who).Exec(`INSERT INTO ask_stir (person, version, at) VALUES ($1, 1, $2)
			ON CONFLICT (person) DO UPDATE SET version = ask_stir.version + 1, at = excluded.at`, store.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if a.For == a.Person {
			break
		}
	}
	return nil
}

func dropStir(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM ask_stir WHERE person = $1")
	return err
}

// TopicOf changes with an ask, MineTopic with anything that somebody asked for.
func TopicOf(which id.Ask) string { return Topic + "." + string(which) }

// MineTopic changes with anything that somebody asked for or would get.
func MineTopic(who id.Person) string { return Topic + ".of." + string(who) }

// Publisher is told what changed (← the hub of open pages).
type Publisher interface {
	Publish(topic string, version int64)
}

// overlap is how far back changes are looked for again: a write is seen only
// when it has committed, and its time is that of its beginning.
const overlap = 10 * time.Second

// Bridge tells open pages of what happens to asks on any node, until ctx ends.
// It looks at the whole house: at what changed, not at what it is about.
func (h *Hall) Bridge(ctx context.Context, to Publisher) {
	watch := h.Store.Watch(Topic)
	defer watch.Close()
	since := h.Clock.Now()
	for ctx.Err() == nil {
		now := h.Clock.Now()
		err := h.Store.House().Read(ctx, func(v *store.View) error {
			if err := publish(v, "SELECT id, version FROM ask WHERE changed >= $1", since, to, func(one string) string { return TopicOf(id.Ask(one)) }); err != nil {
				return err
			}
			return publish(v, "SELECT person, version FROM ask_stir WHERE at >= $1", since, to, func(one string) string { return MineTopic(id.Person(one)) })
		})
		if err == nil {
			since = now
		} else if ctx.Err() == nil {
			h.Log.Warn("which asks changed could not be read; trying again", "err", err)
		}
		select {
		case <-watch.C:
		case <-h.Clock.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func publish(v *store.View, query string, since time.Time, to Publisher, topic func(string) string) error {
	rows, err := v.Query(query, store.Micros(since.Add(-overlap)))
	_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
		var which string
		var version int64
		if err = scan(&which, &version); err == nil {
			to.Publish(topic(which), version)
		}
		return none, err
	})
	return err
}

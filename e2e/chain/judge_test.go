package chain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/store"
)

// figures are what a run gave.
type figures struct {
	engine    string
	recovery  jobtest.Recovery
	chains    int
	kills     int
	took      time.Duration
	lost      int // asked or decided, and not released, told or applied outside
	doubled   int // done outside, or in the house, more than once
	unaudited int // without exactly one record of each step
	forgotten int // acknowledged, and not there
	parked    int // waiting for an operator without reason
	seen      int // that an operator looked after, with reason
	again     int // claimed more than once
	wrong     []string
}

func (f *figures) whole() bool {
	return f.lost+f.doubled+f.unaudited+f.forgotten+f.parked == 0
}

func (f *figures) String() string {
	return fmt.Sprintf("%s, %s: %d chains, %d kills, %.0f s: %d lost, %d doubled, %d unaudited, %d forgotten, %d parked; %d looked after by an operator, %d claimed more than once",
		f.engine, f.recovery, f.chains, f.kills, f.took.Seconds(), f.lost, f.doubled, f.unaudited, f.forgotten, f.parked, f.seen, f.again)
}

// note counts what is wrong, and keeps the first few words about each kind of it.
func (f *figures) note(what *int, format string, args ...any) {
	*what++
	if *what <= 10 {
		f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
	}
}

// want notes a count that is not one.
func (f *figures) one(c *chain, what string, n int) {
	switch {
	case n == 0:
		f.note(&f.lost, "chain %d (%s, %s): no %s", c.n, c.system, c.record, what)
	case n > 1:
		f.note(&f.doubled, "chain %d (%s, %s): %s %d times", c.n, c.system, c.record, what, n)
	}
}

// kept is what the store has.
type kept struct {
	asks    map[string][][2]string // id and state, by reason
	leases  map[string]int         // by ask
	steps   map[string]int         // that are told, by ask
	cards   map[string][][2]string // id and state, by ticket
	effects [][3]string            // id, state, driver
	again   int
}

func keptBy(s *store.Store) (k kept, err error) {
	k = kept{asks: map[string][][2]string{}, leases: map[string]int{}, steps: map[string]int{}, cards: map[string][][2]string{}}
	err = s.House().Read(context.Background(), func(v *store.View) error {
		for query, take := range map[string]func(a, b, c string){
			"SELECT reason, id, state FROM ask":                                         func(a, b, c string) { k.asks[a] = append(k.asks[a], [2]string{b, c}) },
			"SELECT ask, name, by_ FROM ask_step":                                       func(a, _, _ string) { k.steps[a]++ },
			"SELECT ask, state, id FROM lease":                                          func(a, _, _ string) { k.leases[a]++ },
			"SELECT ticket, id, state FROM card WHERE kind = 'outside'":                 func(a, b, c string) { k.cards[a] = append(k.cards[a], [2]string{b, c}) },
			"SELECT id, state, driver FROM job_effect":                                  func(a, b, c string) { k.effects = append(k.effects, [3]string{a, b, c}) },
			"SELECT id, state, driver FROM job_effect WHERE fence_no > 1 OR probe <> 0": func(string, string, string) { k.again++ },
		} {
			rows, err := v.Query(query)
			_, err = store.Collect(rows, err, func(scan func(...any) error) (struct{}, error) {
				var a, b, c string
				err := scan(&a, &b, &c)
				take(a, b, c)
				return struct{}{}, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return k, err
}

// judge holds the systems' own books, the store and the log against each other.
func (r *run) judge(t *testing.T, h *housetest.Home, f *figures) {
	t.Helper()
	k, err := keptBy(h.Store())
	if err != nil {
		t.Fatal(err)
	}
	log := r.verified(t, h)
	counts := countsOf(t, log)
	f.again = k.again
	r.judgeEffects(k, counts, f)
	answers := map[string]map[string]int{}
	for _, name := range names {
		answers[name] = r.outside[name].answers()
	}
	for _, c := range r.all {
		if c.hall {
			r.judgeAsk(c, k, counts, f)
		} else {
			r.judgeQuestion(c, k, answers[c.system][c.record], counts, f)
		}
	}
	if n := len(r.all); n != r.chains {
		f.note(&f.forgotten, "%d of %d chains were begun", n, r.chains)
	}
	r.judgeMarks(t)
}

// judgeMarks sees to it that each system is what it stands for: what the house
// says at Jira is found by its property, and by nothing that people read.
func (r *run) judgeMarks(t *testing.T) {
	t.Helper()
	cloud, is := r.outside["jira"].(service)
	if !is {
		t.Fatal("there is no Jira among the systems")
	}
	said := 0
	ours := func(text string) bool {
		return strings.Contains(text, "/asks/") || strings.HasPrefix(text, "not for chain ")
	}
	for _, c := range r.all {
		if c.system != "jira" {
			continue
		}
		for _, text := range cloud.told(c.record) {
			if ours(text) {
				said++
			}
		}
		if all := cloud.unmarked(c.record, ours); len(all) > 0 {
			t.Errorf("%s: %d comments without their property: %q", c.record, len(all), all)
		}
	}
	if said == 0 {
		t.Error("nothing was said at Jira")
	}
}

func (r *run) judgeEffects(k kept, counts map[string]int, f *figures) {
	for _, e := range k.effects {
		done, skipped := counts["effect.done effect:"+e[0]], counts["effect.skipped effect:"+e[0]]
		switch {
		case e[1] != "done" && e[1] != "skipped":
			f.note(&f.parked, "effect %s of %s is %s", e[0], e[2], e[1])
		case done+skipped != 1 || (e[1] == "done") != (done == 1):
			f.note(&f.unaudited, "effect %s of %s is %s: %d records that it is done, %d that it was given up", e[0], e[2], e[1], done, skipped)
		}
	}
}

// judgeAsk counts one chain of the hall.
func (r *run) judgeAsk(c *chain, k kept, counts map[string]int, f *figures) {
	asks := k.asks[c.reason]
	if len(asks) == 0 && c.asked {
		f.note(&f.forgotten, "chain %d was taken and is not there", c.n)
	}
	f.one(c, "ask", len(asks))
	for _, ask := range asks {
		end, leases := "released", 1
		if c.refuse {
			end, leases = "refused", 0
		}
		if ask[1] != end || k.leases[ask[0]] != leases {
			f.note(&f.lost, "chain %d: the ask is %s with %d leases", c.n, ask[1], k.leases[ask[0]])
		}
		for name, want := range map[string]int{"request.asked": 1, "request." + end: 1} {
			if n := counts[name+" ask:"+ask[0]]; n != want {
				f.note(&f.unaudited, "chain %d: %d records %s", c.n, n, name)
			}
		}
	}
	for _, ask := range asks {
		r.judgeTold(c, ask[0], k.steps[ask[0]], f)
	}
}

// judgeTold counts what the ticket was told of each step of an ask.
func (r *run) judgeTold(c *chain, ask string, steps int, f *figures) {
	said := map[string]int{}
	for _, text := range r.outside[c.system].told(c.record) {
		if strings.Contains(text, "/asks/"+ask) {
			text, _, _ = strings.Cut(text, ask)
			said[text]++
		}
	}
	for text, n := range said {
		f.one(c, text, n)
	}
	if len(said) < steps {
		f.note(&f.lost, "chain %d (%s, %s): told of %d of %d steps", c.n, c.system, c.record, len(said), steps)
	}
}

// judgeQuestion counts one chain that an outside system owns.
func (r *run) judgeQuestion(c *chain, k kept, answers int, counts map[string]int, f *figures) {
	want := "approved"
	if c.refuse {
		want = "rejected"
	}
	if state := r.outside[c.system].state(c.record); state != want {
		f.note(&f.lost, "chain %d: %s says that %s is %q", c.n, c.system, c.record, state)
	}
	f.one(c, "answer", answers)
	cards := k.cards[c.record]
	f.one(c, "card", len(cards))
	for _, card := range cards {
		if card[1] != "applied" {
			f.note(&f.lost, "chain %d: the card of %s is %s", c.n, c.record, card[1])
		}
		if decided, applied := counts["card.decided card:"+card[0]], counts["card.applied card:"+card[0]]; decided == 0 || applied != 1 {
			f.note(&f.unaudited, "chain %d: %d records that the card was decided, %d that it was applied", c.n, decided, applied)
		}
	}
	if c.refuse && c.system == "jira" { // where the reason is a comment of its own
		n := 0
		for _, text := range r.outside[c.system].told(c.record) {
			if text == fmt.Sprintf("not for chain %d", c.n) {
				n++
			}
		}
		f.one(c, "reason", n)
	}
}

// verified is the whole log as `sekisho audit export` writes it, after
// `sekisho audit verify` has found nothing wrong with it.
func (r *run) verified(t *testing.T, h *housetest.Home) string {
	t.Helper()
	chika := h.Nobody(t)
	chika.SetCookies(r.actors["chika"].cookies)
	key, err := h.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := chika.Get("/api/v1/audit/export")
	if got.Status != http.StatusOK {
		t.Fatalf("export: %d %.200s", got.Status, got.Body)
	}
	report, err := audit.Verify(t.Context(), strings.NewReader(got.Body), audit.VerifyOptions{Key: key})
	if err != nil || len(report.Forks) > 0 {
		t.Errorf("the log is not whole: %v %+v", err, report)
	}
	return got.Body
}

// countsOf counts the records of a log by their name and target.
func countsOf(t *testing.T, log string) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(log) {
		var record struct {
			Fields [][3]string `json:"f"` // name, salt, value
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v in %.200s", err, line)
		}
		said := map[string]string{}
		for _, field := range record.Fields {
			said[field[0]] = field[2]
		}
		counts[said["@name"]+" "+said["@target"]]++
	}
	return counts
}

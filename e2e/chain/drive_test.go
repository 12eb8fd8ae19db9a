package chain_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/store"
)

// chain is one thing from the asking to the telling.
type chain struct {
	n      int
	hall   bool // asked in the hall, else in the system itself
	system string
	who    string // who asks
	record string // the ticket to be told, or the number of the question
	reason string // of an ask
	group  int
	refuse bool
	asked  bool // somebody was told that it was taken
}

// chainOf spreads the chains over ways, systems and people.
func chainOf(n int) *chain {
	c := &chain{n: n, hall: n%2 == 0, system: names[n/2%len(names)], refuse: n%10 >= 8}
	at := n / 2
	c.who, c.group = mate(at%crew), at/crew
	return c
}

// groupsFor are as many as make every ask one for something else.
func groupsFor(chains int) int { return chains/2/crew + 1 }

// run is one run of the rig.
type run struct {
	*fleet
	furnished
	t        *testing.T
	outside  map[string]outside
	chains   int
	kills    int // at least
	recovery jobtest.Recovery

	killed atomic.Int64
	begun  atomic.Int64
	parked atomic.Int64 // effects that an operator looked after

	mu      sync.Mutex
	all     []*chain
	records map[string]*chain // by record
}

// allowed is how many chains may have begun: so many that they last for all
// kills.
func (r *run) allowed() int {
	if k := int(r.killed.Load()); k < r.kills {
		return r.chains * (k + 1) / (r.kills + 1)
	}
	return r.chains
}

const askers = 8 // at once

// ask begins every chain, each once it may.
func (r *run) ask(ctx context.Context) {
	var all sync.WaitGroup
	for i := range askers {
		all.Go(func() {
			for n := i; n < r.chains && ctx.Err() == nil; n += askers {
				for n >= r.allowed() && ctx.Err() == nil {
					pause(ctx, 50*time.Millisecond)
				}
				pause(ctx, jobtest.Between(0, 50*time.Millisecond))
				r.begin(ctx, chainOf(n))
				r.begun.Add(1)
			}
		})
	}
	all.Wait()
}

func (r *run) begin(ctx context.Context, c *chain) {
	system := r.outside[c.system]
	if c.hall {
		c.record = system.open(c.who, c.n)
		c.reason = fmt.Sprintf(reasonForm, c.n, c.system, c.record)
	} else {
		c.record = system.put(c.who, c.n)
	}
	r.mu.Lock()
	r.all, r.records[c.record] = append(r.all, c), c
	r.mu.Unlock()
	if !c.hall {
		r.ring(ctx, r.furnished, c.system, system.ring(c.record))
		return
	}
	me := r.actors[c.who]
	for ctx.Err() == nil {
		err := r.call(ctx, me, http.MethodPost, "/api/v1/asks", map[string]any{
			"org": r.org, "kind": "group", "target": r.groups[c.group], "reason": c.reason, "length": 7200,
			"system": r.systems[c.system+forAll], "ticket": c.record,
		}, nil)
		if err == nil || errors.Is(err, errAway) && r.knows(ctx, me, c.reason) {
			c.asked = true
			return
		}
		if !errors.Is(err, errAway) && ctx.Err() == nil {
			r.t.Errorf("chain %d: ask: %v", c.n, err)
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// knows reports whether an ask that nobody answered was taken.
func (r *run) knows(ctx context.Context, me actor, reason string) bool {
	var mine struct{ Items []struct{ Reason string } }
	if err := r.get(ctx, me, "/api/v1/me/asks", &mine); err != nil {
		return false
	}
	for _, one := range mine.Items {
		if one.Reason == reason {
			return true
		}
	}
	return false
}

// decide is one approver, who looks at their cards again and again.
func (r *run) decide(ctx context.Context, i int) {
	me := r.actors[lead(i)]
	for ctx.Err() == nil {
		var list struct {
			Items []struct{ ID, State string }
		}
		if err := r.get(ctx, me, "/api/v1/cards?limit=50", &list); err != nil && ctx.Err() == nil {
			r.t.Errorf("cards: %v", err)
		}
		for _, c := range list.Items {
			if c.State == "open" || c.State == "failed" {
				r.press(ctx, me, c.ID)
			}
		}
		pause(ctx, jobtest.Between(150*time.Millisecond, 350*time.Millisecond))
	}
}

// press decides one card. Nobody may answer, and then it is looked at again.
func (r *run) press(ctx context.Context, me actor, which string) {
	var card struct{ Source, Digest, Number, Text string }
	if err := r.get(ctx, me, "/api/v1/cards/"+which, &card); err != nil {
		return
	}
	c := r.chainOf(card.Number, card.Text)
	if c == nil {
		return
	}
	body := map[string]any{"decision": "approve", "digest": card.Digest}
	if c.refuse {
		body["decision"], body["reason"] = "reject", fmt.Sprint("not for chain ", c.n)
	}
	err := r.call(ctx, me, http.MethodPost, "/api/v1/cards/"+which+"/decide", body, nil)
	var no *refusal
	if errors.As(err, &no) && no.Code != "card-settled" && no.Code != "card-changed" && no.Code != "ask-settled" && no.Code != "ask-changed" {
		r.t.Errorf("chain %d: decide: %v", c.n, err)
	}
}

// chainOf finds the chain of a card by its number, or by the reason of its ask.
func (r *run) chainOf(number, text string) *chain {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.records[number]; c != nil {
		return c
	}
	if words := strings.Fields(text); len(words) > 0 {
		return r.records[words[len(words)-1]]
	}
	return nil
}

// bells ring for what waits, as systems do that ring again.
func (r *run) bells(ctx context.Context) {
	for ctx.Err() == nil {
		for _, name := range names {
			if c := r.waits(name); c != nil {
				r.ring(ctx, r.furnished, name, r.outside[name].ring(c.record))
			}
		}
		pause(ctx, 2*time.Second)
	}
}

// waits is a question of a system that nobody has decided.
func (r *run) waits(name string) *chain {
	r.mu.Lock()
	var asked []*chain
	for _, c := range r.all {
		if !c.hall && c.system == name {
			asked = append(asked, c)
		}
	}
	r.mu.Unlock()
	for i := len(asked) - 1; i >= 0 && i >= len(asked)-200; i-- {
		if s := r.outside[name].state(asked[i].record); s != "approved" && s != "rejected" {
			return asked[i]
		}
	}
	return nil
}

// operate is an operator who looks after what is parked: into the books of the
// system, as a person would look at the folder.
func (r *run) operate(ctx context.Context) {
	me := r.actors["chika"]
	for ctx.Err() == nil {
		var list struct {
			Items []struct {
				ID, Driver, Line, Why string
				Payload               struct{ Text string }
			}
		}
		if err := r.get(ctx, me, "/api/v1/effects?state=parked&org="+url.QueryEscape(string(r.org)), &list); err != nil && ctx.Err() == nil {
			r.t.Errorf("effects: %v", err)
		}
		for _, e := range list.Items {
			if e.Driver != "ticket.comment" || e.Why != "job-cannot-be-known" {
				continue // the count says so
			}
			r.parked.Add(1)
			path, body := "/api/v1/effects/"+e.ID+"/retry", any(nil)
			for _, text := range r.outside["desk"].told(e.Line) {
				if text == e.Payload.Text {
					path, body = "/api/v1/effects/"+e.ID+"/skip", map[string]string{"reason": "it stands there"}
				}
			}
			_ = r.call(ctx, me, http.MethodPost, path, body, nil) // or the next time
		}
		pause(ctx, 500*time.Millisecond)
	}
}

// mischief lets each system do wrong now and then.
func (r *run) mischief(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		r.outside[names[i%len(names)]].mischief(func(m *fake.Mischief) { m.Cut = 1 })
		pause(ctx, time.Second)
	}
}

// kill kills nodes at random while chains begin.
func (r *run) kill(ctx context.Context) {
	for int(r.begun.Load()) < r.chains && ctx.Err() == nil {
		slack := time.Duration(1 + int(r.killed.Load())/(2*max(r.kills, 1)))
		pause(ctx, slack*jobtest.Between(600*time.Millisecond, 2*time.Second))
		if ctx.Err() != nil {
			return
		}
		r.nodes[int(jobtest.Between(0, time.Duration(len(r.nodes))))].kill(ctx)
		r.killed.Add(1)
	}
}

// over reports whether nothing is under way any more, and what is.
func (r *run) over(s *store.Store) (bool, string) {
	var effects, asks, cards, fresh int
	err := s.House().Read(context.Background(), func(v *store.View) error {
		return errors.Join(
			v.Row("SELECT count(*) FROM job_effect WHERE ended_at = 0").Scan(&effects),
			v.Row("SELECT count(*) FROM ask WHERE state = 'open'").Scan(&asks),
			v.Row("SELECT count(*) FROM card WHERE closed = 0").Scan(&cards),
			v.Row("SELECT count(*) FROM ask").Scan(&fresh))
	})
	waiting := 0
	for _, name := range names {
		if r.waits(name) != nil {
			waiting++
		}
	}
	said := fmt.Sprintf("%d of %d chains begun, %d asks, %d effects, %d asks and %d cards open, %d systems wait, %d kills, %d looked after, %v",
		r.begun.Load(), r.chains, fresh, effects, asks, cards, waiting, r.killed.Load(), r.parked.Load(), err)
	return err == nil && int(r.begun.Load()) == r.chains && effects+asks+cards+waiting == 0, said
}

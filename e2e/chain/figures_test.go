package chain_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job/jobtest"
)

// wantFigures ends a test that takes figures and judges nothing, unless they are
// asked for.
func wantFigures(t *testing.T) {
	t.Helper()
	if os.Getenv("SEKISHO_FIGURES") == "" {
		t.Skip("takes figures: SEKISHO_FIGURES=1")
	}
}

// peaceful is a run in which nobody is killed, on the definitions and limits that
// come with the product, with so many approvers.
func peaceful(t *testing.T, database string, approvers int) (*run, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	before, many := leads, crew
	leads, crew, plain = approvers, approvers, true
	all, at := openOutside(t, company())
	r := &run{fleet: newFleet(t, database), t: t, outside: all, records: map[string]*chain{}}
	h := r.here(t)
	r.furnished = furnish(t, h, all, at, 1)
	if err := h.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	r.live(ctx, jobtest.Fenced)
	t.Cleanup(func() {
		cancel()
		for _, n := range r.nodes {
			n.end()
		}
		leads, crew, plain = before, many, false
	})
	if err := r.get(ctx, r.actors["chika"], "/api/v1/cards", nil); err != nil {
		t.Fatal(err)
	}
	return r, ctx
}

// times are what was measured.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *times) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
}

// at is a percentile.
func (s *times) at(percent int) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return 0
	}
	slices.Sort(s.all)
	return s.all[min(len(s.all)*percent/100, len(s.all)-1)]
}

func (s *times) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, most %v of %d", s.at(50).Round(time.Millisecond), s.at(99).Round(time.Millisecond), s.at(100).Round(time.Millisecond), len(s.all))
}

type shownCard struct{ ID, State, Number, Digest string }

// appears waits until a question is among the cards of who is asked.
func (r *run) appears(ctx context.Context, me actor, number string) (c shownCard, took time.Duration) {
	begun := time.Now()
	for ctx.Err() == nil {
		var list struct{ Items []shownCard }
		if err := r.get(ctx, me, "/api/v1/cards?limit=200", &list); err != nil {
			r.t.Error(err)
			return c, 0
		}
		for _, c := range list.Items {
			if c.Number == number {
				return c, time.Since(begun)
			}
		}
		pause(ctx, 25*time.Millisecond)
	}
	return c, time.Since(begun)
}

// writes decides a card and waits until it was written there and read back.
func (r *run) writes(ctx context.Context, me actor, c shownCard) time.Duration {
	begun := time.Now()
	if err := r.call(ctx, me, http.MethodPost, "/api/v1/cards/"+c.ID+"/decide", map[string]string{"decision": "approve", "digest": c.Digest}, nil); err != nil {
		r.t.Errorf("decide %s: %v", c.Number, err)
	}
	for ctx.Err() == nil {
		var now shownCard
		if err := r.get(ctx, me, "/api/v1/cards/"+c.ID, &now); err != nil {
			r.t.Error(err)
		}
		if now.State == "applied" {
			break
		}
		if now.State != "deciding" {
			r.t.Errorf("%s is %s", c.Number, now.State)
			break
		}
		pause(ctx, 5*time.Millisecond)
	}
	return time.Since(begun)
}

// rounds lets every approver be asked by the systems, ring by ring, and decide,
// at the pace of people; it measures from ring to card and from decision to what
// was read back, by system.
func (r *run) rounds(ctx context.Context, systems []string, n int, every time.Duration) (cards, backs map[string]*times) {
	cards, backs = map[string]*times{}, map[string]*times{}
	for _, name := range systems {
		cards[name], backs[name] = &times{}, &times{}
	}
	var all sync.WaitGroup
	for i := range leads {
		all.Go(func() {
			me := r.actors[lead(i)]
			pause(ctx, every*time.Duration(i)/time.Duration(leads))
			for k := range n {
				name := systems[(i+k)%len(systems)]
				next := time.After(every)
				r.mu.Lock()
				serial := len(r.records)
				r.records[fmt.Sprint("figure ", serial)] = nil
				r.mu.Unlock()
				number := r.outside[name].put(mate(i), serial)
				r.ring(ctx, r.furnished, name, r.outside[name].ring(number))
				c, took := r.appears(ctx, me, number)
				cards[name].add(took)
				backs[name].add(r.writes(ctx, me, c))
				select {
				case <-next:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
	return cards, backs
}

// TestFiguresOfCards prints how long it takes from the doorbell to the card, and
// from the decision to what was written and read back.
func TestFiguresOfCards(t *testing.T) {
	wantFigures(t)
	housetest.EachURL(t, func(t *testing.T, database string) {
		r, ctx := peaceful(t, database, 12)
		cards, backs := r.rounds(ctx, names, size("SEKISHO_ROUNDS", 15), 6*time.Second)
		for _, name := range names {
			t.Logf("%s: doorbell to card %v", name, cards[name])
			t.Logf("%s: decided to read back %v", name, backs[name])
		}
	})
}

// TestFiguresOfPolling prints how long a card takes that nobody rang for, while
// its person looks at a page from time to time.
func TestFiguresOfPolling(t *testing.T) {
	wantFigures(t)
	housetest.EachURL(t, func(t *testing.T, database string) {
		r, ctx := peaceful(t, database, 12)
		polled := map[string]*times{}
		var all sync.WaitGroup
		for _, name := range names {
			polled[name] = &times{}
			for i := range leads {
				all.Go(func() {
					me := r.actors[lead(i)]
					_, _ = r.appearsSoon(ctx, me) // they are here
					pause(ctx, jobtest.Between(0, time.Minute))
					_, took := r.appears(ctx, me, r.outside[name].put(mate(i), i))
					polled[name].add(took)
				})
			}
		}
		all.Wait()
		for _, name := range names {
			t.Logf("%s: asked to card without a doorbell %v", name, polled[name])
		}
	})
}

// appearsSoon is one look at the cards.
func (r *run) appearsSoon(ctx context.Context, me actor) (n int, err error) {
	var list struct{ Items []shownCard }
	err = r.get(ctx, me, "/api/v1/cards", &list)
	return len(list.Items), err
}

// TestFiguresOfAHangingSystem prints what others notice of a system that accepts
// calls and says nothing for a minute: requests of people, and the cards and
// write-backs of the other systems.
func TestFiguresOfAHangingSystem(t *testing.T) {
	wantFigures(t)
	housetest.EachURL(t, func(t *testing.T, database string) {
		r, ctx := peaceful(t, database, size("SEKISHO_APPROVERS", 40))
		others := []string{"servicenow", "desk"}
		quiet := r.people(ctx, others, "before")
		cards := map[string]shownCard{} // that are decided once nobody answers there
		for i := range 8 {
			number := r.outside["jira"].put(mate(i), i)
			r.ring(ctx, r.furnished, "jira", r.outside["jira"].ring(number))
			cards[lead(i)], _ = r.appears(ctx, r.actors[lead(i)], number)
		}
		r.outside["jira"].mischief(func(m *fake.Mischief) { m.Hang = -1 })
		for login, c := range cards {
			if err := r.call(ctx, r.actors[login], http.MethodPost, "/api/v1/cards/"+c.ID+"/decide", map[string]string{"decision": "approve", "digest": c.Digest}, nil); err != nil {
				t.Errorf("decide %s: %v", c.Number, err)
			}
		}
		var stuck sync.WaitGroup
		hung, over := context.WithCancel(ctx)
		stuck.Go(func() {
			for k := 0; hung.Err() == nil; k++ {
				number := r.outside["jira"].put(mate(k%crew), k)
				r.ring(hung, r.furnished, "jira", r.outside["jira"].ring(number))
				pause(hung, 500*time.Millisecond)
			}
		})
		pause(ctx, 5*time.Second)
		with := r.people(ctx, others, "with")
		over()
		stuck.Wait()
		for i, what := range []string{"requests", "doorbell to card", "decided to read back"} {
			t.Logf("%s: p99 with / before: %.2f", what, float64(with[i].at(99))/float64(quiet[i].at(99)))
		}
	})
}

// people measures for a while what people see: the list of cards, and cards and
// decisions of some systems.
func (r *run) people(ctx context.Context, systems []string, when string) [3]*times {
	asks, stop := &times{}, make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			me := r.actors[mate(i)]
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				begun := time.Now()
				if _, err := r.appearsSoon(ctx, me); err != nil {
					r.t.Error(err)
				}
				asks.add(time.Since(begun))
			}
		})
	}
	cards, backs := r.rounds(ctx, systems, size("SEKISHO_ROUNDS", 4), 10*time.Second)
	close(stop)
	all.Wait()
	card, back := &times{}, &times{}
	for _, name := range systems {
		card.all, back.all = append(card.all, cards[name].all...), append(back.all, backs[name].all...)
	}
	r.t.Logf("%s: requests %v", when, asks)
	r.t.Logf("%s: doorbell to card %v", when, card)
	r.t.Logf("%s: decided to read back %v", when, back)
	return [3]*times{asks, card, back}
}

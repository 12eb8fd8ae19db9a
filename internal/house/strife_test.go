package house_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// crowd is a house of two nodes in which many write at once.
type crowd struct {
	t      *testing.T
	nodes  []*housetest.Home
	org    id.Org
	mates  []id.Person // who ask
	leads  []id.Person // who decide, each about several
	groups []id.Group
	office *bureau

	mu    sync.Mutex
	codes map[string]int
	slow  []time.Duration
}

// bureau is an outside system in which everybody is asked something.
type bureau struct{ counter }

func (b *bureau) tieOf(who id.Person) card.Tie {
	tie := b.tie()
	tie.Person = who
	return tie
}

func (b *bureau) Tie(_ context.Context, _ id.Org, _ id.Connector, who id.Person) (card.Tie, error) {
	return b.tieOf(who), nil
}

const crowdLeads, crowdGroups = 8, 5

func newCrowd(t *testing.T, many int, approvers func(c *crowd) []request.Approver) *crowd {
	t.Helper()
	database, key := housetest.Postgres(t), filepath.Join(t.TempDir(), "unseal.key")
	c := &crowd{t: t, office: &bureau{counter{rows: map[string]connector.State{}, obliges: true}}, codes: map[string]int{}}
	shared := func(o *house.Options) { o.Config.Unseal.File, o.Systems = key, c.office }
	for range 2 {
		c.nodes = append(c.nodes, housetest.House(t, housetest.On(database), housetest.WithMail(), shared))
	}
	c.org = c.nodes[0].People(t).Org
	c.office.org = string(c.org)
	for i := range crowdLeads {
		c.leads = append(c.leads, c.person(fmt.Sprint("lead", i), ""))
	}
	for i := range many {
		c.mates = append(c.mates, c.person(fmt.Sprint("mate", i), c.leads[i%crowdLeads]))
	}
	for i := range crowdGroups {
		members := []id.Person{}
		if i == 0 {
			members = c.leads
		}
		g, err := c.nodes[0].Register().PutGroup(t.Context(), id.Local(0), org.Group{Org: c.org, Name: fmt.Sprint("group", i), Members: members})
		if err != nil {
			t.Fatal(err)
		}
		c.groups = append(c.groups, g.ID)
	}
	policy := request.ApprovalPolicy{Org: c.org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: approvers(c), Need: 1}}}},
	}}
	if _, err := c.nodes[0].Hall().PutPolicy(t.Context(), id.Local(0), policy); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *crowd) person(login string, manager id.Person) id.Person {
	c.t.Helper()
	h, who := c.nodes[0], id.New[id.Person](time.Now())
	err := h.Store().House().Write(c.t.Context(), func(tx *store.Tx) store.End {
		p := org.Person{ID: who, Login: login, Email: login + "@kaede.example", DisplayName: login, State: org.Active, Created: time.Now()}
		added, err := h.Register().AddPerson(tx, id.Local(0), p)
		if err == nil {
			err = h.Register().Verify(tx, who, p.Email)
		}
		if err != nil {
			return store.Abort(err)
		}
		joined, err := h.Register().SetMember(tx, id.Local(0), org.Member{Org: c.org, Person: who, Roles: []id.Role{org.User}, Manager: manager})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return who
}

// did notes how a write ended and how long somebody waited for it.
func (c *crowd) did(began time.Time, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.codes[cmp.Or(fault.Code(err), map[bool]string{true: "done", false: "failed"}[err == nil])]++
	c.slow = append(c.slow, time.Since(began))
	return err
}

// chain asks, decides and gives back once.
func (c *crowd) chain(i, round int) error {
	ctx, h := context.Background(), c.nodes[(i+round)%len(c.nodes)]
	mate, lead, group := c.mates[i], c.leads[i%crowdLeads], c.groups[1+(i+round)%(crowdGroups-1)]
	began := time.Now()
	a, err := h.Hall().Raise(ctx, mate, request.Wanted{Org: c.org, Kind: "group", Target: string(group), Reason: "Month's end", Length: time.Hour})
	if c.did(began, err) != nil {
		return fmt.Errorf("ask: %w", err)
	}
	s, err := h.Hall().Show(ctx, c.org, a.ID, lead)
	if err != nil {
		return err
	}
	all, _, err := h.Cards().List(ctx, lead, false, "", 200)
	at := slices.IndexFunc(all, func(one card.Card) bool { return one.Backend == string(a.ID) })
	if err != nil || at < 0 {
		return errors.Join(errors.New("no card"), err)
	}
	began = time.Now()
	_, err = h.Cards().Decide(ctx, card.Decider{Person: lead, Name: "lead"}, card.Verdict{Card: all[at].ID, Yes: true, Digest: s.Digest})
	if c.did(began, err) != nil {
		return fmt.Errorf("decide: %w", err)
	}
	out, err := h.Ledger().Of(ctx, mate)
	if err != nil || len(out) != 1 {
		return errors.Join(fmt.Errorf("%d are out", len(out)), err)
	}
	began = time.Now()
	_, err = h.Ledger().End(ctx, id.OfPerson(mate), c.org, out[0].ID, lease.Returned)
	if c.did(began, err) != nil {
		return fmt.Errorf("give back: %w", err)
	}
	return nil
}

// outside decides cards of the outside system, each of which is an effect.
func (c *crowd) outside(i, round int) error {
	ctx, h := context.Background(), c.nodes[(i+round)%len(c.nodes)]
	who := c.leads[i%crowdLeads]
	all, _, err := h.Cards().List(ctx, who, false, "", 200)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.Kind != card.Outside || one.State != card.Open {
			continue
		}
		began := time.Now()
		_, err := h.Cards().Decide(ctx, card.Decider{Person: who, Name: "lead"}, card.Verdict{Card: one.ID, Yes: true, Digest: one.Digest})
		if code := fault.Code(err); code == "card-settled" || code == "card-changed" {
			err = nil // another was first
		}
		return c.did(began, err)
	}
	return nil
}

// TestManyWriteAtOnce: people who ask, decide and give back different things at
// once, beside the effects and the sequencers of two nodes, are all served.
func TestManyWriteAtOnce(t *testing.T) {
	many, rounds := number("SEKISHO_WRITERS", 40), number("SEKISHO_ROUNDS", 2)
	for name, approvers := range map[string]func(c *crowd) []request.Approver{
		"decided by managers": func(*crowd) []request.Approver { return []request.Approver{request.Manager} },
		"decided by one group": func(c *crowd) []request.Approver {
			return []request.Approver{request.Approver("group:" + string(c.groups[0]))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, many, approvers)
			c.office.mu.Lock()
			for i := range rounds * crowdLeads {
				c.office.rows[fmt.Sprintf("row-%02d", i)] = connector.Pending
			}
			c.office.mu.Unlock()
			for _, lead := range c.leads[:2] {
				if err := c.nodes[0].Cards().Read(t.Context(), c.office.tieOf(lead), nil); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			var all sync.WaitGroup
			for i := range many {
				all.Go(func() {
					for round := range rounds {
						if err := c.chain(i, round); err != nil {
							t.Errorf("%d, round %d: %v", i, round, err)
							return
						}
						if i < 2 {
							if err := c.outside(i, round); err != nil {
								t.Errorf("%d, round %d, outside: %v", i, round, err)
							}
						}
					}
				})
			}
			all.Wait()
			took := time.Since(began)
			again, busy := int64(0), int64(0)
			for _, h := range c.nodes {
				a, b := h.Store().Strife()
				again, busy = again+a, busy+b
			}
			slices.Sort(c.slow)
			t.Logf("%d writers, %d asked, decided and given back in %v: %v, %d tries more, %d store-busy; a write p50 %v, p99 %v, longest %v", many, many*rounds,
				took.Round(time.Millisecond), c.codes, again, busy, c.slow[len(c.slow)/2].Round(time.Millisecond), c.slow[len(c.slow)*99/100].Round(time.Millisecond), c.slow[len(c.slow)-1].Round(time.Millisecond))
			if busy > 0 {
				t.Errorf("%d writes were given up", busy)
			}
			c.judge(many * rounds)
		})
	}
}

// judge holds what is there against what was done: every ask is over, nobody is
// in a group any more, and each step has one record.
func (c *crowd) judge(chains int) {
	c.t.Helper()
	h := c.nodes[0]
	states := map[string]int{}
	err := h.Store().House().Read(c.t.Context(), func(v *store.View) error {
		rows, err := v.Query("SELECT state FROM ask UNION ALL SELECT 'lent' FROM group_member WHERE lent <> '' UNION ALL SELECT 'out' FROM lease WHERE state <> 'back'")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
			var state string
			err = scan(&state)
			states[state]++
			return none, err
		})
		return err
	})
	if want := map[string]int{"over": chains}; err != nil || !maps.Equal(states, want) {
		c.t.Errorf("states %v, %v, want %v", states, err, want)
	}
	records, err := h.Records(c.t.Context(), time.Time{})
	if err != nil {
		c.t.Fatal(err)
	}
	names := map[string]int{}
	for _, one := range records {
		names[one.Name]++
	}
	for _, name := range []string{"request.asked", "request.approved", "request.released", "request.over", "lease.begun", "lease.ended"} {
		if names[name] != chains {
			c.t.Errorf("A156 %d records of %s, want %d", names[name], name, chains)
		}
	}
}

// number is one of a run's sizes.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

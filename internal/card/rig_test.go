package card_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

const (
	kaede  = id.Org("01jd9m7r0000000000000kaede")
	momiji = id.Org("01jd9m7r000000000000m0m1j1")
	snow   = id.Connector("01jd9m7r00000000000000sn0w")
	botan  = id.Person("01jd9m7r000000000000b0tan0")
	aoi    = id.Person("01jd9m7r00000000000000a010")
)

// office is an outside system with a memory: what is asked of whom, what was
// decided, and every way in which such a system lies or fails.
type office struct {
	mu    sync.Mutex
	asked map[string]*connector.Approval
	ties  []card.Tie
	lists int
	gets  int
	marks []string // of every decision that was sent, whatever came of it
	wrote []string // every write that reached it: "approved by n-botan on row-1"

	listFails, getFails, openFails, decideFails *connector.Problem
	lies                                        bool                        // says yes and does nothing
	silent                                      bool                        // does it and is then away
	listed                                      func(string) bool           // which rows a list names; nil is all
	before                                      func(a *connector.Approval) // just before a write
	atStep                                      func(step string)
}

func newOffice() *office {
	o := &office{asked: map[string]*connector.Approval{}}
	o.ties = []card.Tie{{
		Org: kaede, System: snow, Title: "ServiceNow", Person: botan, On: true,
		Native: connector.Party{NativeID: "n-botan", Name: "Botan Sato", Email: "botan@kaede.example"},
	}}
	return o
}

// ask puts a question to Botan.
func (o *office) ask(row string, more ...func(*connector.Approval)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := &connector.Approval{
		ID: row, TicketID: "REQ00" + row, Title: "Laptop for Aoi", State: connector.Pending, CanDecide: true, CommentRequired: connector.OnReject,
		Approver:  connector.Party{NativeID: "n-botan", Name: "Botan Sato"},
		Requester: connector.Party{NativeID: "n-aoi", Name: "Aoi Takahashi", Email: "aoi@kaede.example"},
		Amount:    connector.Amount{Value: "198000", Currency: "JPY"}, Lines: []string{"1 × Laptop 14\""}, DueAt: housetest.Epoch.Add(48 * time.Hour),
		URL: "https://kaede.example.com/req/" + row,
	}
	for _, change := range more {
		change(a)
	}
	o.asked[row] = a
}

func (o *office) change(row string, f func(*connector.Approval)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o.asked[row])
}

func (o *office) set(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *office) state(row string) connector.State {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[row].State
}

func (o *office) writes() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.wrote)
}

func (o *office) Ties(context.Context) ([]card.Tie, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ties), nil
}

func (o *office) Tie(_ context.Context, in id.Org, system id.Connector, who id.Person) (card.Tie, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.ties {
		if t.Org == in && t.System == system && t.Person == who {
			return t, nil
		}
	}
	return card.Tie{}, nil
}

func (o *office) Open(_ context.Context, t card.Tie) (card.Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.openFails != nil {
		return nil, o.openFails
	}
	return desk{o, t}, nil
}

func (o *office) Switch(system id.Connector) string {
	return "/settings/integrations#" + string(system)
}

// desk is the office as one person.
type desk struct {
	*office
	tie card.Tie
}

func (d desk) step(name string) {
	if d.atStep != nil {
		d.atStep(name)
	}
}

func (d desk) Approvals(context.Context) (all []connector.Approval, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lists++
	if d.listFails != nil {
		return nil, d.listFails
	}
	for _, a := range d.asked {
		if a.State == connector.Pending && (d.listed == nil || d.listed(a.ID)) {
			all = append(all, *a)
		}
	}
	slices.SortFunc(all, func(a, b connector.Approval) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func (d desk) Approval(_ context.Context, which string) (connector.Approval, error) {
	d.step("get")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gets++
	if d.getFails != nil {
		return connector.Approval{}, d.getFails
	}
	a, ok := d.asked[which]
	if !ok {
		return connector.Approval{}, &connector.Problem{Kind: connector.NotFound}
	}
	return *a, nil
}

func (d desk) Decide(_ context.Context, v connector.Verdict) error {
	which, to, comment := v.ID, v.Decision, v.Comment
	d.step("before")
	defer d.step("after")
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.asked[which]
	if !ok {
		return &connector.Problem{Kind: connector.NotFound}
	}
	d.marks = append(d.marks, v.Marker)
	if d.before != nil {
		d.before(a)
	}
	if d.decideFails != nil {
		return d.decideFails
	}
	if a.State != connector.Pending {
		return &connector.Problem{Kind: connector.Conflict, Message: "already decided", Sent: true}
	}
	d.wrote = append(d.wrote, fmt.Sprintf("%s by %s on %s: %s", to, d.tie.Native.NativeID, which, comment))
	if d.lies {
		return nil
	}
	a.State, a.DecidedBy = connector.State(to), connector.Party{NativeID: d.tie.Native.NativeID, Name: d.tie.Native.Name}
	if d.silent {
		return &connector.Problem{Kind: connector.Unavailable, Sent: true}
	}
	return nil
}

func (d desk) Act(_ context.Context, which, action string, input map[string]string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.asked[which]
	if d.decideFails != nil {
		return d.decideFails
	}
	d.wrote = append(d.wrote, fmt.Sprintf("%s by %s on %s: %v", action, d.tie.Native.NativeID, which, input))
	if !d.lies {
		a.Fields = append(a.Fields, connector.Field{Label: "Done", Value: action})
	}
	return nil
}

// rig is the room with store and effects for real, and an office.
type rig struct {
	t     *testing.T
	url   string
	clock *clock.Moved
	store *store.Store
	desk  *job.Desk
	room  *card.Room
	*office
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, url, clock.NewMoved(housetest.Epoch), newOffice())) })
}

func newRig(t *testing.T, url string, c *clock.Moved, o *office) *rig {
	t.Helper()
	r := &rig{t: t, url: url, clock: c, office: o}
	r.store = housetest.Open(t, url, c, card.Schema, job.Schema, org.Schema)
	r.room = card.New(card.Options{Store: r.store, Clock: c, Log: housetest.Log(t), Systems: o, Timeout: 5 * time.Second, Reach: 5 * time.Second})
	return r
}

// work starts a desk of effects.
func (r *rig) work() {
	r.t.Helper()
	r.desk = job.New(job.Options{Store: r.store, Clock: r.clock, Log: housetest.Log(r.t)})
	if err := errors.Join(r.desk.Register(r.room.Driver()), r.desk.Start()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		stop, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = r.desk.Stop(stop)
	})
}

// read reads what is asked, as a poll does.
func (r *rig) read() {
	r.t.Helper()
	if err := r.tryRead(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) tryRead() error {
	all, _ := r.Ties(ctx)
	ties := card.TieMap(all)
	for _, t := range all {
		if t.On && (t.Person == "" || !t.Service) {
			if err := r.room.Read(ctx, t, ties); err != nil {
				return err
			}
		}
	}
	return nil
}

// cards are a person's cards by the row that they are about.
func (r *rig) cards(who id.Person) map[string]card.Card {
	r.t.Helper()
	by := map[string]card.Card{}
	for _, done := range []bool{false, true} {
		page, _, err := r.room.List(ctx, who, done, "", 200)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, c := range page {
			by[c.Backend] = c
		}
	}
	return by
}

func (r *rig) card(row string) card.Card {
	r.t.Helper()
	c, ok := r.cards(botan)[row]
	if !ok {
		r.t.Fatalf("no card about %s", row)
	}
	return c
}

var present = card.Decider{Person: botan, Name: "Botan Sato", ACR: "aal2", AMR: []string{"hwk"}}

func (r *rig) press(c card.Card, more ...func(*card.Verdict)) (card.Card, error) {
	v := card.Verdict{Card: c.ID, Yes: true, Digest: c.Digest}
	for _, change := range more {
		change(&v)
	}
	return r.room.Decide(ctx, present, v)
}

// marked are the markers of all decisions that were sent.
func (r *rig) marked() (all []string) {
	r.set(func() { all = slices.Clone(r.marks) })
	return all
}

// ends waits until a card has a state; the clock moves on meanwhile.
func (r *rig) ends(row string, want card.State) card.Card {
	r.t.Helper()
	var c card.Card
	for range 600 {
		if c = r.card(row); c.State == want {
			return c
		}
		time.Sleep(10 * time.Millisecond)
		r.clock.Advance(time.Second)
	}
	r.t.Fatalf("card about %s is %s (%s %s), want %s", row, c.State, c.Why, c.Said, want)
	return c
}

func (r *rig) events(name string) (n int) {
	r.t.Helper()
	for _, e := range housetest.Witnessed(r.t, r.store) {
		if e.Name == name {
			n++
		}
	}
	return n
}

// until waits for something; the clock moves on meanwhile.
func (r *rig) until(there func() bool) {
	r.t.Helper()
	for range 600 {
		if there() {
			return
		}
		time.Sleep(10 * time.Millisecond)
		r.clock.Advance(100 * time.Millisecond)
	}
	r.t.Fatal("it did not come")
}

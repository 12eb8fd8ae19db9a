package card_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

func TestAPollDeletesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(o *office)
		state card.State
		other string
		fails bool
	}{
		"TRAP-H7 TRAP-C11 the list is away":    {func(o *office) { o.listFails = &connector.Problem{Kind: connector.Unavailable} }, card.Open, "", true},
		"TRAP-H7 TRAP-C11 the list is shorter": {func(o *office) { o.listed = func(string) bool { return false } }, card.Open, "", false},
		"TRAP-H7 shorter, and get is away": {func(o *office) {
			o.listed, o.getFails = func(string) bool { return false }, &connector.Problem{Kind: connector.Unavailable}
		}, card.Open, "", false},
		"shorter, and get is forbidden": {func(o *office) {
			o.listed, o.getFails = func(string) bool { return false }, &connector.Problem{Kind: connector.Forbidden}
		}, card.Open, "", false},
		"TRAP-C17 a state without a word": {func(o *office) { o.asked["1"].State = connector.Unmapped }, card.Open, "", false},
		"TRAP-H6 decided elsewhere": {func(o *office) {
			o.asked["1"].State, o.asked["1"].DecidedBy = connector.Rejected, connector.Party{Name: "Chika"}
		}, card.Superseded, "Chika", false},
		"cancelled": {func(o *office) { o.asked["1"].State = connector.Cancelled }, card.Withdrawn, "", false},
		"deleted":   {func(o *office) { delete(o.asked, "1") }, card.Withdrawn, "", false},
		"TRAP-C2 put to somebody else, listed all the same": {func(o *office) { o.asked["1"].Approver.NativeID = "n-chika" }, card.Open, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(r *rig) {
				r.ask("1")
				r.read()
				r.set(func() { c.spoil(r.office) })
				if err := r.tryRead(); (err != nil) != c.fails {
					t.Fatal(err)
				}
				if got := r.card("1"); got.State != c.state || got.Other != c.other {
					t.Errorf("it is %s by %q, want %s by %q", got.State, got.Other, c.state, c.other)
				}
				r.set(func() { r.listFails, r.getFails, r.office.listed = nil, nil, nil })
				for range 2 {
					r.read()
				}
				if got := r.card("1"); got.State != c.state || r.events("card.raised") != 1 {
					t.Errorf("TRAP-C11 when all is there again it is %s, and was raised %d times", got.State, r.events("card.raised"))
				}
			})
		})
	}
}

func TestQuestionsBecomeCardsOnce(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.ask("other", func(a *connector.Approval) { a.Approver.NativeID = "n-chika" })
		r.ask("decided", func(a *connector.Approval) { a.State = connector.Approved })
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := r.tryRead(); err != nil && fault.Code(err) != "store-busy" {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(r.cards(botan)); n != 1 || r.events("card.raised") != 1 {
			t.Fatalf("TRAP-H7 TRAP-C2 %d cards and %d records of eight polls at once, want one", n, r.events("card.raised"))
		}
		before := r.card("1")
		calls, statements := r.calls(), store.Counting
		counted, n := statements(ctx)
		tie := r.ties[0]
		if err := r.room.Read(counted, tie, card.TieMap(r.ties)); err != nil {
			t.Fatal(err)
		}
		if got := r.calls() - calls; got != 1 || n.Load() != 1 {
			t.Errorf("a poll without news: %d calls and %d statements, want 1 and 1", got, n.Load())
		}
		if diff := cmp.Diff(before, r.card("1")); diff != "" {
			t.Errorf("a poll without news changed the card: %s", diff)
		}
		r.change("1", func(a *connector.Approval) { a.Lines = []string{"2 × Laptop"} })
		r.read()
		after := r.card("1")
		if after.ID != before.ID || after.Digest == before.Digest || after.Sheet.Lines[0] != "2 × Laptop" || r.events("card.changed") != 1 {
			t.Errorf("what changed is not on the same card: %+v", after)
		}
	})
}

func TestAskedAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		r.work()
		if _, err := r.press(r.card("1")); err != nil {
			t.Fatal(err)
		}
		r.ends("1", card.Applied)
		r.change("1", func(a *connector.Approval) { a.State = connector.Pending }) // the list lags
		r.read()
		if c := r.card("1"); c.State != card.Applied {
			t.Errorf("a list that lags made it %s", c.State)
		}
		r.clock.Advance(time.Hour)
		r.read()
		if c := r.card("1"); c.State != card.Open || c.Decision != "" {
			t.Errorf("asked again an hour later it is %s (%s)", c.State, c.Decision)
		}
	})
}

// calls are how often the system was asked anything.
func (r *rig) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists + r.gets + len(r.wrote)
}

// run runs the room's own loop.
func (r *rig) run() {
	run, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.room.Run(run) })
	r.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (r *rig) listed() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lists
}

// pass lets time pass in small steps, so that whoever waits can go on.
func (r *rig) pass(d time.Duration) {
	for range int(d / time.Second) {
		r.clock.Advance(time.Second)
		time.Sleep(3 * time.Millisecond)
	}
}

func TestHowOftenQuestionsAreRead(t *testing.T) {
	each(t, func(r *rig) {
		r.run()
		r.until(func() bool { return r.listed() == 1 })
		r.pass(10 * time.Minute) // while nobody is seen it becomes rarer
		slow := r.listed() - 1
		if slow < 1 || slow > 7 {
			t.Errorf("%d polls in ten minutes without a session, want 1 to 7", slow)
		}
		r.pass(30 * time.Minute)
		r.ask("1")
		r.room.Here(ctx, botan)
		was := r.listed()
		for range 75 {
			r.pass(time.Second)
		}
		if len(r.cards(botan)) != 1 || r.listed() == was {
			t.Errorf("75 s after a sign of life there are %d cards, %d polls", len(r.cards(botan)), r.listed()-was)
		}
		was = r.listed()
		for range 10 {
			r.room.Here(ctx, botan)
			r.pass(time.Minute)
		}
		if n := r.listed() - was; n < 7 || n > 13 {
			t.Errorf("%d polls in ten minutes of a session, want about ten", n)
		}
		was = r.listed()
		r.ask("2")
		for range 20 {
			if err := r.room.Rung(ctx, kaede, snow, []string{"REQ001"}); err != nil {
				t.Fatal(err)
			}
		}
		r.pass(2 * time.Second)
		for i := 0; i < 200 && len(r.cards(botan)) < 2; i++ { // of the machine's own time
			time.Sleep(5 * time.Millisecond)
		}
		if len(r.cards(botan)) != 2 {
			t.Errorf("no card 2 s after a doorbell")
		}
		if n := r.listed() - was; n > 2 {
			t.Errorf("TRAP-C18 %d polls after twenty rings at once", n)
		}
		r.pass(5 * time.Second)
		for _, row := range []string{"3", "4"} { // the second one rings when the first was just read
			r.ask(row)
			was = r.listed()
			if err := r.room.Rung(ctx, kaede, snow, nil); err != nil {
				t.Fatal(err)
			}
			if row == "3" {
				r.until(func() bool { return r.listed() > was })
			}
			r.clock.Advance(500 * time.Millisecond)
		}
		r.pass(3 * time.Second)
		for i := 0; i < 200 && len(r.cards(botan)) < 4; i++ {
			time.Sleep(5 * time.Millisecond)
		}
		if n := len(r.cards(botan)); n != 4 {
			t.Errorf("%d cards 3 s after two doorbells half a second apart, want 4", n)
		}
		if err := r.room.Rung(ctx, momiji, snow, nil); err != nil {
			t.Fatal(err)
		}
		was = r.listed()
		r.pass(2 * time.Second)
		if n := r.listed() - was; n > 1 {
			t.Errorf("TRAP-C25 a ring of another organization: %d polls", n)
		}
	})
}

func TestASystemThatAsksToWait(t *testing.T) {
	each(t, func(r *rig) {
		r.set(func() { r.listFails = &connector.Problem{Kind: connector.Throttled, RetryAfter: 20 * time.Minute} })
		r.run()
		r.until(func() bool { return r.listed() == 1 })
		r.room.Here(ctx, botan)
		r.pass(15 * time.Minute)
		if n := r.listed(); n != 1 {
			t.Errorf("C26 %d polls before the time that the system asked for", n)
		}
	})
}

func TestLeavingASystem(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.run()
		r.until(func() bool { return len(r.cards(botan)) == 1 })
		r.set(func() { r.ties[0].On = false })
		r.room.Resync()
		r.pass(2 * time.Second)
		if c := r.card("1"); c.State != card.Open {
			t.Errorf("TRAP-H2 a connection that must be renewed made it %s", c.State)
		}
		was := r.listed()
		r.pass(5 * time.Minute)
		if n := r.listed() - was; n != 0 {
			t.Errorf("%d polls by a dead connection", n)
		}
		r.set(func() { r.ties[0].On = true })
		r.room.Resync()
		r.until(func() bool { return r.listed() > was })
		r.set(func() { r.ties = nil })
		r.room.Resync()
		r.until(func() bool { return r.card("1").State == card.Withdrawn })
	})
}

func TestManyQuestionsCostNoMoreCalls(t *testing.T) {
	each(t, func(r *rig) {
		for i := range 120 {
			r.ask(fmt.Sprint(i))
		}
		r.read()
		if n := len(r.cards(botan)); n != 120 {
			t.Fatalf("%d cards", n)
		}
		was := r.calls()
		r.read()
		if n := r.calls() - was; n != 1 {
			t.Errorf("%d calls for 120 questions without news, want 1", n)
		}
		r.set(func() { r.office.listed = func(string) bool { return false } })
		was = r.calls()
		r.read()
		if n := r.calls() - was; n > 21 {
			t.Errorf("%d calls where all were missing, want at most 21", n)
		}
	})
}

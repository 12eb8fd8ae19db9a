package request_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request"
)

// TestTheLifeOfAsks is the simulator of asks (F15): schedules drawn from a seed,
// in which people ask, decide, amend, hand over, take back and break the glass,
// one after the other and several at once, while policies, names and the time
// change under them. After each step nobody has what was not decided for them, by
// as many others as the policy asks for, and at the end nobody has anything. A
// schedule that breaks it is printed with its seed, as short as it can be;
// -rapid.checks says how many are drawn.
func TestTheLifeOfAsks(t *testing.T) {
	each(t, func(r *rig) {
		cast := []id.Person{r.Aoi, r.Botan, r.Chika, r.Daichi, r.person("eri"), r.person("fumi"), r.breaker()}
		runs, steps := 0, 0
		rapid.Check(t, func(t *rapid.T) {
			runs++
			l := &life{t: t, r: r, cast: cast, name: fmt.Sprint("run-", runs), states: map[id.Ask]request.State{}, judged: map[id.Ask]bool{}, seen: map[string]string{}}
			l.begin()
			alone := map[string]func(*rapid.T){"": l.check, "several at once": l.together}
			for name, draw := range l.deeds() {
				alone[name] = func(t *rapid.T) { steps++; l.does(draw(t)()) }
			}
			for name, draw := range l.changes() {
				alone[name] = func(t *rapid.T) { steps++; l.does(draw(t)()) }
			}
			t.Repeat(alone)
			l.end()
		})
		t.Logf("F15 %d schedules of %d steps", runs, steps)
	})
}

// life is one schedule: the asks for one thing.
type life struct {
	t      *rapid.T
	r      *rig
	cast   []id.Person
	name   string
	thing  id.Group
	policy request.ApprovalPolicy
	handed []request.Delegation

	mu     sync.Mutex
	asks   []id.Ask
	states map[id.Ask]request.State // as they were seen last
	judged map[id.Ask]bool          // found rightly released
	seen   map[string]string        // digests, by ask and who looked
}

// deed is something that was drawn and is yet to be done.
type deed func() error

func (l *life) begin() {
	l.thing = l.r.group(l.name)
	l.policy = request.ApprovalPolicy{Org: l.r.Org, Name: l.name, Spec: request.Spec{
		Kinds: []string{"group"}, Targets: []string{"group:" + string(l.thing)}, Stages: stage(1, person(l.r.Botan)), Expires: 4 * time.Hour, Most: 6 * time.Hour, Glass: time.Hour,
	}}
	l.put()
}

func (l *life) put() {
	p, err := l.r.hall.PutPolicy(ctx, root, l.policy)
	if err != nil {
		l.t.Fatal(err)
	}
	l.policy = p
}

// does holds what came of a deed to being a refusal, if it was not done.
func (l *life) does(err error) {
	if f := fault.As(err); err != nil && (f == nil || f.Kind == fault.Broken) {
		l.t.Fatalf("it broke: %v", err)
	}
}

func (l *life) who(t *rapid.T, as string) id.Person {
	return rapid.SampledFrom(l.cast).Draw(t, as)
}

// one is an ask of the schedule; a step that has none is not made.
func (l *life) one(t *rapid.T) id.Ask {
	if len(l.asks) == 0 {
		t.Skip("nobody has asked yet")
	}
	return rapid.SampledFrom(l.asks).Draw(t, "ask")
}

// deeds are what people do to asks, by themselves and at once.
func (l *life) deeds() map[string]func(t *rapid.T) deed {
	hall, in := l.r.hall, l.r.Org
	return map[string]func(t *rapid.T) deed{
		"ask": func(t *rapid.T) deed {
			w := request.Wanted{
				Org: in, Kind: "group", Target: string(l.thing), Reason: "x", Length: rapid.SampledFrom([]time.Duration{30 * time.Minute, 2 * time.Hour}).Draw(t, "length"),
				For: rapid.SampledFrom(append([]id.Person{"", ""}, l.cast...)).Draw(t, "for"), Break: rapid.IntRange(0, 4).Draw(t, "break") == 0,
			}
			if rapid.Bool().Draw(t, "later") {
				w.From = l.r.clock.Now().Add(90 * time.Minute)
			}
			by := l.who(t, "by")
			return func() error { return l.asked(hall.Raise(ctx, by, w)) }
		},
		"decide": func(t *rapid.T) deed {
			which, who := l.one(t), l.who(t, "by")
			anew, approve := rapid.IntRange(0, 3).Draw(t, "looks") > 0, rapid.IntRange(0, 4).Draw(t, "approves") > 0
			return func() error {
				digest := l.look(which, who, anew)
				_, err := hall.Decide(ctx, request.Decider{Person: who}, request.Verdict{Org: in, Ask: which, Approve: approve, Digest: digest, Reason: "x"})
				return err
			}
		},
		"amend": func(t *rapid.T) deed {
			which, who, length := l.one(t), l.who(t, "by"), rapid.SampledFrom([]time.Duration{time.Hour, 3 * time.Hour}).Draw(t, "length")
			return func() error {
				_, err := hall.Amend(ctx, who, in, which, request.Amended{Length: &length})
				return err
			}
		},
		"withdraw": func(t *rapid.T) deed {
			which, who := l.one(t), l.who(t, "by")
			return func() error { _, err := hall.Withdraw(ctx, who, in, which); return err }
		},
		"give back": func(t *rapid.T) deed {
			which, who := l.held(t).ID, l.who(t, "by")
			return func() error { _, err := hall.GiveBack(ctx, who, in, which); return err }
		},
		"extend": func(t *rapid.T) deed {
			which := l.held(t)
			w := request.Wanted{Org: in, Kind: "group", Target: string(l.thing), Reason: "x", Length: time.Hour, Extends: which.ID}
			by := rapid.SampledFrom([]id.Person{which.Person, which.Person, l.cast[0]}).Draw(t, "by")
			return func() error { return l.asked(hall.Raise(ctx, by, w)) }
		},
		"revoke": func(t *rapid.T) deed {
			which, who := l.held(t).ID, l.who(t, "by")
			return func() error { _, err := hall.Revoke(ctx, id.OfPerson(who), in, which); return err }
		},
	}
}

// changes are what happens around asks, one at a time.
func (l *life) changes() map[string]func(t *rapid.T) deed {
	return map[string]func(t *rapid.T) deed{
		"another policy": func(t *rapid.T) deed {
			first := stage(rapid.IntRange(1, 2).Draw(t, "need"), person(l.r.Botan), person(l.cast[4]), person(l.cast[5]))
			if rapid.Bool().Draw(t, "two stages") {
				first = append(first, stage(1, person(l.r.Chika))...)
			}
			return func() error { l.policy.Stages = first; l.put(); return nil }
		},
		"another name": func(t *rapid.T) deed {
			title := rapid.SampledFrom([]string{"Sales", "Everything"}).Draw(t, "title")
			return func() error {
				g, err := l.r.home.Register().Group(ctx, l.r.Org, l.thing)
				if err == nil {
					g.Title = title
					_, err = l.r.home.Register().PutGroup(ctx, root, g)
				}
				return err
			}
		},
		"hand over": func(t *rapid.T) deed {
			from, to, now := l.who(t, "from"), l.who(t, "to"), l.r.clock.Now()
			return func() error {
				d, err := l.r.hall.Delegate(ctx, id.OfPerson(from), request.Delegation{Org: l.r.Org, From: from, To: to, Starts: now.Add(-time.Minute), Ends: now.Add(2 * time.Hour), Reason: "Away"})
				if err == nil {
					l.handed = append(l.handed, d)
				}
				return err
			}
		},
		"time passes": func(t *rapid.T) deed {
			d := rapid.SampledFrom([]time.Duration{20 * time.Minute, 90 * time.Minute, 3 * time.Hour}).Draw(t, "how long")
			return func() error { l.r.clock.Advance(d); l.settle(); return nil }
		},
	}
}

// together does three deeds at once.
func (l *life) together(t *rapid.T) {
	all, names := l.deeds(), []string{"ask", "decide", "decide", "decide", "amend", "withdraw", "give back", "revoke", "extend"}
	var drawn []deed
	for i := range 3 {
		name := rapid.SampledFrom(names).Draw(t, fmt.Sprint("deed ", i))
		if len(l.asks) == 0 || slices.Contains(names[6:], name) && len(l.leases()) == 0 {
			name = "ask"
		}
		drawn = append(drawn, all[name](t))
	}
	came := make([]error, len(drawn))
	var wg sync.WaitGroup
	for i, do := range drawn {
		wg.Go(func() { came[i] = do() })
	}
	wg.Wait()
	for _, err := range came {
		l.does(err)
	}
}

// look is the digest of what somebody sees, or saw when they looked last.
func (l *life) look(which id.Ask, who id.Person, anew bool) string {
	key := string(which) + " " + string(who)
	l.mu.Lock()
	digest, looked := l.seen[key]
	l.mu.Unlock()
	if looked && !anew {
		return digest
	}
	s, err := l.r.hall.Show(ctx, l.r.Org, which, who)
	if err != nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[key] = s.Digest
	return s.Digest
}

// leases are what the cast holds of the thing.
func (l *life) leases() (all []lease.Lease) {
	for _, who := range l.cast {
		held, err := l.r.home.Ledger().Of(ctx, who)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, one := range held {
			if one.Target == string(l.thing) {
				all = append(all, one)
			}
		}
	}
	return all
}

// held is one of what is out; a step that finds nothing is not made.
func (l *life) held(t *rapid.T) lease.Lease {
	all := l.leases()
	if len(all) == 0 {
		t.Skip("nothing is out")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(t, "lease")]
}

// asked notes an ask that was raised.
func (l *life) asked(a request.Ask, err error) error {
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asks = append(l.asks, a.ID)
	}
	return err
}

// sheet is an ask as who asked sees it.
func (l *life) sheet(which id.Ask) request.Sheet {
	s, err := l.r.hall.Show(ctx, l.r.Org, which, l.cast[0])
	for i := 1; err != nil && i < len(l.cast); i++ { // whoever may see it
		s, err = l.r.hall.Show(ctx, l.r.Org, which, l.cast[i])
	}
	if err != nil {
		l.t.Fatalf("nobody sees %s: %v", which, err)
	}
	return s
}

// settle waits until the house has done what was due.
func (l *life) settle() {
	var waits request.Sheet
	due := func() bool {
		now := l.r.clock.Now()
		for _, which := range l.asks {
			if l.states[which].Ended() {
				continue
			}
			waits = l.sheet(which)
			switch a := waits.Ask; {
			case a.State == request.Open && !a.Due.After(now), a.State == request.Approved && !a.From.After(now),
				a.State == request.Released && !waits.Lease.Until.After(now):
				return true
			}
		}
		return false
	}
	for i := range 6000 {
		if !due() {
			return
		}
		if i%50 == 49 {
			l.r.clock.Advance(time.Second)
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.t.Fatalf("what was due at %v was not done: %+v, %v", l.r.clock.Now(), waits.Ask, waits.Trouble)
}

// check holds what is to what may be.
func (l *life) check(t *rapid.T) {
	l.t = t
	released := map[id.Lease]request.Ask{}
	for _, which := range l.asks {
		if l.states[which].Ended() {
			continue
		}
		s := l.sheet(which)
		a := s.Ask
		l.states[which] = a.State
		for _, v := range s.Votes {
			if v.Person == a.Person || v.Person == a.For || v.Seat == a.Person || v.Seat == a.For {
				t.Fatalf("%s decided about themselves: %+v of %+v", v.Person, v, a)
			}
		}
		if a.State == request.Released {
			released[a.Lease] = a
			if !l.judged[which] {
				l.judged[which] = true
				l.judge(s)
			}
		}
	}
	members, err := l.r.home.Register().MembersOf(ctx, l.r.Org, l.thing)
	if err != nil {
		t.Fatal(err)
	}
	held := map[id.Person]bool{}
	for _, one := range l.leases() {
		a, rightly := released[one.ID]
		switch {
		case held[one.Person]:
			t.Fatalf("%s has it twice", one.Person)
		case !rightly || a.For != one.Person:
			t.Fatalf("%s has it without an ask: %+v", one.Person, one)
		case !one.Until.IsZero() && !one.Until.After(l.r.clock.Now()):
			t.Fatalf("it is out past its time: %+v", one)
		}
		held[one.Person] = true
	}
	for _, who := range l.cast {
		if slices.Contains(members, who) != held[who] {
			t.Fatalf("%s is in it: %t, and holds it: %t", who, !held[who], held[who])
		}
	}
}

// judge holds a release to the votes of its revision: enough people in each
// stage, each in a seat of it, each once.
func (l *life) judge(s request.Sheet) {
	a := s.Ask
	if a.Break {
		if a.Person != l.r.Chika && a.Person != l.cast[6] { // an administrator, and who has the permission alone
			l.t.Fatalf("%s broke the glass, of %v", a.Person, l.cast)
		}
		return
	}
	for i, st := range l.policy.Stages {
		panel := st.Groups[0]
		people, seats := map[id.Person]bool{}, map[id.Person]bool{}
		for _, v := range s.Votes {
			if v.Revision != a.Revision || v.Stage != i {
				continue
			}
			if !v.Approve || !slices.Contains(panel.Approvers, person(v.Seat)) {
				l.t.Fatalf("released with %+v: %+v", v, a)
			}
			people[v.Person], seats[v.Seat] = true, true
		}
		if need := max(panel.Need, 1); len(people) < need || len(seats) < need {
			l.t.Fatalf("released by %d people in %d seats of stage %d, which needs %d: %+v", len(people), len(seats), i, need, a)
		}
	}
}

// end lets all time pass: what was ended stays ended as it was, everything else
// ends, and nobody has anything.
func (l *life) end() {
	for range 2 { // what was approved for later begins, and ends
		l.r.clock.Advance(8 * time.Hour)
		l.settle()
	}
	for _, which := range l.asks {
		before, now := l.states[which], l.sheet(which).Ask
		if !now.State.Ended() || before.Ended() && before != now.State {
			l.t.Fatalf("it ended as %q, and is %s: %+v", before, now.State, now)
		}
	}
	members, err := l.r.home.Register().MembersOf(ctx, l.r.Org, l.thing)
	if err != nil || len(members) != 0 || len(l.leases()) != 0 {
		l.t.Fatalf("at the end %v have it, %v", members, err)
	}
	for _, d := range l.handed {
		if err := l.r.hall.EndDelegation(ctx, root, l.r.Org, d.ID); err != nil && fault.As(err) == nil {
			l.t.Fatal(err)
		}
	}
	if err := l.r.hall.EndPolicy(ctx, root, l.r.Org, l.policy.ID); err != nil {
		l.t.Fatal(err)
	}
	if err := l.r.home.Register().DropGroup(ctx, root, l.r.Org, l.thing); err != nil {
		l.t.Fatal(err)
	}
}

package ticket_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// offered is a group that can be asked for, about which Botan decides.
func (r *rig) offered() id.Group {
	r.t.Helper()
	g, err := r.h.Register().PutGroup(r.t.Context(), id.Local(0), org.Group{Org: r.k.Org, Name: "sales"})
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = r.h.Hall().PutPolicy(r.t.Context(), id.Local(0), request.ApprovalPolicy{Org: r.k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Approver("person:" + string(r.k.Botan))}}}}},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	return g.ID
}

// opened is a ticket of Chika's, who is connected.
func (r *rig) opened(system id.Connector) connector.Ticket {
	r.t.Helper()
	if got := r.chika.Get(r.consent(r.chika, string(system), "chika")); got.Status != http.StatusSeeOther {
		r.t.Fatalf("connect: %d %s", got.Status, got.Body)
	}
	x, err := r.h.Systems().As(r.t.Context(), r.k.Org, system, r.k.Chika)
	if err != nil {
		r.t.Fatal(err)
	}
	made, err := x.CreateTicket(r.t.Context(), connector.NewTicket{Title: "a laptop"})
	if err != nil {
		r.t.Fatal(err)
	}
	return made
}

// TestAnHourWithoutTheTicketSystem: while a ticket system is away for an hour,
// what was asked for is released and given back all the same. When it is there
// again, each step stands on the ticket once, also the one whose answer gets lost
// just then.
func TestAnHourWithoutTheTicketSystem(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		moved := clock.NewMoved(time.Now().UTC().Truncate(time.Second))
		r := newRig(t, housetest.House(t, housetest.On(database), housetest.OnClock(moved), onLoopback))
		system := id.Connector(r.add())
		made, group, hall := r.opened(system), r.offered(), r.h.Hall()
		until := func(what string, step time.Duration, there func() bool) {
			t.Helper()
			for range 6000 {
				if there() {
					return
				}
				time.Sleep(5 * time.Millisecond)
				moved.Advance(step)
			}
			t.Fatalf("it did not come: %s", what)
		}
		said := func() (all []string) {
			for _, one := range r.sn.Comments(made.ID) {
				all = append(all, one.Text)
			}
			return all
		}
		a, err := hall.Raise(t.Context(), r.k.Chika, request.Wanted{
			Org: r.k.Org, Kind: "group", Target: string(group), Reason: "Report", Length: 8 * time.Hour, Ticket: request.Ticket{System: system, Number: made.ID},
		})
		if err != nil {
			t.Fatal(err)
		}
		until("the first step is told", 200*time.Millisecond, func() bool { return len(said()) == 1 })

		r.sn.Set(func(s *servicenow.Switches) { s.Outage = true })
		s, err := hall.Show(t.Context(), r.k.Org, a.ID, r.k.Botan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := hall.Decide(t.Context(), request.Decider{Person: r.k.Botan}, request.Verdict{Org: r.k.Org, Ask: a.ID, Approve: true, Digest: s.Digest}); err != nil {
			t.Fatal(err)
		}
		has := func() bool {
			all, err := r.h.Register().MembersOf(t.Context(), r.k.Org, group)
			if err != nil {
				t.Fatal(err)
			}
			return slices.Contains(all, r.k.Chika)
		}
		if !has() {
			t.Error("TRAP-H17 it waits for the ticket system")
		}
		for over := moved.Now().Add(time.Hour); moved.Now().Before(over); {
			moved.Advance(5 * time.Second)
			time.Sleep(5 * time.Millisecond)
		}
		var told map[int]request.Told
		until("the keys are fresh", 200*time.Millisecond, func() bool { // they are read again now and then, by the clock
			now, err := hall.Show(t.Context(), r.k.Org, a.ID, r.k.Chika)
			told, s = now.Told, now
			return err == nil
		})
		if _, err := hall.GiveBack(t.Context(), r.k.Chika, r.k.Org, s.Ask.Lease); err != nil || has() {
			t.Errorf("TRAP-H17 given back while the system is away: %v, has it %t", err, has())
		}
		waits := 0
		for _, state := range told {
			if state == request.ToldWaits {
				waits++
			}
			if state == request.ToldStuck {
				t.Error("TRAP-H17 an hour is reason enough to give up")
			}
		}
		if n := len(said()); n != 1 || waits == 0 {
			t.Fatalf("%d comments while the system is away, %d wait", n, waits)
		}

		r.sn.Set(func(s *servicenow.Switches) { s.Outage, s.Cut = false, 1 })
		until("all is told", time.Second, func() bool {
			if s, err = hall.Show(t.Context(), r.k.Org, a.ID, r.k.Chika); err != nil {
				return false
			}
			done := 0
			for _, state := range s.Told {
				if state == request.ToldDone {
					done++
				}
			}
			return s.Thread[len(s.Thread)-1].Name == request.StepOver && done == len(s.Told)
		})
		for _, step := range s.Thread {
			mark, n := string(a.TellAs(step)), 0
			for _, text := range said() {
				n += strings.Count(text, mark)
			}
			if mark != "" && n != 1 {
				t.Errorf("TRAP-H17 %s stands there %d times", step.Name, n)
			}
		}
	})
}

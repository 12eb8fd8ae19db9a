package request_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	ctx  = context.Background()
	root = id.Local(0)
)

// rig is a house with its company and a clock that the test moves.
type rig struct {
	housetest.Kaede
	t     *testing.T
	home  *housetest.Home
	clock *clock.Moved
	hall  *request.Hall
	sales id.Group
	last  request.ApprovalPolicy
	n     int
}

// each runs f on either engine.
func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, url)) })
}

func newRig(t *testing.T, url string, options ...housetest.Option) *rig {
	t.Helper()
	c := clock.NewMoved(housetest.Epoch)
	h := housetest.House(t, append([]housetest.Option{housetest.On(url), housetest.OnClock(c)}, options...)...)
	r := &rig{Kaede: h.People(t), t: t, home: h, clock: c, hall: h.Hall()}
	r.sales = r.group("sales")
	return r
}

func (r *rig) group(name string, members ...id.Person) id.Group {
	r.t.Helper()
	g, err := r.home.Register().PutGroup(ctx, root, org.Group{Org: r.Org, Name: name, Members: members})
	if err != nil {
		r.t.Fatal(err)
	}
	return g.ID
}

// person adds an active member.
func (r *rig) person(login string, roles ...id.Role) id.Person {
	r.t.Helper()
	register, who := r.home.Register(), id.New[id.Person](r.clock.Now())
	err := r.home.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		added, err := register.AddPerson(tx, root, org.Person{ID: who, Login: login, Email: login + "@kaede.example", DisplayName: login, State: org.Active, Created: r.clock.Now()})
		if err != nil {
			return store.Abort(err)
		}
		joined, err := register.SetMember(tx, root, org.Member{Org: r.Org, Person: who, Roles: roles})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	register.Forget()
	return who
}

// policy writes a policy for memberships in groups.
func (r *rig) policy(change func(p *request.ApprovalPolicy)) request.ApprovalPolicy {
	r.t.Helper()
	p := request.ApprovalPolicy{Org: r.Org, Name: "groups", Spec: request.Spec{Kinds: []string{"group"}, Stages: stage(1, person(r.Botan))}}
	if change != nil {
		change(&p)
	}
	p, err := r.hall.PutPolicy(ctx, root, p)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func person(who id.Person) request.Approver { return request.Approver("person:" + string(who)) }

// stage is one stage with one group.
func stage(need int, approvers ...request.Approver) []request.Stage {
	return []request.Stage{{Groups: []request.Panel{{Approvers: approvers, Need: need}}}}
}

// wants is an ask for membership in sales for two hours.
func (r *rig) wants() request.Wanted {
	return request.Wanted{Org: r.Org, Kind: "group", Target: string(r.sales), Reason: "Quarterly report", Length: 2 * time.Hour}
}

func (r *rig) ask(by id.Person, change func(w *request.Wanted)) request.Ask {
	r.t.Helper()
	w := r.wants()
	if change != nil {
		change(&w)
	}
	a, err := r.hall.Raise(ctx, by, w)
	if err != nil {
		r.t.Fatalf("ask: %v", err)
	}
	return a
}

func (r *rig) show(a request.Ask, viewer id.Person) request.Sheet {
	r.t.Helper()
	s, err := r.hall.Show(ctx, r.Org, a.ID, viewer)
	if err != nil {
		r.t.Fatalf("show: %v", err)
	}
	return s
}

// decide looks and decides; it returns what became of the ask and the code of a
// refusal.
func (r *rig) decide(a request.Ask, who id.Person, approve bool) (request.Ask, string) {
	r.t.Helper()
	s, err := r.hall.Show(ctx, r.Org, a.ID, who)
	if err != nil {
		return a, fault.Code(err)
	}
	return r.press(a, who, approve, s.Digest)
}

func (r *rig) press(a request.Ask, who id.Person, approve bool, digest string) (request.Ask, string) {
	r.t.Helper()
	v := request.Verdict{Org: r.Org, Ask: a.ID, Approve: approve, Digest: digest}
	if !approve {
		v.Reason = "Not now"
	}
	a, err := r.hall.Decide(ctx, request.Decider{Person: who}, v)
	if err != nil && fault.As(err) == nil {
		r.t.Fatalf("decide: %v", err)
	}
	return a, fault.Code(err)
}

// now reads the ask's state.
func (r *rig) now(a request.Ask) request.State { return r.show(a, a.Person).Ask.State }

// in reports whether somebody is in the group.
func (r *rig) in(who id.Person, which id.Group) bool {
	r.t.Helper()
	all, err := r.home.Register().MembersOf(ctx, r.Org, which)
	if err != nil {
		r.t.Fatal(err)
	}
	return slices.Contains(all, who)
}

// until waits for the house's own workers to do something; they follow the
// moved clock and need a moment of the real one.
func (r *rig) until(what string, happened func() bool) {
	r.t.Helper()
	for i := range 4000 {
		if happened() {
			return
		}
		if i%50 == 49 { // a worker that was looking while the clock moved waits from then on
			r.clock.Advance(time.Second)
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("did not happen: %s", what)
}

// steps names what happened to an ask.
func (r *rig) steps(a request.Ask) (names []string) {
	for _, s := range r.show(a, a.Person).Thread {
		names = append(names, s.Name)
	}
	return names
}

func (r *rig) want(what string, got, want any) {
	r.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// hand lets somebody decide in another's place.
func (r *rig) hand(from, to id.Person, starts, ends time.Time) request.Delegation {
	r.t.Helper()
	d, err := r.hall.Delegate(ctx, id.OfPerson(from), request.Delegation{Org: r.Org, From: from, To: to, Starts: starts, Ends: ends, Reason: "Away"})
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// breaker is somebody who may break the glass.
func (r *rig) breaker() id.Person {
	r.t.Helper()
	role, err := r.home.Register().PutRole(ctx, root, org.Role{Org: r.Org, Name: "breaker", Permissions: []string{request.Break}})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.person("rin", role.ID)
}

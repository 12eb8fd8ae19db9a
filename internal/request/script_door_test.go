package request_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// door is the way on which the people of stories act.
type door interface {
	raise(who id.Person, w request.Wanted) (request.Ask, error)
	look(who id.Person, a request.Ask) (digest string, err error)
	decideBy(who id.Person, v request.Verdict) (request.Ask, error)
	say(who id.Person, a request.Ask, text string) error
	withdraw(who id.Person, a request.Ask) error
	amend(who id.Person, a request.Ask, m request.Amended) error
	giveBack(who id.Person, which id.Lease) error
	revoke(who id.Person, which id.Lease) error
	delegate(d request.Delegation) (string, error)
	undelegate(who id.Person, which string) error
	waits(who id.Person) ([]id.Ask, error)
	// witnessed fails unless the log knows of a refusal.
	witnessed(who id.Person, since time.Time, err error)
}

func contains(all []string, one string) bool { return slices.Contains(all, one) }

// code is why something was refused. What broke ends the test.
func (r *rig) code(err error) string {
	r.t.Helper()
	if err != nil && fault.As(err) == nil {
		r.t.Fatal(err)
	}
	return fault.Code(err)
}

// byRooms acts as other rooms do, without any edge.
type byRooms struct{ *rig }

func (d byRooms) raise(who id.Person, w request.Wanted) (request.Ask, error) {
	return d.hall.Raise(ctx, who, w)
}

func (d byRooms) look(who id.Person, a request.Ask) (string, error) {
	s, err := d.hall.Show(ctx, d.Org, a.ID, who)
	return s.Digest, err
}

func (d byRooms) decideBy(who id.Person, v request.Verdict) (request.Ask, error) {
	return d.hall.Decide(ctx, request.Decider{Person: who}, v)
}

func (d byRooms) say(who id.Person, a request.Ask, text string) error {
	_, err := d.hall.Say(ctx, who, d.Org, a.ID, text)
	return err
}

func (d byRooms) withdraw(who id.Person, a request.Ask) error {
	_, err := d.hall.Withdraw(ctx, who, d.Org, a.ID)
	return err
}

func (d byRooms) amend(who id.Person, a request.Ask, m request.Amended) error {
	_, err := d.hall.Amend(ctx, who, d.Org, a.ID, m)
	return err
}

func (d byRooms) giveBack(who id.Person, which id.Lease) error {
	_, err := d.hall.GiveBack(ctx, who, d.Org, which)
	return err
}

func (d byRooms) revoke(who id.Person, which id.Lease) error {
	_, err := d.hall.Revoke(ctx, id.OfPerson(who), d.Org, which)
	return err
}

func (d byRooms) delegate(one request.Delegation) (string, error) {
	one, err := d.hall.Delegate(ctx, id.OfPerson(one.From), one)
	return one.ID, err
}

func (d byRooms) undelegate(who id.Person, which string) error {
	return d.hall.EndDelegation(ctx, id.OfPerson(who), d.Org, which)
}

func (d byRooms) waits(who id.Person) (all []id.Ask, err error) {
	asks, err := d.hall.Waiting(ctx, d.Org, who)
	for _, a := range asks {
		all = append(all, a.ID)
	}
	return all, err
}

// witnessed: refusals are told to the witness by the edges.
func (byRooms) witnessed(id.Person, time.Time, error) {}

// byHTTP acts over the API, each person with a session of their own.
type byHTTP struct {
	*rig
	whole    *testing.T // lasts longer than a story
	visitors map[id.Person]visitor
}

type visitor struct {
	*housetest.Visitor
	since time.Time
}

func (d *byHTTP) as(who id.Person) visitor {
	v := d.visitors[who]
	if v.Visitor == nil || d.clock.Now().Sub(v.since) > 10*time.Minute {
		v = visitor{d.home.As(d.whole, who, d.Org), d.clock.Now()}
		d.visitors[who] = v
	}
	return v
}

// call returns what a program gets: the answer, or the problem as a fault.
func (d *byHTTP) call(who id.Person, method, path string, body, out any) error {
	d.t.Helper()
	got := d.as(who).Call(method, web.APIPrefix+path, body)
	if got.Status == http.StatusUnauthorized { // their session ended with what the story did to them
		delete(d.visitors, who)
		got = d.as(who).Call(method, web.APIPrefix+path, body)
	}
	if got.Status < 300 {
		if out == nil {
			return nil
		}
		return json.Unmarshal([]byte(got.Body), out)
	}
	var p struct {
		Code   string
		Errors []struct{ Field, Code string }
	}
	if err := json.Unmarshal([]byte(got.Body), &p); err != nil {
		return err
	}
	f := fault.New(kindOf(got.Status), p.Code)
	for _, e := range p.Errors {
		f.Fields = append(f.Fields, fault.Field{Path: e.Field, Code: e.Code})
	}
	return f
}

func kindOf(status int) fault.Kind {
	for k := fault.Broken; k <= fault.Busy; k++ {
		if k.Status() == status {
			return k
		}
	}
	return fault.Broken
}

// askBody is an ask as far as stories speak of it.
type askBody struct {
	ID, Requester, For, Lease, State string
}

func (d *byHTTP) body(who id.Person, method, path string, in any) (request.Ask, error) {
	d.t.Helper()
	var b askBody
	err := d.call(who, method, path, in, &b)
	return request.Ask{Org: d.Org, ID: id.Ask(b.ID), Person: id.Person(b.Requester), For: id.Person(b.For), Lease: id.Lease(b.Lease), State: request.State(b.State)}, err
}

func (d *byHTTP) raise(who id.Person, w request.Wanted) (request.Ask, error) {
	in := map[string]any{"org": w.Org, "for": w.For, "kind": w.Kind, "target": w.Target, "reason": w.Reason, "length": int64(w.Length / time.Second), "extends": w.Extends, "break": w.Break}
	if !w.From.IsZero() {
		in["from"] = w.From
	}
	return d.body(who, http.MethodPost, "/asks", in)
}

func at(a request.Ask) string { return "/asks/" + string(a.ID) }

func (d *byHTTP) look(who id.Person, a request.Ask) (string, error) {
	var s struct{ Digest string }
	err := d.call(who, http.MethodGet, at(a), nil, &s)
	return s.Digest, err
}

func (d *byHTTP) decideBy(who id.Person, v request.Verdict) (request.Ask, error) {
	in := map[string]any{"approve": v.Approve, "digest": v.Digest, "reason": v.Reason, "shorter": int64(v.Shorter / time.Second)}
	if !v.Later.IsZero() {
		in["later"] = v.Later
	}
	return d.body(who, http.MethodPost, "/asks/"+string(v.Ask)+"/decision", in)
}

func (d *byHTTP) say(who id.Person, a request.Ask, text string) error {
	return d.call(who, http.MethodPost, at(a)+"/messages", map[string]any{"text": text}, nil)
}

func (d *byHTTP) withdraw(who id.Person, a request.Ask) error {
	return d.call(who, http.MethodPost, at(a)+"/withdraw", nil, nil)
}

func (d *byHTTP) amend(who id.Person, a request.Ask, m request.Amended) error {
	in := map[string]any{}
	if m.Length != nil {
		in["length"] = int64(*m.Length / time.Second)
	}
	if m.Reason != nil {
		in["reason"] = *m.Reason
	}
	return d.call(who, http.MethodPatch, at(a), in, nil)
}

func (d *byHTTP) giveBack(who id.Person, which id.Lease) error {
	return d.call(who, http.MethodPost, "/me/leases/"+string(which)+"/give-back", nil, nil)
}

func (d *byHTTP) revoke(who id.Person, which id.Lease) error {
	return d.call(who, http.MethodPost, "/organizations/"+string(d.Org)+"/leases/"+string(which)+"/revoke", nil, nil)
}

func (d *byHTTP) delegate(one request.Delegation) (string, error) {
	var b struct{ ID string }
	err := d.call(one.From, http.MethodPost, "/me/delegations", map[string]any{"org": one.Org, "to": one.To, "starts": one.Starts, "ends": one.Ends}, &b)
	return b.ID, err
}

func (d *byHTTP) undelegate(who id.Person, which string) error {
	return d.call(who, http.MethodDelete, "/me/delegations/"+which, nil, nil)
}

func (d *byHTTP) waits(who id.Person) (all []id.Ask, err error) {
	var b struct{ Items []askBody }
	err = d.call(who, http.MethodGet, "/me/questions?"+url.Values{"org": {string(d.Org)}}.Encode(), nil, &b)
	for _, a := range b.Items {
		all = append(all, id.Ask(a.ID))
	}
	return all, err
}

// witnessed: who is refused for who they are, or for what is not so, stands in
// the log with the code.
func (d *byHTTP) witnessed(who id.Person, since time.Time, err error) {
	d.t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != fault.Forbidden && f.Kind != fault.Unmet {
		return
	}
	d.until("the log knows that "+f.Code+" was said", func() bool {
		all, err := d.home.Records(ctx, since)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, r := range all {
			if r.Name == "refused" && r.By == id.OfPerson(who) && r.Fields["code"] == f.Code {
				return true
			}
		}
		return false
	})
}

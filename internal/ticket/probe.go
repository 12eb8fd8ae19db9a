package ticket

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Outcome is what a test of a system showed. It changed nothing and granted
// nothing.
type Outcome struct {
	System  connector.System
	Account connector.Party   // whom the credential belongs to
	Ticket  *connector.Ticket // nil without a ticket's id, or if it was not read
	Raw     string            // what the operation maps before it became a ticket, as JSON
	Fault   *fault.Fault      // what went wrong, nil for nothing
	Trace   []connector.Exchange
	Ahead   time.Duration // of the system's clock before ours; 0 if they do not differ much
}

// Probe asks a system who we are, and with an id reads that ticket. who is
// whose connection is used; in service mode it is the organization's. That by
// asked, and what came of it, is on record.
func (r *Room) Probe(ctx context.Context, by id.Principal, org id.Org, system id.Connector, ticket string) (Outcome, error) {
	s, err := r.desk.System(ctx, org, system)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{System: s}
	trace := &connector.Trace{}
	err = r.ask(ctx, &o, by.Person(), ticket, trace)
	if o, err = r.judged(o, err); err != nil {
		return o, err
	}
	o.Trace = trace.Exchanges()
	for _, e := range o.Trace {
		if ahead := time.Duration(e.Ahead) * time.Second; ahead.Abs() > o.Ahead.Abs() {
			o.Ahead = ahead
		}
	}
	return o, r.store.Org(org).Write(ctx, func(*store.Tx) store.End { return store.Done(o.event(by, ticket)) })
}

// ask is the test itself.
func (r *Room) ask(ctx context.Context, o *Outcome, who id.Person, ticket string, trace *connector.Trace) error {
	x, err := r.desk.As(ctx, o.System.Org, o.System.ID, who)
	if err != nil {
		return err
	}
	x.Trace = trace
	if x.Can("whoami") {
		if o.Account, err = x.Whoami(ctx); err != nil {
			return err
		}
	}
	if ticket == "" {
		return nil
	}
	t, err := x.Ticket(ctx, ticket)
	if err != nil {
		return err
	}
	o.Ticket = &t
	if raw, err := json.MarshalIndent(t.Fields, "", "  "); err == nil {
		o.Raw = string(raw)
	}
	return nil
}

// event is the record of a test: whose account it was, which ticket, and what
// went wrong.
func (o Outcome) event(by id.Principal, ticket string) store.Event {
	fields := map[string]string{"name": o.System.Name}
	for name, value := range map[string]string{"native-id": o.Account.NativeID, "ticket": ticket} {
		if value != "" {
			fields[name] = value
		}
	}
	if o.Fault != nil {
		fields["reason"] = o.Fault.Code
	}
	if o.Ahead != 0 {
		fields["clock-ahead"] = o.Ahead.String()
	}
	return store.Event{Name: "connector.tested", Org: o.System.Org, By: by, Target: "connector:" + string(o.System.ID), Fields: fields}
}

// judged puts a refusal that is the test's result into it.
func (r *Room) judged(o Outcome, err error) (Outcome, error) {
	if err == nil {
		return o, nil
	}
	f := connector.FaultOf(err)
	if f == nil || f.Kind == fault.Broken {
		return o, err
	}
	o.Fault = f
	return o, nil
}

package ticket

import (
	"context"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
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
}

// Probe asks a system who we are, and with an id reads that ticket. who is
// whose connection is used; in service mode it is the organization's.
func (r *Room) Probe(ctx context.Context, org id.Org, system id.Connector, who id.Person, ticket string) (Outcome, error) {
	s, err := r.desk.System(ctx, org, system)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{System: s}
	x, err := r.desk.As(ctx, org, system, who)
	if err != nil {
		return r.judged(o, err)
	}
	x.Trace = &connector.Trace{}
	defer func() { o.Trace = x.Trace.Exchanges() }()
	if x.Can("whoami") {
		if o.Account, err = x.Whoami(ctx); err != nil {
			o.Trace = x.Trace.Exchanges()
			return r.judged(o, err)
		}
	}
	if ticket == "" {
		o.Trace = x.Trace.Exchanges()
		return o, nil
	}
	t, err := x.Ticket(ctx, ticket)
	o.Trace = x.Trace.Exchanges()
	if err != nil {
		return r.judged(o, err)
	}
	o.Ticket = &t
	if raw, err := json.MarshalIndent(t.Fields, "", "  "); err == nil {
		o.Raw = string(raw)
	}
	return o, nil
}

// judged puts a refusal that is the test's result into it.
func (r *Room) judged(o Outcome, err error) (Outcome, error) {
	f := connector.FaultOf(err)
	if f == nil || f.Kind == fault.Broken {
		return o, err
	}
	o.Fault = f
	return o, nil
}

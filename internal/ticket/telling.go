package ticket

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// CommentDriver is the driver of comments on tickets.
const CommentDriver = "ticket.comment"

// Times of a comment: the engine's own most for one operation, and how long
// after it a system may still let it land and show it.
const (
	commentTimeout = 90 * time.Second
	commentReach   = 90 * time.Second
	awayAfter      = time.Minute
)

// Remark is a comment to be written on a ticket, exactly once. ID is made
// outside of the write, by id.New.
type Remark struct {
	ID     id.Effect    `json:"-"`
	Org    id.Org       `json:"-"`
	System id.Connector `json:"system"`
	Person id.Person    `json:"person,omitempty"` // by whose connection; "" for the organization's
	Ticket string       `json:"ticket"`
	Text   string       `json:"text"`
	Public bool         `json:"public,omitempty"`
	By     id.Principal `json:"-"`
}

// Comment has a remark written, in the write that decides it. Those of one
// ticket go out in the order in which they were decided.
func Comment(tx *store.Tx, m Remark) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return job.Intend(tx, job.Effect{
		ID: m.ID, Org: m.Org, Driver: CommentDriver, Target: string(m.System), Line: m.Ticket, Payload: payload, By: m.By,
	})
}

// Driver writes comments; house registers it.
func (r *Room) Driver() job.Driver {
	return job.Driver{
		Name: CommentDriver, Timeout: r.timeout, Fence: r.timeout + r.reach, Do: r.comment, Probe: r.commented, Then: told,
	}
}

// session is whose connection a remark is written by.
func (r *Room) session(ctx context.Context, e job.Effect) (*connector.Session, Remark, error) {
	var m Remark
	if err := json.Unmarshal(e.Payload, &m); err != nil {
		return nil, m, &job.Refusal{Code: "connector-answer-invalid", Final: true, Err: err}
	}
	x, err := r.desk.As(ctx, e.Org, m.System, m.Person)
	return x, m, err
}

func (r *Room) comment(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	x, m, err := r.session(ctx, e)
	if err != nil {
		return nil, outcome(err)
	}
	return nil, outcome(x.Comment(ctx, m.Ticket, m.Text, e.Marker(), m.Public))
}

// outcome says what is known of a comment that was not acknowledged. What the
// system refused was not done; what it did not answer may have been.
func outcome(err error) error {
	var refusal *job.Refusal
	var p *connector.Problem
	switch f := fault.As(err); {
	case err == nil, errors.As(err, &refusal):
		return err
	case errors.As(err, &p):
		return problemOutcome(p)
	case f != nil && f.Kind == fault.NotFound:
		return &job.Refusal{Code: f.Code, Final: true, Err: err}
	}
	return &job.Away{After: awayAfter, Err: err} // no connection that counts yet
}

func problemOutcome(p *connector.Problem) error {
	switch p.Kind {
	case connector.Unavailable:
		if p.Sent {
			return p // nobody knows
		}
		return &job.Away{After: p.RetryAfter, Err: p}
	case connector.Throttled, connector.Unauthorized:
		return &job.Away{After: max(p.RetryAfter, awayAfter), Err: p}
	}
	return &job.Refusal{Code: connector.FaultOf(p).Code, Final: true, Err: p}
}

// commented looks for the marker among the ticket's comments. Of a system that
// does not show them, or has more than may be read, nobody can know, and an
// operator decides.
func (r *Room) commented(ctx context.Context, e job.Effect) (bool, error) {
	x, m, err := r.session(ctx, e)
	if err != nil {
		return false, err
	}
	if x.Definition.Probe(connector.OpComment).By != "marker" {
		return false, job.ErrUnprovable
	}
	all, err := x.Comments(ctx, m.Ticket, e.Marker())
	switch there := connector.Marked(all, e.Marker()); {
	case there:
		return true, nil
	case errors.Is(err, connector.ErrCut):
		return false, job.ErrUnprovable // it may stand among what was not read
	}
	return false, err
}

// told is the record of a comment that stands there.
func told(_ *store.Tx, e job.Effect, _ json.RawMessage) ([]store.Event, error) {
	var m Remark
	if err := json.Unmarshal(e.Payload, &m); err != nil {
		return nil, err
	}
	return []store.Event{{Name: "ticket.told", Org: e.Org, By: e.By, Target: "connector:" + string(m.System), Fields: map[string]string{
		"ticket": m.Ticket, "text": m.Text,
	}}}, nil
}

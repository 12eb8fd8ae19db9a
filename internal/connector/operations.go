package connector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/wire/cardhttp"
)

// The typed operations: Run, decoded into the model. Op and Arg of the call are
// theirs; every error is a *Problem.

// Engine talks to outside systems as their definitions say. It is safe for use at
// once.
type Engine struct {
	*definition.Runner
	known cardhttp.Known
}

// NewEngine returns an engine.
func NewEngine(o EngineOptions) *Engine { return &Engine{Runner: definition.NewRunner(o)} }

// Remark is a comment on a ticket.
type Remark struct {
	ID        string    `json:"id,omitempty"`
	Text      string    `json:"text"`
	Author    Party     `json:"author,omitzero"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
	Marker    string    `json:"marker,omitempty"` // that stands beside the text, where the system has a place for it
}

// decoded runs the operation and reads its answer by read.
func decoded[T any](ctx context.Context, e *Engine, c Call, op string, arg map[string]any, read func(*shape, any) T) (T, error) {
	var none T
	c.Op, c.Arg = op, arg
	value, err := e.Run(ctx, c)
	if err != nil && !errors.Is(err, ErrCut) {
		return none, err
	}
	s := &shape{zone: c.Definition.Zone()}
	out := read(s, value)
	if s.bad != nil {
		s.bad.Step, s.bad.Sent = op, definition.Writes(op)
		return none, s.bad
	}
	return out, err
}

// each reads a list.
func each[T any](read func(*shape, any) T) func(*shape, any) []T {
	return func(s *shape, value any) []T {
		list, _ := value.([]any)
		out := make([]T, 0, len(list))
		for _, item := range list {
			out = append(out, read(s, item))
		}
		return out
	}
}

func nothing(*shape, any) struct{} { return struct{}{} }

func readUser(s *shape, value any) Party {
	m := s.table(value, "user")
	return Party{NativeID: s.id(m, "nativeUser", true), Name: s.text(m, "displayName"), Email: s.text(m, "email")}
}

// Whoami says whose credential it is.
func (e *Engine) Whoami(ctx context.Context, c Call) (Party, error) {
	if c.Definition.Kind == KindCard {
		return e.cardWhoami(ctx, c)
	}
	return decoded(ctx, e, c, OpWhoami, map[string]any{"tokenUser": c.Definition.Account(c.Scheme, c.Credential.Token)}, readUser)
}

// ResolveUser finds the one account of a person; two are AmbiguousUser.
func (e *Engine) ResolveUser(ctx context.Context, c Call, email, login, name string) (Party, error) {
	return decoded(ctx, e, c, OpResolve, map[string]any{"email": email, "login": login, "name": name}, readUser)
}

// Ticket reads one ticket. An answer about another one than was asked for is
// Invalid (A116).
func (e *Engine) Ticket(ctx context.Context, c Call, id string) (Ticket, error) {
	t, err := decoded(ctx, e, c, OpTicket, map[string]any{"id": id}, (*shape).ticket)
	if err == nil && t.ID != id {
		return Ticket{}, &Problem{Kind: Invalid, Message: "the system answered with another ticket", Step: OpTicket}
	}
	return t, err
}

// Search is what tickets are looked for by; empty fields do not narrow.
type Search struct{ Text, Requester, Since string }

// SearchTickets lists tickets, as many as the definition's paging allows.
func (e *Engine) SearchTickets(ctx context.Context, c Call, q Search) ([]Ticket, error) {
	return decoded(ctx, e, c, OpSearch, map[string]any{"text": q.Text, "requester": q.Requester, "since": q.Since}, each((*shape).ticket))
}

// NewTicket is a ticket to be.
type NewTicket struct {
	Title, Description, Requester, Marker string
	Fields                                map[string]any
}

// CreateTicket makes a ticket.
func (e *Engine) CreateTicket(ctx context.Context, c Call, t NewTicket) (Ticket, error) {
	arg := map[string]any{"title": t.Title, "description": t.Description, "requester": t.Requester, "marker": t.Marker, "fields": orEmpty(t.Fields)}
	return decoded(ctx, e, c, OpCreate, arg, (*shape).ticket)
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// Comment writes a comment. The marker is put where Comments finds it, if the
// definition's probe says so.
func (e *Engine) Comment(ctx context.Context, c Call, id, text, marker string, public bool) error {
	_, err := decoded(ctx, e, c, OpComment, map[string]any{"id": id, "text": text, "marker": marker, "public": public}, nothing)
	return err
}

// Comments reads the comments of a ticket back. A marker narrows where the
// system can; the caller looks for it (Marked). With an error of ErrCut comes
// what was read: the ticket has more comments than may be.
func (e *Engine) Comments(ctx context.Context, c Call, id, marker string) ([]Remark, error) {
	return decoded(ctx, e, c, OpComments, map[string]any{"id": id, "marker": marker}, each(readRemark))
}

func readRemark(s *shape, value any) Remark {
	m := s.table(value, "comment")
	return Remark{s.id(m, "id", false), s.text(m, "text"), s.party(m, "author"), s.time(m, "createdAt"), s.id(m, "marker", false)}
}

// Marked reports whether one of the comments carries the marker, beside its text
// or in it.
func Marked(all []Remark, marker string) bool {
	for _, r := range all {
		if marker != "" && (r.Marker == marker || strings.Contains(r.Text, marker)) {
			return true
		}
	}
	return false
}

// breaks are all line ends that some system may know.
var breaks = strings.NewReplacer("\r\n", "\n> ", "\n", "\n> ", "\r", "\n> ", "\v", "\n> ", "\f", "\n> ", "\u0085", "\n> ", "\u2028", "\n> ", "\u2029", "\n> ")

// Quoted puts people's own words behind marks of a quotation, for a comment at a
// system: no line of them reads like one of ours (A120).
func Quoted(text string) string { return "> " + breaks.Replace(text) }

// Transition moves a ticket to another state, in the system's own word, and
// reads it back.
func (e *Engine) Transition(ctx context.Context, c Call, id, to, comment, etag, marker string) (Ticket, error) {
	arg := map[string]any{"id": id, "to": to, "comment": comment, "etag": etag, "marker": marker}
	return decoded(ctx, e, c, OpTransition, arg, (*shape).ticket)
}

// Approvals lists what waits for the person: in user mode whom the credential
// belongs to, in service mode c.NativeUser.
func (e *Engine) Approvals(ctx context.Context, c Call) ([]Approval, error) {
	if c.Definition.Kind == KindCard {
		return e.cards(ctx, c)
	}
	return decoded(ctx, e, c, OpApprovals, nil, each((*shape).approval))
}

// Approval reads one approval. An answer about another one is Invalid.
func (e *Engine) Approval(ctx context.Context, c Call, id string) (Approval, error) {
	if c.Definition.Kind == KindCard {
		return e.card(ctx, c, id)
	}
	a, err := decoded(ctx, e, c, OpApproval, map[string]any{"id": id}, (*shape).approval)
	if err == nil && a.ID != id {
		return Approval{}, &Problem{Kind: Invalid, Message: "the system answered with another approval", Step: OpApproval}
	}
	return a, err
}

// Verdict is a decision on its way.
type Verdict struct {
	ID       string
	Decision Decision
	Comment  string
	Marker   string // put beside the comment, so that it is found again
	ETag     string // of the approval that the person saw; "" asks for no comparison
	By       string // in service mode: the name to write down
}

// Decide decides an approval and reads it back; what it returns was read after
// the write. Before it writes it reads: one that is decided already is a
// Conflict, and in service mode one that waits for somebody else than
// c.NativeUser is Forbidden, without anything being sent (C12, C14).
func (e *Engine) Decide(ctx context.Context, c Call, v Verdict) (Approval, error) {
	if v.Decision != Approve && v.Decision != Reject {
		return Approval{}, &Problem{Kind: Invalid, Message: "the decision is neither approved nor rejected"}
	}
	if c.Definition.Kind == KindCard {
		return e.cardDecide(ctx, c, v)
	}
	before, err := e.Approval(ctx, c, v.ID)
	if err != nil {
		return Approval{}, err
	}
	if p := v.fits(before, c); p != nil {
		return before, p
	}
	if v.ETag == "" {
		v.ETag = before.ETag
	}
	arg := map[string]any{"id": v.ID, "decision": string(v.Decision), "comment": v.Comment, "etag": v.ETag, "marker": v.Marker, "by": v.By}
	return decoded(ctx, e, c, OpDecide, arg, (*shape).approval)
}

// fits says why the verdict may not be sent, from what was just read.
func (v *Verdict) fits(a Approval, c Call) *Problem {
	switch {
	case c.Mode == ModeService && (c.NativeUser == "" || a.Approver.NativeID != c.NativeUser):
		return &Problem{Kind: Forbidden, Message: "the approval waits for somebody else"}
	case a.State != Pending:
		return &Problem{Kind: Conflict, Message: fmt.Sprintf("the approval is %s already", a.State)}
	case !a.CanDecide:
		return &Problem{Kind: Forbidden, Message: "the system does not let this account decide"}
	case v.ETag != "" && a.ETag != "" && v.ETag != a.ETag:
		return &Problem{Kind: Conflict, Message: "the approval was changed meanwhile"}
	case v.Comment == "" && (a.CommentRequired == Always || a.CommentRequired == OnReject && v.Decision == Reject):
		return &Problem{Kind: Invalid, Message: "the system wants a comment"}
	}
	return nil
}

// Act presses an action of an approval that has more than approve and reject.
// key makes the adapter do it once.
func (e *Engine) Act(ctx context.Context, c Call, approval, action string, input map[string]string) (Approval, error) {
	if c.Definition.Kind != KindCard {
		return Approval{}, &Problem{Kind: Invalid, Message: "the definition has no actions"}
	}
	return e.cardAct(ctx, c, approval, action, input)
}

// Catalog lists what can be ordered.
func (e *Engine) Catalog(ctx context.Context, c Call, text, category string) ([]Item, error) {
	return decoded(ctx, e, c, OpCatalog, map[string]any{"text": text, "category": category}, each((*shape).item))
}

// Item reads one item with the fields of its form.
func (e *Engine) Item(ctx context.Context, c Call, id string) (Item, error) {
	return decoded(ctx, e, c, OpItem, map[string]any{"id": id}, (*shape).item)
}

// Wish is an order on its way.
type Wish struct {
	Item, RequestedFor, Comment, Marker string
	Quantity                            int // 1 if 0
	Values                              map[string]string
}

// Order orders an item. Without a number there is no order: an answer that names
// none is NotApplied (C7).
func (e *Engine) Order(ctx context.Context, c Call, w Wish) (Order, error) {
	values := map[string]any{}
	for name, value := range w.Values {
		values[name] = value
	}
	arg := map[string]any{"id": w.Item, "quantity": int64(max(w.Quantity, 1)), "values": values, "requestedFor": w.RequestedFor, "comment": w.Comment, "marker": w.Marker}
	o, err := decoded(ctx, e, c, OpOrder, arg, readOrder)
	if err == nil && o.Number == "" {
		return Order{}, &Problem{Kind: NotApplied, Message: "the system named no request", Step: OpOrder, Sent: true}
	}
	return o, err
}

// Placed lists the orders that may be the one that a wish became, however it
// ended: by its marker, or those of the same item and person since then. An order
// that was there before is the caller's to leave out.
func (e *Engine) Placed(ctx context.Context, c Call, w Wish, since time.Time) ([]Order, error) {
	values := map[string]any{}
	for name, value := range w.Values {
		values[name] = value
	}
	return decoded(ctx, e, c, OpPlaced, map[string]any{
		"id": w.Item, "quantity": int64(max(w.Quantity, 1)), "values": values, "requestedFor": w.RequestedFor, "marker": w.Marker,
		"since": since.UTC().Format(time.RFC3339),
	}, each(readOrder))
}

// Asked lists who is asked to approve a ticket, decided or not.
func (e *Engine) Asked(ctx context.Context, c Call, ticket string) ([]Approval, error) {
	return decoded(ctx, e, c, OpAsked, map[string]any{"id": ticket}, each((*shape).approval))
}

func readOrder(s *shape, value any) Order {
	m := s.table(value, "order")
	return Order{ID: s.id(m, "id", false), Number: s.id(m, "number", false), URL: s.link(m, "url")}
}

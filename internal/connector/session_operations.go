package connector

import (
	"context"
	"slices"
	"strings"
	"time"
)

// The operations of a session: the engine's, with the session's credential. Every
// error is a *Problem or a fault of the desk.

// Whoami says whose credential it is.
func (x *Session) Whoami(ctx context.Context) (Party, error) {
	return try(ctx, x, func(c Call) (Party, error) { return x.desk.engine.Whoami(ctx, c) })
}

// Ticket reads one ticket.
func (x *Session) Ticket(ctx context.Context, which string) (Ticket, error) {
	t, err := try(ctx, x, func(c Call) (Ticket, error) { return x.desk.engine.Ticket(ctx, c, which) })
	t.System = x.System.Name
	return t, err
}

// SearchTickets lists tickets.
func (x *Session) SearchTickets(ctx context.Context, q Search) ([]Ticket, error) {
	return try(ctx, x, func(c Call) ([]Ticket, error) { return x.desk.engine.SearchTickets(ctx, c, q) })
}

// CreateTicket makes a ticket.
func (x *Session) CreateTicket(ctx context.Context, t NewTicket) (Ticket, error) {
	return try(ctx, x, func(c Call) (Ticket, error) { return x.desk.engine.CreateTicket(ctx, c, t) })
}

// Comment writes a comment that carries a marker.
func (x *Session) Comment(ctx context.Context, ticket, text, marker string, public bool) error {
	_, err := try(ctx, x, func(c Call) (struct{}, error) {
		return struct{}{}, x.desk.engine.Comment(ctx, c, ticket, text, marker, public)
	})
	return err
}

// Comments reads the comments of a ticket back; with ErrCut as far as may be.
func (x *Session) Comments(ctx context.Context, ticket, marker string) ([]Remark, error) {
	return try(ctx, x, func(c Call) ([]Remark, error) { return x.desk.engine.Comments(ctx, c, ticket, marker) })
}

// Transition moves a ticket to another state and reads it back.
func (x *Session) Transition(ctx context.Context, ticket, to, comment, etag, marker string) (Ticket, error) {
	return try(ctx, x, func(c Call) (Ticket, error) {
		return x.desk.engine.Transition(ctx, c, ticket, to, comment, etag, marker)
	})
}

// Approvals lists what waits for the person that the session acts for.
func (x *Session) Approvals(ctx context.Context) ([]Approval, error) {
	return asThem(ctx, x, func(c Call) ([]Approval, error) { return x.desk.engine.Approvals(ctx, c) })
}

// Approval reads one approval.
func (x *Session) Approval(ctx context.Context, which string) (Approval, error) {
	return asThem(ctx, x, func(c Call) (Approval, error) { return x.desk.engine.Approval(ctx, c, which) })
}

// Decide decides an approval and reads it back. In service mode the system does
// not see who decides: only whom the approval waits for may, and the name is
// written beside it (C14).
func (x *Session) Decide(ctx context.Context, v Verdict) (Approval, error) {
	if x.System.Mode == ModeService && x.For != "" {
		p, err := x.anew(ctx)
		if err != nil {
			return Approval{}, err
		}
		if v.By == "" && !x.Definition.Impersonates() && !strings.Contains(v.Comment, p.DisplayName) {
			v.By = p.DisplayName
		}
	}
	return asThem(ctx, x, func(c Call) (Approval, error) { return x.desk.engine.Decide(ctx, c, v) })
}

// Act presses an action of an approval.
func (x *Session) Act(ctx context.Context, approval, action string, input map[string]string) (Approval, error) {
	return asThem(ctx, x, func(c Call) (Approval, error) { return x.desk.engine.Act(ctx, c, approval, action, input) })
}

// Catalog lists what can be ordered.
func (x *Session) Catalog(ctx context.Context, text, category string) ([]Item, error) {
	return try(ctx, x, func(c Call) ([]Item, error) { return x.desk.engine.Catalog(ctx, c, text, category) })
}

// Item reads one item with the fields of its form.
func (x *Session) Item(ctx context.Context, which string) (Item, error) {
	return try(ctx, x, func(c Call) (Item, error) { return x.desk.engine.Item(ctx, c, which) })
}

// Order orders an item for the person that the session acts for. In service mode
// it is ordered in the name of the one account that has their proven address now,
// and of nobody else.
func (x *Session) Order(ctx context.Context, w Wish) (Order, error) {
	if x.System.Mode == ModeService {
		if !x.Definition.OrdersFor(x.System.Settings) {
			return Order{}, &Problem{Kind: Forbidden, Message: "nobody orders through the shared connection of this system"}
		}
		if _, err := x.anew(ctx); err != nil {
			return Order{}, err
		}
	}
	return asThem(ctx, x, func(c Call) (Order, error) {
		if x.System.Mode == ModeService {
			w.RequestedFor = c.NativeUser
		}
		return x.desk.engine.Order(ctx, c, w)
	})
}

// Placed lists the orders that may be the one that a wish became.
func (x *Session) Placed(ctx context.Context, w Wish, since time.Time) ([]Order, error) {
	return asThem(ctx, x, func(c Call) ([]Order, error) {
		if w.RequestedFor == "" {
			w.RequestedFor = c.NativeUser
		}
		return x.desk.engine.Placed(ctx, c, w, since)
	})
}

// Asked lists who is asked to approve a ticket.
func (x *Session) Asked(ctx context.Context, ticket string) ([]Approval, error) {
	return try(ctx, x, func(c Call) ([]Approval, error) { return x.desk.engine.Asked(ctx, c, ticket) })
}

// Own lists the requests of the person that the session acts for, changed since
// then; what a definition cannot ask for is left out on our side.
func (x *Session) Own(ctx context.Context, since time.Time) ([]Ticket, error) {
	return asThem(ctx, x, func(c Call) ([]Ticket, error) {
		q := Search{Requester: c.NativeUser}
		if !since.IsZero() {
			q.Since = since.UTC().Format(time.RFC3339)
		}
		all, err := x.desk.engine.SearchTickets(ctx, c, q)
		return slices.DeleteFunc(all, func(t Ticket) bool { return c.NativeUser == "" || t.Requester.NativeID != c.NativeUser }), err
	})
}

// Native is whom the other side knows the person as that the session acts for.
func (x *Session) Native(ctx context.Context) (string, error) {
	if err := x.resolve(ctx); err != nil {
		return "", err
	}
	if x.System.Mode == ModeService {
		return x.native, nil
	}
	return x.Connection.NativeID, nil
}

// asThem runs an operation as the person at the system: in user mode the
// connection's account, in service mode the one account that has their proven
// address.
func asThem[T any](ctx context.Context, x *Session, op func(Call) (T, error)) (T, error) {
	if err := x.resolve(ctx); err != nil {
		var none T
		return none, err
	}
	return try(ctx, x, func(c Call) (T, error) {
		if x.System.Mode == ModeService {
			c.NativeUser, c.ActAs = x.native, x.native
		}
		return op(c)
	})
}

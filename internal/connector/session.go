package connector

import (
	"cmp"
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Session acts at a system with somebody's connection. It is for one piece of
// work: it remembers the tokens that it found.
type Session struct {
	System     System
	Connection Connection
	Definition *Definition
	// For is whom the session acts for: whose connection it is, or in service
	// mode who asked.
	For id.Person
	// Trace, if set, takes down every call, with secrets masked.
	Trace *Trace

	desk   *Desk
	native string // of For, in service mode
	way    way
	tokens tokens
	signer Signer // of the card protocol, as the next two
	before Signer
	email  string
}

// As returns a session with live credentials: somebody's own, or for "" and for
// systems in service mode the organization's. Unmet connection-off if there is
// no connection, connection-reconnect if it is dead.
func (d *Desk) As(ctx context.Context, org id.Org, system id.Connector, who id.Person) (*Session, error) {
	s, err := d.System(ctx, org, system)
	if err != nil {
		return nil, err
	}
	if !s.Enabled {
		return nil, fault.New(fault.Unmet, "connector-disabled", "name", s.Shown())
	}
	whose := who
	if s.Mode == ModeService {
		whose = ""
		if err := d.belongs(ctx, s, who); err != nil {
			return nil, err
		}
	}
	c, err := d.standing(ctx, s, whose)
	if err != nil {
		return nil, err
	}
	x, err := d.session(ctx, s, c)
	if err != nil {
		return nil, err
	}
	x.For = who
	return x, nil
}

// belongs refuses who is no active member of the system's organization any more.
func (d *Desk) belongs(ctx context.Context, s System, who id.Person) error {
	if who == "" {
		return nil
	}
	return d.store.Org(s.Org).Read(ctx, func(v *store.View) error {
		standing, err := d.register.StandingOf(v, who, s.Org)
		if err == nil && (standing.Person != org.Active || standing.Organization != org.Active || standing.Member != org.Active) {
			err = fault.New(fault.Forbidden, "connection-not-member", "name", s.Shown())
		}
		return err
	})
}

// standing is the connection of somebody who still belongs there.
func (d *Desk) standing(ctx context.Context, s System, who id.Person) (c Connection, err error) {
	if err := d.belongs(ctx, s, who); err != nil {
		return c, err
	}
	err = d.store.Org(s.Org).Read(ctx, func(v *store.View) error {
		c, err = connectionOf(v, s.Org, s.ID, who)
		return err
	})
	switch {
	case err != nil:
		return c, err
	case c.State == Reconnect:
		return c, fault.New(fault.Unmet, "connection-reconnect", "name", s.Shown())
	case c.State != On:
		return c, fault.New(fault.Unmet, "connection-off", "name", s.Shown())
	}
	return c, nil
}

func (d *Desk) session(ctx context.Context, s System, c Connection) (*Session, error) {
	def, err := d.Definition(s)
	if err != nil {
		return nil, err
	}
	w, err := d.way(s)
	if err != nil {
		return nil, err
	}
	x := &Session{System: s, Connection: c, Definition: def, desk: d, way: w}
	x.Connection, x.tokens, err = d.fresh(ctx, s, w, c, false)
	if KindOf(err) == Unauthorized {
		return nil, fault.New(fault.Unmet, "connection-reconnect", "name", s.Shown()).Because(err)
	}
	if err != nil {
		return x, err
	}
	return x, x.signed(ctx, c.Person)
}

func (t tokens) credential() Credential {
	return Credential{AccessToken: t.access, Token: t.token, Username: t.username, Password: t.password}
}

// call is what one operation needs besides its name and arguments.
func (x *Session) call() Call {
	return Call{
		Definition: x.Definition, Settings: x.System.Settings, Use: x.System.Use(), Mode: x.System.Mode, Scheme: x.System.Scheme,
		Credential: x.tokens.credential(), NativeUser: x.Connection.NativeID, Email: x.email, Signer: x.signer, Before: x.before,
		Trace: x.Trace, Budget: x.budget(),
	}
}

func (x *Session) budget() *Budget {
	return x.desk.budget(x.Definition, cmp.Or(x.Connection.ID, string(x.System.ID)))
}

// try runs one operation. A credential that the system does not take is renewed
// once; is the new one not taken either, the connection is one to make again.
func try[T any](ctx context.Context, x *Session, op func(Call) (T, error)) (T, error) {
	got, err := op(x.call())
	var none T
	switch {
	case KindOf(err) != Unauthorized:
		return got, err
	case x.justGiven():
		return none, x.skewed(err)
	case x.Connection.ID == "":
		return got, err
	}
	if x.way.refreshes(x.tokens) {
		c, t, renewErr := x.desk.fresh(ctx, x.System, x.way, x.Connection, true)
		if renewErr != nil {
			return none, renewErr
		}
		x.Connection, x.tokens = c, t
		if got, err = op(x.call()); KindOf(err) != Unauthorized {
			return got, err
		}
		if x.justGiven() {
			return none, x.skewed(err)
		}
	}
	if lostErr := x.desk.lose(ctx, x.System, x.Connection, Unauthorized); lostErr != nil {
		return none, lostErr
	}
	return none, err
}

// settling is for how long tokens that were just given are not renewed because a
// system whose clock is wrong does not take them.
const settling = 5 * time.Minute

// justGiven reports whether a system refuses tokens that it has just given, and
// goes by another time than ours: to one part of it they are not valid yet, or
// not any more. The grant is alive, and neither more renewing nor consenting
// again would help.
func (x *Session) justGiven() bool {
	fresh := !x.Connection.renewed.IsZero() && x.desk.clock.Now().Sub(x.Connection.renewed).Abs() < settling
	if x.Connection.ID == "" {
		fresh = !x.tokens.access.Empty()
	}
	return fresh && !x.tokens.access.Empty() && x.budget().Ahead() != 0
}

// skewed is what people are told of a refusal that the clocks explain.
func (x *Session) skewed(cause error) error {
	ahead := x.budget().Ahead()
	f := fault.New(fault.Busy, "connector-clock-differs", "minutes", int64(ahead.Abs()/time.Minute)).Because(cause)
	return &Problem{Kind: Unavailable, RetryAfter: settling, Message: f.Code, Err: f}
}

// whose asks the other side whom a credential belongs to, before it is kept. A
// definition that cannot say is for services alone.
func (d *Desk) whose(ctx context.Context, s System, who id.Person, t tokens) (account, error) {
	def, err := d.Definition(s)
	if err != nil {
		return account{}, err
	}
	if !def.Can("whoami", s.Mode) {
		if who != "" {
			return account{}, fault.New(fault.Unmet, "connection-whoami-missing", "name", s.Shown())
		}
		return account{}, nil
	}
	x := &Session{System: s, Definition: def, desk: d, tokens: t}
	if err := x.signed(ctx, who); err != nil {
		return account{}, err
	}
	p, err := x.Whoami(ctx)
	switch {
	case err != nil:
		return account{}, err
	case p.NativeID == "" && who != "":
		return account{}, &Problem{Kind: NoSuchUser, Step: "whoami"}
	}
	return account{clip(p.NativeID), clip(p.Name), clip(p.Email)}, nil
}

// emailOf is the address by which an adapter of the card protocol knows whom it
// is asked for.
func (d *Desk) emailOf(ctx context.Context, who id.Person) string {
	if who == "" {
		return ""
	}
	p, err := d.register.Person(ctx, who)
	if err != nil || !p.Verified {
		return ""
	}
	return p.Email
}

// Can reports whether the definition knows an operation in the system's mode.
func (x *Session) Can(op string) bool { return x.Definition.Can(op, x.System.Mode) }

package connector

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// consent is the state of an authorization under way (RFC 6749 §10.12): it
// counts once, in the session that began, for the system that it began with.
var consent = once.Declare(once.Kind{Name: "connector-consent", Life: ConsentLife, Size: 32, Bound: true})

// ConsentLife is how long somebody may take at the other side.
const ConsentLife = 15 * time.Minute

// Intent is what somebody wants to be connected to.
type Intent struct {
	Org     id.Org
	System  id.Connector
	Person  id.Person // "" for the organization itself
	By      id.Principal
	Session string
}

// begun is what comes back to.
type begun struct {
	System id.Connector `json:"system"`
	Person id.Person    `json:"person"`
}

func (w Intent) bound() string {
	return strings.Join([]string{w.Session, string(w.By), string(w.System)}, "\x00")
}

// Start begins an authorization and returns where the person is sent to.
func (d *Desk) Start(ctx context.Context, w Intent) (string, error) {
	s, err := d.System(ctx, w.Org, w.System)
	if err != nil {
		return "", err
	}
	if err := d.mayConnect(s, w.Person, SchemeCode); err != nil {
		return "", err
	}
	how, err := d.way(s)
	if err != nil {
		return "", err
	}
	state := consent.New()
	verifier, err := d.verifier(state)
	if err != nil {
		return "", err
	}
	at, err := how.consentURL(d.CallbackURL(s.ID), state.Reveal(), verifier)
	if err != nil {
		return "", err
	}
	c := Connection{
		ID: string(id.New[id.Connector](d.clock.Now())), Org: s.Org, System: s.ID, Person: w.Person, State: Connecting, Since: d.clock.Now(), By: w.By, revision: 1,
	}
	err = d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		slip := once.Slip{Org: s.Org, Subject: string(w.By), Bound: w.bound(), Payload: jsonOf(begun{s.ID, w.Person})}
		if err := once.Mint(tx, consent, state, slip); err != nil {
			return store.Abort(err)
		}
		now, err := connectionOf(&tx.View, s.Org, s.ID, w.Person)
		if err == nil && (now.State == Off || now.State == Connecting) {
			err = errors.Join(putConnection(tx, c), tx.Touch(Topic))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(c.event("connection.begun", w.By))
	})
	return at, err
}

// mayConnect refuses what the system is not for.
func (d *Desk) mayConnect(s System, who id.Person, schemes ...string) error {
	fits := false
	for _, scheme := range schemes {
		fits = fits || s.Scheme == scheme
	}
	switch {
	case !s.Enabled:
		return fault.New(fault.Unmet, "connector-disabled", "name", s.Shown())
	case !fits, (s.Mode == ModeUser) != (who != ""):
		return fault.New(fault.Unmet, "connector-not-connected-so", "name", s.Shown())
	}
	return nil
}

// verifier is the proof key of an authorization (RFC 7636). It is made of the
// state under a key of the house, so that it stands nowhere.
func (d *Desk) verifier(state secret.Text) (secret.Text, error) {
	mac, err := d.ring.MAC("connector proof key", state.RevealBytes())
	return secret.Of(base64.RawURLEncoding.EncodeToString(mac)), err
}

// Back is what the other side sent somebody back with.
type Back struct {
	System  id.Connector // of the address
	State   secret.Text
	Code    secret.Text
	Error   string // of the authorization server; "" for none
	By      id.Principal
	Session string
}

// Finish ends an authorization. What does not count leaves everything as it
// was, and stands in the log with its reason.
func (d *Desk) Finish(ctx context.Context, b Back) (Connection, System, error) {
	s, err := d.Find(ctx, b.System)
	if err != nil {
		return Connection{}, s, err
	}
	w := Intent{Org: s.Org, System: s.ID, By: b.By, Session: b.Session}
	what, err := d.redeem(ctx, s, w, b.State)
	if err != nil {
		return Connection{}, s, err
	}
	w.Person = what.Person
	c, err := d.finish(ctx, s, w, b)
	if err != nil && fault.Code(err) != codeOfAnother { // that one is recorded by the write that found it
		err = d.refuse(ctx, s, w, orFault(err))
	}
	return c, s, err
}

// redeem uses the state up.
func (d *Desk) redeem(ctx context.Context, s System, w Intent, state secret.Text) (what begun, err error) {
	err = d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		found, err := once.Redeem(tx, consent, state, w.bound())
		switch {
		case errors.Is(err, once.ErrInvalid):
			f := fault.New(fault.Forbidden, "connection-state-refused")
			return store.Refused(f, refusal(s, w, f))
		case err != nil:
			return store.Abort(err)
		}
		what = begun{}
		if err := json.Unmarshal(found.Payload, &what); err != nil || what.System != s.ID {
			return store.Abort(errors.Join(err, errors.New("connector: a state of another system")))
		}
		return store.Done(store.Event{Name: "connection.returned", Org: s.Org, By: w.By, Target: "connector:" + string(s.ID), Fields: map[string]string{
			"person": string(what.Person),
		}})
	})
	return what, err
}

func refusal(s System, w Intent, f *fault.Fault) store.Event {
	return store.Event{Name: "connection.refused", Org: s.Org, By: w.By, Target: "connector:" + string(s.ID), Fields: map[string]string{
		"reason": f.Code, "person": string(w.Person),
	}}
}

// refuse records why a connection was not made. A connection that was only
// begun is off again.
func (d *Desk) refuse(ctx context.Context, s System, w Intent, f *fault.Fault) error {
	return d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		now, err := connectionOf(&tx.View, s.Org, s.ID, w.Person)
		if err == nil && now.State == Connecting {
			err = errors.Join(removeConnection(tx, now.ID), tx.Touch(Topic))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Refused(f, refusal(s, w, f))
	})
}

func (d *Desk) finish(ctx context.Context, s System, w Intent, b Back) (Connection, error) {
	switch {
	case b.Error != "":
		return Connection{}, fault.New(fault.Unmet, "connection-consent-refused", "name", s.Shown(), "reason", clip(b.Error))
	case b.Code.Empty():
		return Connection{}, fault.New(fault.Invalid, "connection-code-missing", "name", s.Shown())
	}
	if err := d.mayConnect(s, w.Person, SchemeCode); err != nil {
		return Connection{}, err
	}
	how, err := d.way(s)
	if err != nil {
		return Connection{}, err
	}
	out, err := d.out(s)
	if err != nil {
		return Connection{}, err
	}
	verifier, err := d.verifier(b.State)
	if err != nil {
		return Connection{}, err
	}
	t, err := how.byCode(ctx, out, d.clock.Now(), b.Code, d.CallbackURL(s.ID), verifier)
	if err != nil {
		return Connection{}, err
	}
	return d.arrive(ctx, s, w, t)
}

// arrive asks the other side whom new tokens belong to, and keeps them.
func (d *Desk) arrive(ctx context.Context, s System, w Intent, t tokens) (Connection, error) {
	a, err := d.whose(ctx, s, w.Person, t)
	if err != nil {
		return Connection{}, err
	}
	return d.attach(ctx, w.By, s, w.Person, a, t)
}

// Pasted is a credential that somebody brings along, for systems without OAuth.
type Pasted struct{ Token, Username, Password secret.Text }

// Paste connects with a credential that was typed.
func (d *Desk) Paste(ctx context.Context, w Intent, p Pasted) (Connection, error) {
	s, err := d.System(ctx, w.Org, w.System)
	if err != nil {
		return Connection{}, err
	}
	if err := d.mayConnect(s, w.Person, SchemeBasic, SchemeHeaderToken); err != nil {
		return Connection{}, err
	}
	c, err := d.arrive(ctx, s, w, tokens{token: p.Token, username: p.Username, password: p.Password})
	if err != nil && fault.Code(err) != codeOfAnother {
		err = d.refuse(ctx, s, w, orFault(err))
	}
	return c, err
}

// Serve connects an organization to a system whose credential stands in the
// system itself: a client of its own, a service's password or token.
func (d *Desk) Serve(ctx context.Context, by id.Principal, org id.Org, system id.Connector) (Connection, error) {
	s, err := d.System(ctx, org, system)
	if err != nil {
		return Connection{}, err
	}
	w := Intent{Org: org, System: system, By: by}
	if err := d.mayConnect(s, "", SchemeBasic, SchemeHeaderToken, SchemeClient); err != nil {
		return Connection{}, err
	}
	t, err := d.ownTokens(ctx, s)
	if err == nil {
		var c Connection
		if c, err = d.arrive(ctx, s, w, t); err == nil {
			return c, nil
		}
	}
	return Connection{}, d.refuse(ctx, s, w, orFault(err))
}

// ownTokens are what a service acts with.
func (d *Desk) ownTokens(ctx context.Context, s System) (tokens, error) {
	if s.Scheme != SchemeClient {
		held, err := d.secrets(s)
		return tokens{token: held[TokenPart], username: secret.Of(s.Username), password: held[PasswordPart]}, err
	}
	how, err := d.way(s)
	if err != nil {
		return tokens{}, err
	}
	out, err := d.out(s)
	if err != nil {
		return tokens{}, err
	}
	return how.anew(ctx, out, d.clock.Now(), tokens{})
}

// revoke asks the other side to forget the tokens (RFC 7009); what it answers
// is told, and changes nothing here.
func (d *Desk) revoke(ctx context.Context, s System, c Connection) string {
	how, err := d.way(s)
	if err != nil || how.revoke == "" {
		return "unsupported"
	}
	t, err := d.openTokens(c)
	if err != nil {
		return "failed"
	}
	which := t.refresh
	if which.Empty() {
		which = t.access
	}
	out, err := d.out(s)
	if err != nil || which.Empty() {
		return "unsupported"
	}
	got, _, err := how.post(ctx, out, how.revoke, map[string]string{"token": which.Reveal()})
	if err != nil || got.Status/100 != 2 {
		return "failed"
	}
	return "done"
}

// orFault makes of any error what the house says of it.
func orFault(err error) *fault.Fault {
	if f := FaultOf(err); f != nil {
		return f
	}
	return fault.New(fault.Broken, "broken").Because(err)
}

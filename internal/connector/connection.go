package connector

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// The states of a connection.
const (
	Off        = "off"        // there is none
	Connecting = "connecting" // begun, and not come back
	On         = "on"
	Reconnect  = "reconnect" // its tokens are dead: its person must make it again
)

// Connection is how somebody, or a whole organization, is connected to a system.
type Connection struct {
	ID         string // of this making of it; "" while it is off
	Org        id.Org
	System     id.Connector
	Person     id.Person // "" is the organization's own
	State      string
	NativeID   string // who the system says they are
	NativeName string
	Email      string
	Since      time.Time
	Expires    time.Time // of the access token; zero: not said
	EndsAt     time.Time // when no refreshing helps any more; zero: not known
	Trouble    string    // the kind of problem that ended it
	By         id.Principal

	sealed     []byte
	refreshAt  time.Time
	renewed    time.Time // when its tokens were given; zero: before that was noted
	warned     bool
	revision   int64
	claim      string
	claimUntil time.Time
}

// Tally counts the connections of a system.
type Tally struct{ On, Reconnect int64 }

func (c Connection) place() seal.Place {
	return seal.Place{Table: "connector_connection", Column: "sealed", Row: c.ID, Org: c.Org}
}

// folded is how two addresses are compared; whether the part before the @ knows
// case is the other side's affair.
func folded(email string) string {
	if email == "" {
		return ""
	}
	return org.EmailFold(email)
}

// event says what the witness keeps of a connection: never a token.
func (c Connection) event(name string, by id.Principal) store.Event {
	fields := map[string]string{"person": string(c.Person), "state": c.State}
	for key, value := range map[string]string{"native-id": c.NativeID, "native-name": c.NativeName, "trouble": c.Trouble} {
		if value != "" {
			fields[key] = value
		}
	}
	return store.Event{Name: name, Org: c.Org, By: by, Target: "connector:" + string(c.System), Fields: fields}
}

// Of lists the connections of a person, in every organization.
func (d *Desk) Of(ctx context.Context, who id.Person) (all []Connection, err error) {
	err = d.store.Self(who).Read(ctx, func(v *store.View) error {
		all, err = connectionsOf(v)
		return err
	})
	return all, err
}

// Connected lists the connections to a system, the oldest first.
func (d *Desk) Connected(ctx context.Context, org id.Org, system id.Connector) (all []Connection, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		all, err = connectionsTo(v, system)
		return err
	})
	return all, err
}

// Counts says how many are connected to each system of an organization.
func (d *Desk) Counts(ctx context.Context, org id.Org) (all map[id.Connector]Tally, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		all, err = countConnections(v)
		return err
	})
	return all, err
}

// Connection returns how somebody ("" for the organization itself) is connected
// to a system.
func (d *Desk) Connection(ctx context.Context, org id.Org, system id.Connector, who id.Person) (c Connection, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		c, err = connectionOf(v, org, system, who)
		return err
	})
	return c, err
}

// Whom the other side says that a credential belongs to.
type account struct{ native, name, email string }

// attach writes a connection that works, unless the account is linked to
// somebody else: another connection, or another member of the organization who
// has its address.
func (d *Desk) attach(ctx context.Context, by id.Principal, s System, who id.Person, a account, t tokens) (Connection, error) {
	now := d.clock.Now()
	c := Connection{
		ID: string(id.New[id.Connector](now)), Org: s.Org, System: s.ID, Person: who, State: On, NativeID: a.native, NativeName: a.name, Email: a.email,
		Since: now, By: by, Expires: t.expires, EndsAt: t.ends, refreshAt: t.refreshAt(now), renewed: now, revision: 1,
	}
	var err error
	if c.sealed, err = d.sealTokens(c, t); err != nil {
		return c, err
	}
	err = d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		event, err := d.attachIn(tx, by, c)
		f := fault.As(err)
		switch {
		case f != nil && f.Code == codeOfAnother:
			event = c.event("connection.refused", by)
			event.Fields["reason"] = f.Code
			delete(event.Fields, "state")
			return store.Refused(f, event)
		case err != nil:
			return store.Abort(err)
		}
		return store.Done(event)
	})
	return c, err
}

const codeOfAnother = "connection-of-another"

func (d *Desk) attachIn(tx *store.Tx, by id.Principal, c Connection) (store.Event, error) {
	if _, err := systemOf(&tx.View, c.System); err != nil {
		return store.Event{}, err
	}
	if c.Person != "" {
		other, err := d.ownerOf(&tx.View, c)
		if err != nil {
			return store.Event{}, err
		}
		if other {
			return store.Event{}, fault.New(fault.Conflict, codeOfAnother, "account", c.Called())
		}
	}
	if err := d.ring.Live(tx.House(), c.sealed); err != nil {
		return store.Event{}, err
	}
	if err := putConnection(tx, c); err != nil {
		return store.Event{}, err
	}
	return c.event("connection.made", by), tx.Touch(Topic)
}

// ownerOf reports whether an account is somebody else's.
func (d *Desk) ownerOf(v *store.View, c Connection) (bool, error) {
	other, err := linkedTo(v, c)
	if err != nil || other != "" || c.Email == "" {
		return other != "", err
	}
	people, err := d.register.ByEmail(v, c.Email)
	if err != nil {
		return false, err
	}
	elsewhere := false
	for _, p := range people {
		if p.ID == c.Person {
			return false, nil // a mailbox that both have is theirs as well
		}
		standing, err := d.register.StandingOf(v, p.ID, c.Org)
		if err != nil {
			return false, err
		}
		elsewhere = elsewhere || standing.Member != ""
	}
	return elsewhere, nil
}

// Called is what people know the account by.
func (c Connection) Called() string {
	for _, text := range []string{c.NativeName, c.Email, c.NativeID} {
		if text != "" {
			return text
		}
	}
	return ""
}

// Disconnect ends a connection: the other side is asked to revoke its tokens,
// and they are deleted here whatever it answers.
func (d *Desk) Disconnect(ctx context.Context, by id.Principal, org id.Org, system id.Connector, who id.Person) error {
	s, err := d.System(ctx, org, system)
	if err != nil {
		return err
	}
	c, err := d.Connection(ctx, org, system, who)
	if err != nil || c.State == Off {
		return err
	}
	revoked := d.revoke(ctx, s, c)
	err = d.store.Org(org).Write(ctx, func(tx *store.Tx) store.End {
		now, err := connectionOf(&tx.View, org, system, who)
		if err != nil || now.ID == "" {
			return store.Abort(errors.Join(err, errGone))
		}
		if err := errors.Join(removeConnection(tx, now.ID), tx.Touch(Topic)); err != nil {
			return store.Abort(err)
		}
		now.State = Off
		event := now.event("connection.ended", by)
		event.Fields["revoked"] = revoked
		return store.Done(event)
	})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

var errGone = errors.New("connector: the connection is gone")

// tokens are what a connection acts with. Of the schemes without OAuth only the
// pasted parts are there.
type tokens struct {
	access, refresh           secret.Text
	token, username, password secret.Text
	life                      time.Duration // of access, as it was said; 0 if it was not
	expires, ends             time.Time
}

// soon is how long before its end an access token is not used any more, and
// seldom the least time between two renewals that nobody's refusal asked for.
const (
	soon   = time.Minute
	seldom = 15 * time.Second
)

// refreshAt is when the next pair is fetched: a minute ahead, or a quarter of a
// life that is short.
func (t tokens) refreshAt(now time.Time) time.Time {
	if t.expires.IsZero() {
		return time.Time{}
	}
	at := t.expires.Add(-min(soon, t.expires.Sub(now)/4))
	if least := now.Add(seldom); at.Before(least) {
		return least
	}
	return at
}

type sealedTokens struct {
	Access   string `json:"access,omitempty"`
	Refresh  string `json:"refresh,omitempty"`
	Token    string `json:"token,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

func (d *Desk) sealTokens(c Connection, t tokens) ([]byte, error) {
	plain, err := json.Marshal(sealedTokens{
		t.access.Reveal(), t.refresh.Reveal(), t.token.Reveal(), t.username.Reveal(), t.password.Reveal(),
	})
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return d.ring.Seal(c.place(), plain)
}

func (d *Desk) openTokens(c Connection) (t tokens, err error) {
	if len(c.sealed) == 0 {
		return t, nil
	}
	plain, err := d.ring.Open(c.place(), c.sealed)
	if err != nil {
		return t, err
	}
	defer clear(plain)
	var in sealedTokens
	if err := json.Unmarshal(plain, &in); err != nil {
		return t, err
	}
	return tokens{
		access: secret.Of(in.Access), refresh: secret.Of(in.Refresh), token: secret.Of(in.Token),
		username: secret.Of(in.Username), password: secret.Of(in.Password), expires: c.Expires, ends: c.EndsAt,
	}, nil
}

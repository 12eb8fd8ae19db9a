package signin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Signing in, in its order: somebody proves something (Password, Passkey, Code);
// proven looks at what more is asked of this person and either mints a step,
// which one browser keeps in a cookie of its own, or begins the session; Second
// and NewPassword go on from a step.

// guessable is why no lock stops what cannot be guessed, noClient and so on why
// a state cannot stop a path before there is what it is about.
const (
	guessable  = "a lock is against guessing, and a passkey cannot be guessed"
	noClient   = "no client takes part: the person signs in to the house itself"
	noConsent  = "nothing was consented to yet: consents belong to clients"
	noDevice   = "there are no registered devices yet; marks of browsers prove nothing"
	noSession  = "it begins the session, and comes from none"
	noPassword = "no password was used, so it does not matter that it must change"
)

// The ways in which a session begins or is proven anew.
var (
	byPassword = admit.Declare(admit.Path{Name: "password sign-in", Exempt: map[admit.State]string{
		admit.ClientDisabled: noClient, admit.ConsentRevoked: noConsent, admit.DeviceLost: noDevice, admit.SessionRevoked: noSession,
	}})
	byPasskey = admit.Declare(admit.Path{Name: "passkey sign-in", Exempt: map[admit.State]string{
		admit.PersonLocked: guessable, admit.PasswordMustChange: noPassword,
		admit.ClientDisabled: noClient, admit.ConsentRevoked: noConsent, admit.DeviceLost: noDevice, admit.SessionRevoked: noSession,
	}})
	byCode = admit.Declare(admit.Path{Name: "code sign-in", Exempt: map[admit.State]string{
		admit.PasswordMustChange: noPassword,
		admit.ClientDisabled:     noClient, admit.ConsentRevoked: noConsent, admit.DeviceLost: noDevice, admit.SessionRevoked: noSession,
	}})
	byRecovery = admit.Declare(admit.Path{Name: "recovery code", Exempt: map[admit.State]string{
		admit.ClientDisabled: noClient, admit.ConsentRevoked: noConsent, admit.DeviceLost: noDevice, admit.SessionRevoked: noSession,
	}})
	again = admit.Declare(admit.Path{Name: "step-up", Exempt: map[admit.State]string{
		admit.PersonLocked:       "the session proves that it is not a stranger who guesses, and wrong answers in it are slowed down by themselves",
		admit.PasswordMustChange: "the session was begun before the change was asked for; the next sign-in asks for it",
		admit.ClientDisabled:     noClient, admit.ConsentRevoked: noConsent, admit.DeviceLost: noDevice,
	}})
)

// pathOf is the path that a sign-in took, by the weakest thing in it.
func pathOf(proofs []factor.Proof) admit.Path {
	used := func(m factor.Method) bool {
		return slices.ContainsFunc(proofs, func(p factor.Proof) bool { return p.Method == m })
	}
	switch {
	case used(factor.ByRecovery):
		return byRecovery
	case used(factor.ByPassword):
		return byPassword
	case used(factor.ByMail):
		return byCode
	}
	return byPasskey
}

// stepLife is how long a half-done sign-in waits.
const stepLife = 10 * time.Minute

// step is a sign-in that is half done. Its binding is no secret: an answer is
// judged before, and a wrong one is presented with the wrong binding, so that
// tries are counted where the value stands.
var step = once.Declare(once.Kind{Name: "signin-step", Life: stepLife, Size: 32, Bound: true, Tries: 5})

const rightAnswer, wrongAnswer = "right", "wrong"

// halfway is what a step remembers.
type halfway struct {
	Proofs []factor.Proof `json:"proofs"`
	Back   string         `json:"back"`
	Change bool           `json:"change"` // all is proven, but the password must change
}

// Outcome is how an answer that was right goes on.
type Outcome struct {
	Opening *Opening    // the session that began; nil if more is asked
	Marks   secret.Text // for the browser to keep; empty: what it has stays
	Step    secret.Text // half-done sign-in, for the browser to keep
	Change  bool        // a new password is what is asked
	Choose  bool        // the person must choose an organization first
	Back    string      // where they wanted to go
}

// The refusals of the first step are one, whatever was wrong (A046).
var (
	errRefused = fault.New(fault.Unmet, "signin-refused")
	errNoStep  = fault.New(fault.Unmet, "signin-step-over")
)

// stranger is what is read of a login before it is known whether anybody has
// it. Everything is read for a stand-in too.
type stranger struct {
	key      id.Person // whom attempts count for
	person   org.Person
	known    bool // there is such a person, and they may sign in
	device   string
	password factor.Password
}

// whose looks a login up.
func (r *Room) whose(ctx context.Context, b Browser, login string) (s stranger, err error) {
	if s.key, err = r.standIn(login); err != nil {
		return s, err
	}
	err = r.lookUp(ctx, func(v *store.View) error {
		p, err := r.register.ByLogin(v, login)
		if err != nil && fault.As(err) == nil {
			return err
		}
		found := err == nil
		if found && org.LoginFold(p.Login) == org.LoginFold(login) { // ByLogin asked once: ask as often as for nobody
			if _, err := r.register.ByEmail(v, login); err != nil {
				return err
			}
		}
		if s.person = p; found {
			s.key = p.ID
		}
		s.known = found && p.State == org.Active
		own := v.Self(s.key)
		if s.device, err = deviceOf(own, b); err != nil {
			return err
		}
		s.password, err = factor.PasswordOf(own)
		return err
	})
	return s, err
}

// Password is the first step by login and password. Whatever is wrong is
// signin-refused, except that too many answers are too-many-attempts; both for
// logins that nobody has too, and in equal time. A mill that is full is Busy.
func (r *Room) Password(ctx context.Context, b Browser, login string, pw secret.Text, back string) (Outcome, error) {
	s, err := r.whose(ctx, b, login)
	if err != nil {
		return Outcome{}, err
	}
	before, err := r.tried(ctx, s.key, sourceOf(b, s.device))
	if err != nil {
		if f := fault.As(err); f != nil && f.Slow {
			r.tellRefused(ctx, s.person.ID, f.Code)
		}
		return Outcome{}, err
	}
	right, outdated, err := r.factors.Verify(ctx, s.password, pw)
	if err != nil {
		return Outcome{}, err
	}
	locked := before >= MostFailures && s.device == ""
	if !right || !s.known || locked {
		r.tellRefused(ctx, s.person.ID, why(s, right, locked))
		return Outcome{}, errRefused
	}
	if outdated {
		r.factors.Rehash(ctx, s.password, pw)
	}
	return r.proven(ctx, proving{
		b: b, who: s.person, device: s.device, back: back, proofs: []factor.Proof{{Method: factor.ByPassword, At: r.clock.Now()}}, mustChange: s.password.MustChange(),
		use: func(tx *store.Tx) ([]store.Event, error) { return nil, touch(tx, s.password) },
	})
}

// why is what the witness is told of a refusal; nobody else is.
func why(s stranger, right, locked bool) string {
	switch {
	case !right || s.person.ID == "":
		return errRefused.Code
	case locked:
		return "person-locked"
	}
	return "person-disabled"
}

// touch refuses a password that was changed while it was being verified.
func touch(tx *store.Tx, p factor.Password) error {
	stands, err := p.Touch(tx)
	if err == nil && !stands {
		err = errRefused
	}
	return err
}

// proving is a sign-in whose last answer was right.
type proving struct {
	b          Browser
	who        org.Person
	device     string // mark of the browser, if it is known
	back       string
	proofs     []factor.Proof
	mustChange bool
	// use consumes what was proven with; a fault refuses.
	use func(*store.Tx) ([]store.Event, error)
}

// proven asks for what is missing, or begins the session.
func (r *Room) proven(ctx context.Context, p proving) (Outcome, error) {
	where, demand, err := r.Home(ctx, p.who.ID)
	if err != nil {
		return Outcome{}, err
	}
	held, err := r.holdings(ctx, p.who)
	if err != nil {
		return Outcome{}, err
	}
	missing := held.missing(demand, p.proofs)
	switch {
	case len(held.askable(missing)) > 0:
		return r.halt(ctx, p, halfway{Proofs: p.proofs, Back: p.back})
	case p.mustChange:
		return r.halt(ctx, p, halfway{Proofs: p.proofs, Back: p.back, Change: true})
	case len(missing) > 0: // they have nothing to prove it with; they enter when they do
		where = ""
	}
	return r.begin(ctx, p, where, demand, held)
}

// halt mints a step and waits for the next answer.
func (r *Room) halt(ctx context.Context, p proving, h halfway) (Outcome, error) {
	payload, err := json.Marshal(h)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Step: step.New(), Change: h.Change, Back: h.Back}
	err = r.answered(ctx, p, func(tx *store.Tx) (store.Event, error) {
		event := store.Event{Name: "signin.more-asked", By: id.Anonymous, Target: "person:" + string(p.who.ID), Fields: map[string]string{"path": pathOf(p.proofs).Name}}
		return event, once.Mint(tx, step, out.Step, once.Slip{Subject: string(p.who.ID), Bound: rightAnswer, Payload: payload})
	})
	return out, err
}

// begin opens the session.
func (r *Room) begin(ctx context.Context, p proving, where id.Org, d demand.Demand, held holdings) (Outcome, error) {
	o := r.NewOpening(p.who.ID, p.proofs, p.b.Name, p.b.Source)
	o.Settle(where, d)
	if !held.Enough(p.proofs) {
		o.Session.Strong = time.Time{} // what asks for a fresh proof asks them at once
	}
	out := Outcome{Opening: &o, Back: p.back}
	mark := secret.Random(markSize)
	if o.Session.Device = p.device; p.device == "" {
		o.Session.Device, out.Marks = mark.Digest(), p.b.marked(mark)
	}
	out.Choose = where == "" && held.orgs > 0
	err := r.answered(ctx, p, func(tx *store.Tx) (store.Event, error) { return r.open(tx, p, o, where) })
	if p.b.BeforeSession != "" {
		r.sessions.forget(p.b.BeforeSession)
	}
	return out, err
}

// open is begin in its write.
func (r *Room) open(tx *store.Tx, p proving, o Opening, where id.Org) (store.Event, error) {
	self := tx.Self(p.who.ID)
	if usedPassword(p.proofs) { // counted before it was judged; a code or a passkey was not, and a lock stays
		if err := takeBackFailure(self); err != nil {
			return store.Event{}, err
		}
	}
	event, err := r.Open(tx, pathOf(p.proofs), o, p.device != "", "")
	if err != nil {
		return event, err
	}
	if p.b.Before != "" { // whoever was signed in here is not any more (A037, A038)
		if _, err := deleteSession(tx.Self(p.b.Before), p.b.BeforeSession); err != nil {
			return event, err
		}
		if err := r.replaced(tx, p.b.Before, p.b.BeforeSession, o.Session); err != nil {
			return event, err
		}
	}
	if err := putDevice(self, o.Session.Device, o.Session.Browser, mostDevices); err != nil {
		return event, err
	}
	if err := forgiveAttempts(self, sourceOf(p.b, p.device), secondGuesses[0].kind, secondGuesses[0].kind+budgetOf(p.device)); err != nil {
		return event, err
	}
	if where == "" {
		return event, nil
	}
	return event, rememberOrg(self, where)
}

// answered does what follows from a right answer in the write that consumes it.
// What refuses there, the gate too, is told to the witness with its code, and to
// who asks as the one refusal.
func (r *Room) answered(ctx context.Context, p proving, f func(*store.Tx) (store.Event, error)) error {
	return r.store.Self(p.who.ID).Write(ctx, func(tx *store.Tx) store.End {
		more, err := p.use(tx)
		event := store.Event{}
		if err == nil {
			event, err = f(tx)
		}
		refusal := fault.As(err)
		switch {
		case err == nil:
			return store.Done(event, more...)
		case refusal == nil || refusal.Kind == fault.Busy || refusal.Kind == fault.Broken:
			return store.Abort(err)
		case errors.Is(err, once.ErrInvalid):
			return store.Abort(errNoStep)
		}
		shown := errRefused
		for _, one := range []*fault.Fault{errWrong, errPasskey} {
			if refusal.Code == one.Code {
				shown = one
			}
		}
		return store.Refused(shown, refusedEvent(p.who.ID, refusal.Code))
	})
}

func refusedEvent(who id.Person, code string) store.Event {
	return store.Event{Name: "signin.refused", By: id.Anonymous, Target: "person:" + string(who), Fields: map[string]string{"code": code}}
}

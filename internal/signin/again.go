package signin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Confirm is what somebody who is signed in can prove anew who they are with.
type Confirm struct {
	Login    string
	Passkey  bool
	Password bool // counts here: alone, or with Code
	Code     bool // an authenticator app's code is wanted with the password
	Last     factor.Method
	At       time.Time // when they last proved something, and what
}

// AgainWith says what a person in a session can confirm with.
func (r *Room) AgainWith(ctx context.Context, who id.Person, session string) (c Confirm, err error) {
	s, held, p, err := r.inSession(ctx, who, session)
	if err != nil {
		return c, err
	}
	c = Confirm{Login: p.Login, Passkey: len(held.Passkeys) > 0, Password: held.Password.There, Code: held.TOTP}
	if c.Password && !c.Code && held.Best() == factor.AAL2 {
		c.Password = false // weaker than what they have (A040)
	}
	for _, proof := range s.Proofs {
		if !proof.At.Before(c.At) {
			c.Last, c.At = proof.Method, proof.At
		}
	}
	return c, nil
}

func (r *Room) inSession(ctx context.Context, who id.Person, session string) (s Session, h holdings, p org.Person, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		if s, err = sessionOf(v, session); err != nil {
			return err
		}
		p, err = r.register.PersonIn(v, who)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return s, h, p, errOver
	}
	if err == nil {
		h, err = r.holdings(ctx, p)
	}
	return s, h, p, err
}

// AgainOptions begin a passkey ceremony of a step-up.
func (r *Room) AgainOptions(ctx context.Context, who id.Person, session string) (options json.RawMessage, ticket string, err error) {
	_, held, _, err := r.inSession(ctx, who, session)
	if err != nil {
		return nil, "", err
	}
	return r.factors.PasskeyOptions("again:"+session, held.Passkeys)
}

// Again proves anew who is signed in, as strongly as they can (A040): a passkey,
// or the password and, from who has them, a code of the app. The session gets
// another cookie, valid until the second time returned. What is too weak is
// signin-too-weak; wrong answers are slowed down (too-many-attempts) and
// signin-code-wrong, signin-refused or passkey-refused.
func (r *Room) Again(ctx context.Context, b Browser, who id.Person, session string, answers ...factor.Answer) (cookie secret.Text, ends time.Time, err error) {
	s, held, _, err := r.inSession(ctx, who, session)
	if err != nil {
		return cookie, ends, err
	}
	now := r.clock.Now()
	var fresh []factor.Proof
	for _, a := range answers {
		fresh = append(fresh, factor.Proof{Method: a.Method, At: now})
	}
	if !held.Enough(fresh) {
		return cookie, ends, fault.New(fault.Unmet, "signin-too-weak")
	}
	used, err := r.judgeAll(ctx, b, who, held, session, answers)
	if err != nil {
		return cookie, ends, err
	}
	o := Opening{Cookie: secret.Random(32), Session: s}
	o.Session.Strong, o.Session.Source = now, b.Source
	o.Session.Proofs = slices.DeleteFunc(slices.Clone(s.Proofs), func(p factor.Proof) bool {
		return slices.ContainsFunc(fresh, func(f factor.Proof) bool { return f.Method == p.Method })
	})
	o.Session.Proofs = append(o.Session.Proofs, fresh...)
	err = r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End { return r.renew(tx, o, used) })
	r.sessions.forget(session)
	return o.Cookie, s.Ends, err
}

// judgeAll judges every answer, after counting those that can be guessed.
func (r *Room) judgeAll(ctx context.Context, b Browser, who id.Person, held holdings, session string, answers []factor.Answer) (used []factor.Use, err error) {
	for _, a := range answers {
		switch a.Method {
		case factor.ByPassword:
			_, err = r.tried(ctx, who, triesIn(session))
		case factor.ByPasskey:
		default:
			err = r.mayGuess(ctx, who, secret.Of(session).Digest(), a)
		}
		if err != nil {
			return nil, err
		}
		use, err := r.judge(ctx, who, held, a, "again:"+session)
		if err != nil {
			return nil, err
		}
		used = append(used, use)
	}
	return used, nil
}

// renew is Again in its write.
func (r *Room) renew(tx *store.Tx, o Opening, used []factor.Use) store.End {
	who := o.Session.Person
	for _, use := range used {
		right, err := use(tx)
		if f := fault.As(err); f != nil && f.Code == errPasskey.Code || err == nil && !right {
			if err == nil {
				f = errWrong
			}
			event := refusedEvent(who, f.Code)
			event.By = id.OfPerson(who)
			return store.Refused(f, event)
		}
		if err != nil {
			return store.Abort(err)
		}
	}
	if err := r.Renew(tx, again, o); err != nil {
		return store.Abort(err)
	}
	self := tx.Self(who)
	if err := forgiveAttempts(self, triesIn(o.Session.ID), secondGuesses[0].kind+budgetOf(secret.Of(o.Session.ID).Digest())); err != nil {
		return store.Abort(err)
	}
	return store.Done(o.Session.event("session.stepped-up", id.OfPerson(who)))
}

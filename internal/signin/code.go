package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// mailCode is six digits in a mail. They count only together with the value that
// the browser keeps which asked for them, so that nobody can be talked into
// typing somebody else's. Whoever asks, for a login that nobody has too, gets a
// row; so they are capped.
var mailCode = once.Declare(once.Kind{
	Name: "signin-code", Life: 10 * time.Minute, Size: 32, Bound: true, Tries: 5, Most: 1 << 14,
})

// codeKind names the sentences of the mail.
const codeKind = "signin.mail-code"

// errCodeRefused is the one answer to a code by mail that does not count.
var errCodeRefused = fault.New(fault.Unmet, "signin-mail-code-refused")

// mailDigits are the six digits of a typed code.
func mailDigits(typed secret.Text) (string, error) {
	digits, err := factor.Code(typed)
	if err != nil {
		return "", errMalformed
	}
	return digits, nil
}

// drawDigits draws a code.
func drawDigits() (secret.Text, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return secret.Text{}, err
	}
	return secret.Of(fmt.Sprintf("%06d", n.Int64())), nil
}

// AskCode has a code sent to whoever has the login, if anybody has it, and
// returns what the browser keeps. The answer is given before anything is looked
// up, so that it is the same for everybody (A046, A047).
func (r *Room) AskCode(ctx context.Context, login string, lang words.Lang) (secret.Text, error) {
	if r.post == nil || !r.post.Enabled() {
		return secret.Text{}, fault.New(fault.Unmet, "mail-off")
	}
	value := mailCode.New()
	r.later(ctx, func(ctx context.Context) {
		if err := r.sendCode(ctx, value, login, lang); err != nil {
			r.log.WarnContext(ctx, "a sign-in code was not sent", "err", err)
		}
	})
	return value, nil
}

// AskSecondCode has a code sent to the person of a step.
func (r *Room) AskSecondCode(ctx context.Context, value secret.Text, lang words.Lang) (secret.Text, error) {
	w, err := r.Wait(ctx, value)
	if err != nil {
		return secret.Text{}, err
	}
	return r.AskCode(ctx, w.Person.Login, lang)
}

func (r *Room) sendCode(ctx context.Context, value secret.Text, login string, lang words.Lang) error {
	s, err := r.whose(ctx, Browser{}, login)
	if err != nil {
		return err
	}
	allowed, err := r.guessed(ctx, s.key, "", sentMails)
	if err != nil {
		return err
	}
	digits, err := drawDigits()
	if err != nil {
		return err
	}
	p := s.person
	if !s.known || !allowed || p.Email == "" || !p.Verified {
		return r.store.Self(s.key).Write(ctx, func(tx *store.Tx) store.End {
			if err := once.Mint(tx, mailCode, value, once.Slip{Bound: digits.Reveal()}); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietCount)
		})
	}
	envelope, err := r.codeMail(p, digits, lang)
	if err != nil {
		return err
	}
	return r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		err := once.Mint(tx, mailCode, value, once.Slip{Subject: string(p.ID), Bound: digits.Reveal()})
		if err == nil {
			err = envelope.Queue(tx)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "signin.code-sent", By: id.Anonymous, Target: "person:" + string(p.ID)})
	})
}

func (r *Room) codeMail(p org.Person, digits secret.Text, lang words.Lang) (notify.Envelope, error) {
	to, err := mailaddr.Parse(p.Email)
	if err != nil {
		return notify.Envelope{}, err
	}
	if p.Locale != "" {
		lang = words.Lang(p.Locale)
	}
	return r.post.Seal(notify.Message{
		To: to, Lang: lang, Kind: codeKind, Args: map[string]string{"name": p.DisplayName}, Code: digits,
		Ref: "signin-code:" + string(p.ID), By: id.Anonymous, Until: r.clock.Now().Add(mailCode.Life),
	})
}

// Code is the first step by a code in a mail. Whatever is wrong is
// signin-mail-code-refused, too many guesses too. What follows is worth no
// assurance (A056).
func (r *Room) Code(ctx context.Context, b Browser, challenge, typed secret.Text, back string) (Outcome, error) {
	digits, err := mailDigits(typed)
	if err != nil {
		return Outcome{}, err
	}
	who, key, err := r.askedBy(ctx, challenge)
	if err != nil {
		return Outcome{}, err
	}
	allowed, err := r.guessed(ctx, key, "", mailGuesses)
	if err != nil {
		return Outcome{}, err
	}
	right, err := r.redeemCode(ctx, key, challenge, digits, allowed && who != "")
	if err != nil {
		return Outcome{}, err
	}
	if !right {
		r.tellRefused(ctx, who, errCodeRefused.Code)
		return Outcome{}, errCodeRefused
	}
	p, err := r.register.Person(ctx, who)
	if err != nil {
		return Outcome{}, err
	}
	device, err := r.deviceIn(ctx, b, who)
	if err != nil {
		return Outcome{}, err
	}
	return r.proven(ctx, proving{
		b: b, who: p, device: device, back: back, proofs: []factor.Proof{{Method: factor.ByMail, At: r.clock.Now()}},
		use: func(*store.Tx) ([]store.Event, error) { return nil, nil },
	})
}

// askedBy is whose a challenge is, and whom guesses count for: a stand-in if it
// is nobody's.
func (r *Room) askedBy(ctx context.Context, challenge secret.Text) (who, key id.Person, err error) {
	key, err = r.standIn(challenge.Reveal())
	if err != nil {
		return "", "", err
	}
	err = r.lookUp(ctx, func(v *store.View) error {
		found, err := once.Peek(v, mailCode, challenge)
		if who = id.Person(found.Subject); who != "" {
			key = who
		}
		if errors.Is(err, once.ErrInvalid) {
			return nil
		}
		return err
	})
	return who, key, err
}

// redeemCode consumes the code or counts a wrong one, in a write of its own: it
// must not show how much is done for whom the code was right.
func (r *Room) redeemCode(ctx context.Context, key id.Person, challenge secret.Text, digits string, allowed bool) (right bool, err error) {
	if !allowed {
		digits = wrongAnswer
	}
	err = r.store.Self(key).Write(ctx, func(tx *store.Tx) store.End {
		_, err := once.Redeem(tx, mailCode, challenge, digits)
		if right = err == nil; right {
			return store.Done(store.Event{Name: "signin.code-right", By: id.Anonymous, Target: "person:" + string(key)})
		}
		if errors.Is(err, once.ErrInvalid) {
			return store.Quietly(store.QuietCount)
		}
		return store.Abort(err)
	})
	return right && err == nil, err
}

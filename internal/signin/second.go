package signin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	errWrong     = fault.New(fault.Unmet, "signin-code-wrong")
	errMalformed = fault.New(fault.Invalid, "signin-code-malformed", "digits", factor.CodeDigits)
)

// holdings are what a person can prove themself with, and where they could go.
type holdings struct {
	factor.Holdings
	mail bool // an address that is proven, in a house that sends mail
	orgs int  // in which they can act
}

func (r *Room) holdings(ctx context.Context, p org.Person) (h holdings, err error) {
	if h.Holdings, err = r.factors.Holdings(ctx, p.ID); err != nil {
		return h, err
	}
	h.mail = r.post != nil && r.post.Enabled() && p.Email != "" && p.Verified
	all, err := r.Choices(ctx, p.ID)
	h.orgs = len(all)
	return h, err
}

// missing is what is asked of somebody with these holdings besides what was
// proven: what the organization asks for, and the second factor that they set up
// themselves.
func (h holdings) missing(d demand.Demand, proofs []factor.Proof) []factor.Method {
	missing := d.Missing(proofs)
	own := demand.Demand{Methods: []factor.Method{factor.ByTOTP}}
	if h.TOTP && !slices.Contains(missing, factor.ByTOTP) {
		missing = append(missing, own.Missing(proofs)...)
	}
	return missing
}

// askable are the methods that can be asked for now, each of which brings the
// sign-in further. A passkey stands for every other.
func (h holdings) askable(missing []factor.Method) (ask []factor.Method) {
	for _, m := range missing {
		switch {
		case m == factor.ByTOTP && h.TOTP, m == factor.ByPassword && h.Password.There, m == factor.ByMail && h.mail:
			ask = append(ask, m)
		}
	}
	if len(missing) > 0 && len(h.Passkeys) > 0 {
		ask = append(ask, factor.ByPasskey)
	}
	if slices.Contains(ask, factor.ByTOTP) && h.Codes > 0 {
		ask = append(ask, factor.ByRecovery)
	}
	return ask
}

// judge holds an answer against what the person has. Malformed codes are faults
// of kind Invalid and count for nothing.
func (r *Room) judge(ctx context.Context, who id.Person, h holdings, a factor.Answer, purpose string) (factor.Use, error) {
	if a.Method != factor.ByMail {
		return r.factors.Judge(ctx, who, h.Holdings, a, purpose)
	}
	digits, err := mailDigits(a.Text)
	return func(tx *store.Tx) (bool, error) {
		found, err := once.Redeem(tx, mailCode, a.Challenge, digits)
		if errors.Is(err, once.ErrInvalid) {
			return false, nil
		}
		return err == nil && found.Subject == string(who), err
	}, err
}

// budgetOf sets the guesses in a known browser apart from those of strangers
// who found out a password.
func budgetOf(device string) string {
	if device == "" {
		return ""
	}
	return ":" + device[:32]
}

// Waiting is what a half-done sign-in asks for.
type Waiting struct {
	Person   org.Person
	Ask      []factor.Method
	Proofs   []factor.Proof
	Policies []string // that ask for it; none: the person set it up themself
	Change   bool     // a new password
	Back     string
	held     holdings
	demand   demand.Demand
	where    id.Org
}

// Wait reads a step; signin-step-over if there is none any more.
func (r *Room) Wait(ctx context.Context, value secret.Text) (w Waiting, err error) {
	var found once.Found
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		if found, err = once.Peek(v, step, value); err != nil {
			return err
		}
		w.Person, err = r.register.PersonIn(v, id.Person(found.Subject))
		return err
	})
	if fault.As(err) != nil {
		return w, errNoStep
	}
	var h halfway
	if err == nil {
		err = json.Unmarshal(found.Payload, &h)
	}
	if err != nil {
		return w, err
	}
	w.Proofs, w.Back, w.Change = h.Proofs, h.Back, h.Change
	if w.where, w.demand, err = r.Home(ctx, w.Person.ID); err != nil {
		return w, err
	}
	if w.held, err = r.holdings(ctx, w.Person); err != nil {
		return w, err
	}
	missing := w.held.missing(w.demand, w.Proofs)
	w.Ask = w.held.askable(missing)
	if len(w.demand.Missing(w.Proofs)) > 0 {
		w.Policies = w.demand.Policies
	}
	return w, nil
}

// Second is an answer to a step. A wrong one is signin-code-wrong or
// passkey-refused and counts: five end the step, twenty an hour end all of them
// (too-many-codes). A malformed one counts for nothing.
func (r *Room) Second(ctx context.Context, b Browser, value secret.Text, a factor.Answer) (Outcome, error) {
	w, err := r.Wait(ctx, value)
	if err != nil {
		return Outcome{}, err
	}
	if w.Change || !slices.Contains(w.Ask, a.Method) {
		return Outcome{}, errNoStep
	}
	device, err := r.deviceIn(ctx, b, w.Person.ID)
	if err != nil {
		return Outcome{}, err
	}
	if err := r.mayGuess(ctx, w.Person.ID, device, a); err != nil {
		return Outcome{}, err
	}
	use, err := r.judge(ctx, w.Person.ID, w.held, a, "second:"+string(w.Person.ID))
	if err != nil {
		return Outcome{}, err
	}
	return r.proven(ctx, proving{
		b: b, who: w.Person, device: device, back: w.Back, proofs: append(w.Proofs, factor.Proof{Method: a.Method, At: r.clock.Now()}),
		mustChange: w.held.Password.MustChange() && usedPassword(append(w.Proofs, factor.Proof{Method: a.Method})),
		use:        func(tx *store.Tx) ([]store.Event, error) { return nil, stepTaken(tx, value, use) },
	})
}

// mayGuess counts a guess before it is judged; what is malformed is no guess.
func (r *Room) mayGuess(ctx context.Context, who id.Person, device string, a factor.Answer) (err error) {
	switch a.Method {
	case factor.ByPasskey:
		return nil
	case factor.ByMail:
		_, err = mailDigits(a.Text)
	default:
		err = factor.Malformed(who, a)
	}
	if err != nil {
		return err
	}
	allowed, err := r.guessed(ctx, who, budgetOf(device), secondGuesses)
	if err == nil && !allowed {
		r.tellRefused(ctx, who, "too-many-codes")
		err = fault.New(fault.Unmet, "too-many-codes")
	}
	return err
}

func (r *Room) deviceIn(ctx context.Context, b Browser, who id.Person) (device string, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		device, err = deviceOf(v, b)
		return err
	})
	return device, err
}

func usedPassword(proofs []factor.Proof) bool {
	return slices.ContainsFunc(proofs, func(p factor.Proof) bool { return p.Method == factor.ByPassword })
}

// stepTaken consumes the answer and the step together. A wrong answer counts
// against the step.
func stepTaken(tx *store.Tx, value secret.Text, use factor.Use) error {
	right, err := use(tx)
	if err != nil {
		return err
	}
	if right {
		_, err = once.Redeem(tx, step, value, rightAnswer)
		return err
	}
	if _, err = once.Redeem(tx, step, value, wrongAnswer); errors.Is(err, once.ErrInvalid) {
		err = errWrong
	}
	return err
}

// NewPassword ends a step that asks for a new password. Refusals are those of
// password.Check, and password-unchanged.
func (r *Room) NewPassword(ctx context.Context, b Browser, value, pw secret.Text) (Outcome, error) {
	w, err := r.Wait(ctx, value)
	if err != nil {
		return Outcome{}, err
	}
	if !w.Change {
		return Outcome{}, errNoStep
	}
	same, _, err := r.factors.Verify(ctx, w.held.Password, pw)
	if err != nil {
		return Outcome{}, err
	}
	if same {
		return Outcome{}, fault.New(fault.Invalid, "password-unchanged")
	}
	draft, err := r.factors.DraftPassword(ctx, w.Person.ID, pw)
	if err != nil {
		return Outcome{}, err
	}
	device, err := r.deviceIn(ctx, b, w.Person.ID)
	if err != nil {
		return Outcome{}, err
	}
	out, err := r.proven(ctx, proving{
		b: b, who: w.Person, device: device, back: w.Back, proofs: w.Proofs,
		use: func(tx *store.Tx) ([]store.Event, error) {
			if err := stepTaken(tx, value, factor.Always(true)); err != nil {
				return nil, err
			}
			event, err := r.factors.PutPassword(tx, id.OfPerson(w.Person.ID), draft, false)
			return []store.Event{event}, err
		},
	})
	r.sessions.clear()
	return out, err
}

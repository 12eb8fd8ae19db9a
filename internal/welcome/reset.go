package welcome

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// ResetLife is how long a link that was asked for on the page "forgot password"
// counts (A055).
const ResetLife = 15 * time.Minute

// resetLink is the value in that link. It counts in the browser that asked for
// it alone; opened elsewhere it is not used up at once.
var resetLink = once.Declare(once.Kind{Name: "reset-link", Life: ResetLife, Size: 32, Bound: true, Tries: 5})

// byReset is how a link by mail sets a password. It begins no session: whatever
// else the person has to show is asked for at the next sign-in, and mail never
// adds to what was shown (A056).
var byReset = admit.Declare(admit.Path{Name: "reset link", Exempt: map[admit.State]string{
	admit.PersonLocked:         "wrong answers of strangers lock what can be guessed; the link cannot be guessed, and is the way out",
	admit.PasswordMustChange:   "it is what changes it",
	admit.SessionRevoked:       "it comes from no session and begins none",
	admit.OrganizationDisabled: "it enters no organization",
	admit.MemberRemoved:        "it enters no organization",
	admit.ClientDisabled:       "no client takes part",
	admit.ConsentRevoked:       "no consent takes part",
	admit.DeviceLost:           "there are no registered devices yet",
}})

// The bounds of what the page "forgot password" may cause.
const (
	resetsWaiting   = 256 // asks that wait for their turn; more are dropped
	resetsOfSource  = 3   // mails to one person in an hour that one source asked for
	resetsOfPerson  = 20  // and all sources together
	resetsMemory    = 1 << 14
	resetWindow     = time.Hour
	resetLoginMost  = 320
	resetCookieSize = 32
)

// resetAsk is somebody who says that they forgot their password.
type resetAsk struct {
	login   string
	browser secret.Text // value of the cookie that the link counts with
	source  string
}

// resetLine is where asks wait. What is asked is looked up after the answer was
// given, so that neither its text nor its time tells who has an account (A046,
// A047).
type resetLine struct {
	asked chan resetAsk
	mu    sync.Mutex
	sent  map[id.Person][]resetSent
}

type resetSent struct {
	at     time.Time
	source string
}

// AskReset takes an ask in and returns at once. Whether anything is sent nobody
// learns but the person.
func (r *Room) AskReset(login string, browser secret.Text, source string) {
	if len(login) == 0 || len(login) > resetLoginMost {
		return
	}
	select {
	case r.resets.asked <- resetAsk{login, browser, source}:
	default:
		r.log.Warn("too many people ask for their password at once; some asks were dropped", "waiting", resetsWaiting)
	}
}

// sendResets works asks off until ctx ends.
func (r *Room) sendResets(ctx context.Context) {
	for {
		select {
		case ask := <-r.resets.asked:
			if err := r.sendReset(ctx, ask); err != nil && ctx.Err() == nil {
				r.log.Warn("a mail to somebody who forgot their password could not be sent", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// forgotten is what the redemption of a reset link needs to know.
type forgotten struct {
	Email    string `json:"email"`
	Password string `json:"password"` // id of the one that they forgot, "" for none
	Browser  string `json:"browser"`  // hash of the cookie: shows where the link belongs before it is used
}

// sendReset mails a link to who it is, if that is exactly one active person who
// proved that address.
func (r *Room) sendReset(ctx context.Context, ask resetAsk) error {
	p, before, found, err := r.whoForgot(ctx, ask.login)
	if err != nil || !found || !r.mails(p.Email) || !r.resets.may(p.ID, ask.source, r.clock.Now()) {
		return err
	}
	value := resetLink.New()
	by := id.System("reset")
	mail, err := r.seal(p, p.Email, notify.Message{
		Kind: "signin.mail.reset", Link: r.linkTo("/reset/new", value), Ref: "reset:" + string(p.ID), By: by,
		Until: r.clock.Now().Add(ResetLife), Args: map[string]string{"minutes": minutes(ResetLife)},
	})
	if err != nil {
		return err
	}
	payload, err := json.Marshal(forgotten{Email: p.Email, Password: before, Browser: ask.browser.Digest()})
	if err != nil {
		return err
	}
	return r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		err := once.Mint(tx, resetLink, value, once.Slip{Subject: string(p.ID), Bound: ask.browser.Reveal(), Payload: payload})
		if err == nil {
			err = queue(tx, mail)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "reset.link-sent", By: by, Target: "person:" + string(p.ID), Fields: map[string]string{"source": ask.source}})
	})
}

// whoForgot is the person of a login or address, with the id of their password.
func (r *Room) whoForgot(ctx context.Context, login string) (p org.Person, before string, found bool, err error) {
	err = r.lookUp(ctx, func(v *store.View) error {
		found = false
		p, err = r.register.ByLogin(v, login)
		if fault.As(err) != nil {
			return nil
		}
		if err != nil || p.State != org.Active || !p.Verified {
			return err
		}
		sharing, err := r.register.VerifiedAt(v, p.Email)
		if err != nil || len(sharing) != 1 {
			return err
		}
		f, err := factor.PasswordOf(v.Self(p.ID))
		before, found = f.ID(), err == nil
		return err
	})
	return p, before, found, err
}

// may counts a mail, and refuses more than the bounds: neither can a stranger
// fill somebody's mailbox, nor use up what the person asks for elsewhere.
func (l *resetLine) may(who id.Person, source string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil || len(l.sent) >= resetsMemory {
		l.sent = map[id.Person][]resetSent{}
	}
	recent := slices.DeleteFunc(l.sent[who], func(s resetSent) bool { return now.Sub(s.at) > resetWindow })
	mine := 0
	for _, s := range recent {
		if s.source == source {
			mine++
		}
	}
	l.sent[who] = recent
	if mine >= resetsOfSource || len(recent) >= resetsOfPerson {
		return false
	}
	l.sent[who] = append(recent, resetSent{now, source})
	return true
}

// ResetOpen says whether a link still counts, and in this browser. It consumes
// nothing.
func (r *Room) ResetOpen(ctx context.Context, value, browser secret.Text) (p org.Person, err error) {
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		p, _, err = r.resetOpen(v, value, browser)
		return err
	})
	return p, err
}

func (r *Room) resetOpen(v *store.View, value, browser secret.Text) (org.Person, once.Found, error) {
	found, err := once.Peek(v, resetLink, value)
	if err != nil {
		return org.Person{}, found, linkFault(err, "reset-link-invalid")
	}
	p, of, err := r.resetPerson(v, found)
	if err != nil {
		return p, found, err
	}
	if browser.Empty() || browser.Digest() != of.Browser {
		return p, found, fault.New(fault.Unmet, "reset-other-browser")
	}
	return p, found, nil
}

// resetPerson is whose password a link sets, as long as they still are who
// asked: active, with the same proven address and the same password.
func (r *Room) resetPerson(v *store.View, found once.Found) (p org.Person, of forgotten, err error) {
	invalid := fault.New(fault.Unmet, "reset-link-invalid")
	if err := json.Unmarshal(found.Payload, &of); err != nil {
		return p, of, err
	}
	p, err = r.register.PersonIn(v, id.Person(found.Subject))
	if fault.As(err) != nil {
		return p, of, invalid.Because(err)
	}
	if err != nil {
		return p, of, err
	}
	f, err := factor.PasswordOf(v.Self(p.ID))
	if err != nil {
		return p, of, err
	}
	if p.State != org.Active || !p.Verified || org.EmailFold(p.Email) != org.EmailFold(of.Email) || f.ID() != of.Password {
		return p, of, invalid
	}
	return p, of, nil
}

// ResetPassword sets a new password by a link. All sessions and links of the
// person end; what else they have to show stays and is asked for at the next
// sign-in.
func (r *Room) ResetPassword(ctx context.Context, value, browser secret.Text, pw secret.Text) error {
	p, err := r.ResetOpen(ctx, value, browser)
	if err != nil {
		return err
	}
	names, err := r.namesAround(ctx, p.ID)
	if err != nil {
		return err
	}
	made, err := r.factors.MakePassword(ctx, p, pw, names)
	if err != nil {
		return err
	}
	by := id.OfPerson(p.ID)
	told, err := r.changed(p, by)
	if err != nil {
		return err
	}
	err = r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		found, err := once.Redeem(tx, resetLink, value, browser.Reveal())
		if err != nil {
			return store.Abort(linkFault(err, "reset-link-invalid"))
		}
		event, err := r.resetPassword(tx, found, made)
		if err == nil {
			err = queue(tx, told)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.sessions.ForgetSessions()
	return err
}

func (r *Room) resetPassword(tx *store.Tx, found once.Found, made factor.Made) (store.Event, error) {
	p, _, err := r.resetPerson(&tx.View, found)
	if err != nil {
		return store.Event{}, err
	}
	self := tx.Self(p.ID)
	if err := r.gate.MayIssue(&self.View, admit.Ask{Path: byReset, Person: p.ID, Known: true}); err != nil {
		return store.Event{}, linkIssue(err, "reset-link-invalid")
	}
	if err := r.factors.PutFirst(tx, p.ID, made); err != nil {
		return store.Event{}, err
	}
	sessions, err := r.endAll(tx, p.ID)
	by := id.OfPerson(p.ID)
	return store.Event{Name: "password.reset", By: by, Target: string(by), Fields: map[string]string{"sessions_ended": count(sessions)}}, err
}

// endAll ends a person's sessions and links, forgets the browsers that were
// trusted and the wrong answers of strangers. It returns how many sessions
// there were.
func (r *Room) endAll(tx *store.Tx, who id.Person) (int64, error) {
	sessions, err := r.sessions.EndAll(tx, who)
	if err == nil {
		_, err = once.Revoke(tx, string(who))
	}
	return sessions, err
}

// namesAround are the organizations whose names a person's new password may not
// lean on. It is judged as the only factor: others may go before it does.
func (r *Room) namesAround(ctx context.Context, who id.Person) (names []string, err error) {
	grants, err := r.register.Grants(ctx, who)
	for _, o := range grants.Orgs {
		names = append(names, o.Name, o.Title)
	}
	return names, err
}

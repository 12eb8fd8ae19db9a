package sender

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Asked is a message as a program asks for it.
type Asked struct {
	To        To                `json:"to"`
	Template  string            `json:"template,omitempty"`
	Arguments map[string]string `json:"arguments,omitempty"`
	Content
	Login   string    `json:"login,omitempty"` // of the requester, who is left out
	Expires time.Time `json:"expires"`
}

// Letter is a message that was sent.
type Letter struct {
	ID      string
	Org     id.Org
	Sender  id.Sender
	Key     string // the program's own
	Content Content
	Digest  string // of the content
	State   State
	Reached int // people
	Spread  int // of them, who have it
	Made    time.Time
	Expires time.Time
	Ended   time.Time

	asked  string // SHA-256 of how it was asked for
	people []id.Person
}

// State is what became of a message.
type State string

// The states. Expired is told from the clock.
const (
	Sent      State = "sent"
	Withdrawn State = "withdrawn"
	Expired   State = "expired"
)

// StateAt is the state at a time.
func (l Letter) StateAt(now time.Time) State {
	if l.State == Sent && !now.Before(l.Expires) {
		return Expired
	}
	return l.State
}

// The life of a message, and how many cards one write makes or takes back.
const (
	lifeUsual = 7 * 24 * time.Hour
	lifeMost  = 90 * 24 * time.Hour
	chunk     = 100
	keyMost   = 128
)

func (l Letter) event(name string, by id.Principal, pairs ...string) store.Event {
	fields := map[string]string{"sender": string(l.Sender), "key": l.Key, "title": l.Content.Title, "digest": l.Digest}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return store.Event{Name: name, Org: l.Org, By: by, Target: "sent-card:" + l.ID, Fields: fields}
}

// Send puts a message before people. The same key with the same message again is
// the message that is there (409 sender-key-taken with another). It refuses with
//
//	sender-role            an auditor sends nothing (TRAP-H25)
//	sender-too-fast        too many messages a minute, over all nodes; or too many
//	                       calls of this node that send nothing
//	card-invalid           all that is wrong, field by field; who cannot be
//	                       reached is said once, and not why
func (r *Room) Send(ctx context.Context, s Sender, key string, a Asked) (Letter, error) {
	if s.Role == Auditor {
		return Letter{}, r.refuse(ctx, s, fault.New(fault.Forbidden, "sender-role", "role", string(s.Role)))
	}
	if wait := r.rates.take(s.ID, s.Rate+RateUsual, r.Clock.Mono()); wait > 0 {
		return Letter{}, s.tooFast(wait)
	}
	if f := checkKey(key); f != nil {
		return Letter{}, f
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return Letter{}, err
	}
	sum := sha256.Sum256(raw)
	asked := hex.EncodeToString(sum[:])
	if l, there, err := r.again(ctx, s, key, asked); there || err != nil {
		return l, err
	}
	l, err := r.letter(ctx, s, a)
	if err != nil {
		return l, r.refuse(ctx, s, err)
	}
	l.Key, l.asked = key, asked
	return r.post(ctx, s, l)
}

func checkKey(key string) *fault.Fault {
	var bad fault.Checks
	odd := func(c rune) bool { return c <= ' ' || c >= 0x7f }
	switch {
	case key == "":
		bad.Add("key", "field-required")
	case len(key) > keyMost:
		bad.Add("key", "field-too-long", "limit", keyMost)
	case strings.ContainsFunc(key, odd):
		bad.Add("key", "sender-key-malformed")
	}
	return bad.Fault("card-invalid")
}

// refuse keeps a record of what a sender was refused for who it is, or whom it
// wanted to reach.
func (r *Room) refuse(ctx context.Context, s Sender, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Forbidden && !outside(f) {
		return err
	}
	return r.Store.Org(s.Org).Write(ctx, func(*store.Tx) store.End {
		return store.Refused(f, s.event("card-sender.refused", s.Principal(), "code", f.Code))
	})
}

// outside reports whether people were named who cannot be reached.
func outside(f *fault.Fault) bool {
	for _, bad := range f.Fields {
		if bad.Code == "sender-not-reachable" || bad.Code == "sender-outside-audience" {
			return true
		}
	}
	return false
}

// again finds what was sent under a key before; for anything else the sender has
// to be within its rate.
func (r *Room) again(ctx context.Context, s Sender, key, asked string) (l Letter, there bool, err error) {
	err = r.Store.Org(s.Org).Read(ctx, func(v *store.View) error {
		if l, there, err = letterByKey(v, s.ID, key); err != nil || there {
			return err
		}
		return s.paced(v, r.Clock.Now())
	})
	if there && subtle.ConstantTimeCompare([]byte(l.asked), []byte(asked)) != 1 {
		return Letter{}, true, fault.New(fault.Conflict, "sender-key-taken")
	}
	return l, there, err
}

// paced refuses a message more than the sender may send in a minute. What was
// sent is what counts, so that the bound holds over all nodes and costs no write.
func (s Sender) paced(v *store.View, now time.Time) error {
	oldest, full, err := nthLetter(v, s.ID, s.Rate)
	if err != nil || !full || !now.Before(oldest.Add(time.Minute)) {
		return err
	}
	return s.tooFast(min(oldest.Add(time.Minute).Sub(now), time.Minute))
}

func (s Sender) tooFast(wait time.Duration) *fault.Fault {
	f := fault.New(fault.Busy, "sender-too-fast", "limit", s.Rate).RetryAfter(wait)
	f.Slow = true
	return f
}

// letter makes a message of what was asked for, with everything that is wrong
// said at once.
func (r *Room) letter(ctx context.Context, s Sender, a Asked) (Letter, error) {
	var bad fault.Checks
	now := r.Clock.Now()
	l := Letter{ID: id.New[string](now), Org: s.Org, Sender: s.ID, Content: a.Content, State: Sent, Made: now, Expires: a.Expires}
	if a.Template != "" {
		l.Content = a.filled(&bad, &s)
	} else if len(a.Arguments) > 0 {
		bad.Add("arguments", "sender-no-template")
	}
	l.Content.check(&bad, "", &s)
	plain(&bad, "requester", l.Content.Requester, valueMost)
	if l.Expires.IsZero() {
		l.Expires = now.Add(lifeUsual)
	}
	l.Expires, l.Content.Due = l.Expires.UTC().Truncate(time.Second), l.Content.Due.UTC().Truncate(time.Second)
	switch {
	case !now.Before(l.Expires):
		bad.Add("expires", "sender-expired")
	case l.Expires.Sub(now) > lifeMost:
		bad.Add("expires", "sender-expires-late", "limit", int(lifeMost/(24*time.Hour)))
	}
	if a.Content.Due.IsZero() {
		l.Content.Due = time.Time{}
	} else if l.Content.Due.After(l.Expires) {
		bad.Add("due", "sender-due-late")
	}
	requester, err := r.personOf(ctx, s.Org, a.Login)
	if err != nil {
		return l, err
	}
	people, err := r.reach(ctx, s, a.To, requester)
	if f := fault.As(err); f != nil && f.Kind == fault.Invalid {
		for _, field := range f.Fields {
			bad.AddFault(field.Path, &fault.Fault{Code: field.Code, Args: field.Args})
		}
	} else if err != nil {
		return l, err
	}
	if f := bad.Fault("card-invalid"); f != nil {
		return l, f
	}
	l.people, l.Reached, l.Digest = people, len(people), l.Content.digest()
	return l, nil
}

// filled is the content of a template; what a template says, the message cannot
// say otherwise.
func (a Asked) filled(bad *fault.Checks, s *Sender) Content {
	t, there := s.template(a.Template)
	if !there {
		bad.Add("template", "sender-template-unknown", "name", named(a.Template))
		return a.Content
	}
	if a.Title != "" || a.Text != "" || len(a.Fields) > 0 || len(a.Actions) > 0 || a.Comment != "" || a.Priority != "" || a.Single || len(a.Languages) > 0 {
		bad.Add("template", "sender-template-and-content")
	}
	c := t.fill(bad, a.Arguments)
	c.Number, c.Requester, c.Link, c.Due = a.Number, a.Requester, a.Link, a.Due
	return c
}

// personOf is the person of a login, "" for none: nobody learns which.
func (r *Room) personOf(ctx context.Context, in id.Org, login string) (who id.Person, err error) {
	if login == "" {
		return "", nil
	}
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		p, err := r.Register.LoginOf(v, login)
		if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
			return nil
		}
		who = p.ID
		return err
	})
	return who, err
}

// post writes a message with its first cards; a timer makes the others.
func (r *Room) post(ctx context.Context, s Sender, l Letter) (Letter, error) {
	timer := r.newTimers(1)[0]
	var known Letter
	err := r.Store.Org(l.Org).Write(ctx, func(tx *store.Tx) store.End {
		known = Letter{}
		now, err := senderOf(&tx.View, s.ID)
		if err != nil {
			return store.Abort(err)
		}
		if !now.Enabled || now.Role == Auditor || now.Revision != s.Revision {
			return store.Abort(fault.New(fault.Conflict, "sender-changed"))
		}
		before, there, err := letterByKey(&tx.View, s.ID, l.Key)
		if err != nil {
			return store.Abort(err)
		}
		if there {
			known = before
			return store.Abort(errThere)
		}
		if err := now.paced(&tx.View, tx.Now()); err != nil {
			return store.Abort(err)
		}
		next := l
		events, err := r.raise(tx, s, &next)
		if err == nil {
			err = insertLetter(tx, next)
		}
		if err == nil {
			err = r.goOn(tx, next, timer)
		}
		if err != nil {
			return store.Abort(err)
		}
		known = next
		return store.Done(next.event("card-sender.sent", s.Principal(), "people", itoa(next.Reached)), events...)
	})
	if err == errThere { //nolint:errorlint // our own, never wrapped
		if known.asked != l.asked {
			return Letter{}, fault.New(fault.Conflict, "sender-key-taken")
		}
		return known, nil
	}
	return known, err
}

// raise puts the next of the people a message is for before their card, each in
// the language that they read.
func (r *Room) raise(tx *store.Tx, s Sender, l *Letter) (events []store.Event, err error) {
	to := l.people[l.Spread:min(l.Spread+chunk, len(l.people))]
	readers, err := l.readers(tx, to)
	if err != nil {
		return nil, err
	}
	for _, lang := range words.Langs {
		if len(readers[lang]) == 0 {
			continue
		}
		some, err := r.Cards.Raise(tx, Sending{
			Org: l.Org, Sender: l.Sender, Label: s.Shown(), Message: l.ID, To: readers[lang], Content: l.Content.in(lang), Expires: l.Expires,
			Pass: s.Urgent && l.Content.Priority == Urgent,
		})
		if err != nil {
			return nil, err
		}
		events = append(events, some...)
	}
	l.Spread += len(to)
	return events, nil
}

const spreadTimer = "sender.spread"

type spreading struct {
	Message string    `json:"message,omitempty"`
	Sender  id.Sender `json:"sender"`
}

// goOn sets the timer of what is left of a message.
func (r *Room) goOn(tx *store.Tx, l Letter, timer job.TimerID) error {
	if l.Spread >= len(l.people) && l.State == Sent {
		return nil
	}
	body, err := json.Marshal(spreading{l.ID, l.Sender})
	if err != nil {
		return err
	}
	return job.At(tx, job.Timer{ID: timer, Org: l.Org, Kind: spreadTimer, At: tx.Now(), Payload: body})
}

// spread is the timer of a message that is for more people than one write makes
// cards for, or that was withdrawn.
func (r *Room) spread(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var p spreading
	if err := json.Unmarshal(t.Payload, &p); err != nil {
		return nil, err
	}
	timer := r.newTimers(1)[0]
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		if p.Message == "" {
			return r.sweepSender(in, t.Org, p.Sender, timer)
		}
		l, err := letterOf(&in.View, p.Message)
		if fault.Code(err) == "sent-card-unknown" {
			return store.Quietly(store.QuietClaim)
		}
		if err != nil {
			return store.Abort(err)
		}
		return r.step(in, l, timer)
	}, nil
}

// step makes, or takes back, the next cards of a message.
func (r *Room) step(tx *store.Tx, l Letter, timer job.TimerID) store.End {
	var events []store.Event
	var left bool
	var err error
	switch s, gone := senderOf(&tx.View, l.Sender); {
	case gone != nil && fault.As(gone) == nil:
		return store.Abort(gone)
	case l.State == Withdrawn || gone != nil:
		events, left, err = r.Cards.Withdraw(tx, l.Org, l.Sender, l.ID, chunk)
	case l.StateAt(tx.Now()) == Expired:
		return store.Quietly(store.QuietClaim)
	default:
		events, err = r.raise(tx, s, &l)
		left = l.Spread < len(l.people)
		if err == nil {
			err = markSpread(tx, l)
		}
	}
	if err == nil && left {
		body, _ := json.Marshal(spreading{l.ID, l.Sender}) // of strings
		err = job.At(tx, job.Timer{ID: timer, Org: l.Org, Kind: spreadTimer, At: tx.Now(), Payload: body})
	}
	if err != nil {
		return store.Abort(err)
	}
	if len(events) == 0 {
		return store.Quietly(store.QuietClaim)
	}
	return store.Done(events[0], events[1:]...)
}

// Withdraw takes a message back: who has not decided yet is not asked any more,
// and nobody gets it later. Once withdrawn it stays so.
func (r *Room) Withdraw(ctx context.Context, s Sender, which string) (Letter, error) {
	timer := r.newTimers(1)[0]
	l, err := r.Letter(ctx, s, which)
	if err == nil && s.Role == Auditor {
		err = r.refuse(ctx, s, fault.New(fault.Forbidden, "sender-role", "role", string(s.Role)))
	}
	if err != nil {
		return l, err
	}
	err = r.Store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		if l, err = letterOf(&tx.View, which); err != nil {
			return store.Abort(err)
		}
		if l.State == Withdrawn {
			return store.Abort(errThere)
		}
		l.State, l.Ended = Withdrawn, tx.Now()
		events, left, err := r.Cards.Withdraw(tx, l.Org, l.Sender, l.ID, chunk)
		if err == nil {
			err = markEnded(tx, l)
		}
		if err == nil && left {
			err = r.goOn(tx, l, timer)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(l.event("card-sender.withdrawn", s.Principal()), events...)
	})
	if err == errThere { //nolint:errorlint // our own, never wrapped
		err = nil
	}
	return l, err
}

// Letter returns a message as a sender may see it: its own, and for an admin or
// auditor any of the organization. NotFound sent-card-unknown otherwise.
func (r *Room) Letter(ctx context.Context, s Sender, which string) (l Letter, err error) {
	err = r.Store.Org(s.Org).Read(ctx, func(v *store.View) error {
		l, err = letterOf(v, which)
		return err
	})
	if err == nil && l.Sender != s.ID && s.Role == Creator {
		return Letter{}, errLetter
	}
	return l, err
}

// Letters lists messages, the newest first, and where the next page begins: those
// of one sender, or with "" of all in the organization.
func (r *Room) Letters(ctx context.Context, in id.Org, of id.Sender, cursor string, limit int) (all []Letter, next string, err error) {
	if cursor != "" && !id.Valid(cursor) {
		return nil, "", fault.New(fault.Invalid, "cursor-malformed")
	}
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		all, err = lettersAfter(v, of, cursor, limit+1)
		return err
	})
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].ID
	}
	return all, next, err
}

// Standings counts the cards of a message by state, and returns some of them.
func (r *Room) Standings(ctx context.Context, l Letter, after id.Card, limit int) (counts map[string]int, some []Standing, err error) {
	err = r.Store.Org(l.Org).Read(ctx, func(v *store.View) error {
		counts, some, err = r.Cards.Look(v, l.Org, l.Sender, l.ID, after, limit)
		return err
	})
	return counts, some, err
}

var errLetter = fault.New(fault.NotFound, "sent-card-unknown")

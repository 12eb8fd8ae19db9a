package request

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/store"
)

// Who is a person as a sheet shows them.
type Who struct {
	ID    id.Person
	Login string
	Name  string
}

// Sheet is everything that is shown of an ask. Digest binds a decision to all
// that whoever decides goes by; what others decided meanwhile is shown and not
// bound, for it changes nothing of what is asked.
type Sheet struct {
	Ask         Ask
	Target      Target
	Requester   Who
	Beneficiary Who
	Org         org.Organization
	Policy      ApprovalPolicy // its stages in particular
	Stages      []Bench
	Thread      []Step
	Told        map[int]Told // of the steps that the ask's ticket is told of, by number
	Votes       []Vote
	People      map[id.Person]Who // everybody who is named
	Lease       lease.Lease       // while it is out, and after; zero before
	Trouble     *fault.Fault      // why it could not be released now
	Digest      string

	CanDecide bool
	Demand    presence.Demand // what the viewer has to have proven to decide
	Seat      id.Person       // in whose place the viewer decides
	Not       *fault.Fault    // why the viewer cannot decide, of an open ask
	Mine      bool            // the viewer asked, or would get it
}

// Bench is who may decide in a stage, for people who read it.
type Bench struct {
	Title    string
	Any      bool
	Groups   []Seats
	Approved bool
}

// Seats are who may decide for one group.
type Seats struct {
	Need      int
	Who       []Who
	Delegates map[id.Person][]Who // by whose seat
}

// terms is what a decision is about. Its fields are what the digest binds: a
// new one joins here, and never leaves one out that a page shows.
type terms struct {
	Ask, Org, Kind, Target, Name, Title, About string
	Revision                                   int
	Facts                                      []Fact
	Owners                                     []id.Person
	Requester, RequesterName                   string
	For, ForName                               string
	Reason                                     string
	From, Length                               int64
	Extends                                    string
	Break                                      bool
	Held                                       string
	Policy                                     string
	PolicyVersion                              int64
	Said                                       []said
	Ticket                                     *Ticket `json:",omitempty"`
}

// said is what was asked back and answered.
type said struct{ By, Name, Text string }

// digest hashes terms in one fixed form.
func digest(parts ...any) string {
	h := sha256.New()
	for _, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			return "" // no part can fail; "" is never a digest that is accepted
		}
		h.Write(text)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// look is an ask with all that a decision needs to know, read in one
// transaction.
type look struct {
	ask     Ask
	target  Target
	trouble *fault.Fault // why it could not be released
	policy  ApprovalPolicy
	votes   []Vote // of this revision
	steps   []Step
	people  map[id.Person]org.Person
	terms   string // their digest
}

// at is the digest of the sheet in a stage.
func (l look) at(stage int) string { return digest(l.terms, stage) }

// see reads an ask as it is now. A policy that is gone or does not apply any
// more is replaced by the one that does; the ask then has another policy than
// it was asked under, and its terms another digest.
func (h *Hall) see(v *store.View, on rotas, in id.Org, which id.Ask) (l look, err error) {
	scoped := v.Org(in)
	if l.ask, err = askByID(scoped, which); err != nil {
		return l, err
	}
	if l.steps, err = stepsOf(scoped, which); err != nil {
		return l, err
	}
	l.ask.wide = widened(l.steps)
	if l.votes, err = votesOf(scoped, which, l.ask.Revision); err != nil {
		return l, err
	}
	if err = h.check(v, &l, on); err != nil {
		return l, err
	}
	if l.people, err = org.PeopleByID(v, l.named()); err != nil {
		return l, err
	}
	l.terms = l.bind()
	return l, nil
}

// check reads target and policy.
func (h *Hall) check(v *store.View, l *look, on rotas) (err error) {
	releaser := h.releasers[l.ask.Kind]
	if releaser == nil {
		return errors.New("request: nobody releases " + l.ask.Kind)
	}
	l.target, err = releaser.Check(v.Org(l.ask.Org), l.ask)
	if f := fault.As(err); f != nil {
		l.trouble, err = f, nil
	}
	if err != nil {
		return err
	}
	if l.target.ID == "" { // it is gone
		l.target = Target{Kind: l.ask.Kind, ID: l.ask.Target, Title: l.ask.Title}
	}
	if err := h.describe(v, l.ask.Org, &l.target); err != nil {
		return err
	}
	if l.ask.State != Open && l.ask.State != Approved {
		if held := standing(l.ask.Org, l.ask.Kind); l.ask.Policy == held.ID {
			l.policy = held
			return nil
		}
		l.policy, err = policyByID(v.Org(l.ask.Org), l.ask.Policy)
		if errors.Is(err, store.ErrNoRow) {
			err = nil
		}
		return err
	}
	s, err := h.Register.StandingOf(v, l.ask.Person, l.ask.Org)
	if err != nil {
		return err
	}
	if l.trouble == nil && h.holder(l.ask.Kind) == nil && (s.Person != org.Active || s.Member != org.Active) {
		l.trouble = fault.New(fault.Unmet, "requester-not-active")
	}
	l.policy, err = h.pick(v, l.ask, l.target, on)
	if f := fault.As(err); f != nil && l.trouble == nil {
		l.trouble = f
	}
	if fault.As(err) != nil {
		err = nil
	}
	return err
}

// describe adds what the organization says of a target.
func (h *Hall) describe(v *store.View, in id.Org, t *Target) error {
	if h.About == nil {
		return nil
	}
	one := []Target{*t}
	err := h.About.Describe(v, in, one)
	*t = one[0]
	return err
}

// named are all people whom the sheet names.
func (l look) named() []id.Person {
	all := []id.Person{l.ask.Person, l.ask.For}
	for _, s := range l.steps {
		all = append(all, s.By.Person(), s.As)
	}
	for _, v := range l.votes {
		all = append(all, v.Person, v.Seat)
	}
	return slices.DeleteFunc(append(all, l.target.Owners...), func(one id.Person) bool { return one == "" })
}

// bind is the digest of what is asked.
func (l look) bind() string {
	a, t := l.ask, l.target
	d := terms{
		Ask: string(a.ID), Org: string(a.Org), Kind: a.Kind, Target: t.ID, Name: t.Name, Title: t.Title, About: t.About, Revision: a.Revision,
		Facts: t.Facts, Owners: t.Owners, Requester: string(a.Person), RequesterName: l.people[a.Person].DisplayName, For: string(a.For),
		ForName: l.people[a.For].DisplayName, Reason: a.Reason, From: store.Micros(a.From), Length: int64(a.Length), Extends: string(a.Extends),
		Break: a.Break, Held: string(a.Held), Policy: l.policy.ID, PolicyVersion: l.policy.Version,
	}
	if a.Ticket.Number != "" {
		d.Ticket = &a.Ticket
	}
	for _, s := range l.steps {
		if s.Name == StepQuestion || s.Name == StepAnswer {
			d.Said = append(d.Said, said{string(s.By), s.Name, s.Text})
		}
	}
	return digest(d)
}

// stages is how many there are; the one of a broken glass is its review.
func (l look) stages() int { return len(l.policy.Stages) }

// Show returns everything that is shown of an ask to somebody: who asked, who
// would get it, who may or might decide, who decided, who owns what was taken by
// a broken glass, and who may read every ask. For everybody else there is none
// (R4).
func (h *Hall) Show(ctx context.Context, in id.Org, which id.Ask, viewer id.Person) (s Sheet, err error) {
	on, err := h.onCall(ctx, in)
	if err != nil {
		return s, err
	}
	err = h.Store.Org(in).Read(ctx, func(v *store.View) error {
		l, err := h.see(v, on, in, which)
		if err != nil {
			return err
		}
		s, err = h.sheet(v, l, on, viewer)
		return err
	})
	return s, err
}

// sheet lays a look out for somebody.
func (h *Hall) sheet(v *store.View, l look, on rotas, viewer id.Person) (s Sheet, err error) {
	a := l.ask
	s = Sheet{
		Ask: a, Target: l.target, Policy: l.policy, Thread: l.steps, Votes: l.votes, Trouble: l.trouble, Digest: l.at(a.Stage),
		People: map[id.Person]Who{}, Mine: viewer == a.Person || viewer == a.For,
	}
	if s.Org, err = org.OrganizationByID(v, a.Org); err != nil {
		return s, err
	}
	benches, err := h.benches(v, l, on)
	if err != nil {
		return s, err
	}
	if err := h.name(v, &s, l, benches); err != nil {
		return s, err
	}
	s.Requester, s.Beneficiary = s.People[a.Person], s.People[a.For]
	if a.Lease != "" {
		if s.Lease, err = lease.Look(v, a.Org, a.Lease); err != nil && fault.As(err) == nil {
			return s, err
		}
		if err == nil && a.State == Released {
			s.Ask.Until = s.Lease.Until // another ask may have extended it
		}
	}
	if s.Told, err = told(v, a, l.steps); err != nil {
		return s, err
	}
	involved := s.Mine || a.Break && slices.Contains(l.target.Owners, viewer)
	for i, b := range benches {
		s.Stages = append(s.Stages, s.bench(l, b, i))
		involved = involved || slices.Contains(b.everybody(), viewer)
	}
	for _, step := range l.steps {
		involved = involved || step.By.Person() == viewer && viewer != ""
	}
	if !involved {
		if err := h.Register.Need(v, id.OfPerson(viewer), a.Org, Read); err != nil {
			return Sheet{}, errNoAsk
		}
	}
	if a.State == Open && a.Stage < len(benches) {
		s.Seat, s.Not = mayVote(l, benches[a.Stage], viewer)
		s.CanDecide = s.Not == nil
	}
	s.Demand, err = h.demand(v, l)
	return s, err
}

var errNoAsk = fault.New(fault.NotFound, "ask-unknown")

// benches finds out who may decide in every stage.
func (h *Hall) benches(v *store.View, l look, on rotas) (all []bench, err error) {
	for i := range l.policy.Stages {
		b, err := h.sit(v, l.policy, l.ask, l.target, on, i)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// name finds the names of everybody on the sheet.
func (h *Hall) name(v *store.View, s *Sheet, l look, benches []bench) error {
	which := l.named()
	for _, b := range benches {
		which = append(which, b.everybody()...)
	}
	people, err := org.PeopleByID(v, which)
	for _, p := range people {
		s.People[p.ID] = Who{p.ID, p.Login, p.DisplayName}
	}
	return err
}

func (s Sheet) bench(l look, b bench, stage int) Bench {
	shown := Bench{Title: l.policy.Stages[stage].Title, Any: b.any, Approved: b.approved(b.sitting(votesIn(l.votes, stage)))}
	for _, g := range b.panels {
		seats := Seats{Need: g.need, Delegates: map[id.Person][]Who{}}
		for _, one := range g.who {
			seats.Who = append(seats.Who, s.People[one])
			for _, d := range b.delegates[one] {
				seats.Delegates[one] = append(seats.Delegates[one], s.People[d])
			}
		}
		shown.Groups = append(shown.Groups, seats)
	}
	return shown
}

func votesIn(all []Vote, stage int) (some []Vote) {
	for _, v := range all {
		if v.Stage == stage {
			some = append(some, v)
		}
	}
	return some
}

// mayVote returns in whose seat somebody may decide now, or why not.
func mayVote(l look, b bench, who id.Person) (id.Person, *fault.Fault) {
	votes := votesIn(l.votes, l.ask.Stage)
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "decider-not-a-person")
	case who == l.ask.Person || who == l.ask.For:
		return "", fault.New(fault.Forbidden, "decides-about-themselves")
	case slices.ContainsFunc(votes, func(v Vote) bool { return v.Person == who }):
		return "", fault.New(fault.Conflict, "ask-voted-already")
	}
	seat, ok := b.seatOf(who, votes)
	if !ok {
		return "", fault.New(fault.Forbidden, "not-asked-to-decide")
	}
	if slices.ContainsFunc(votes, func(v Vote) bool { return v.Seat == seat }) {
		return "", fault.New(fault.Conflict, "ask-seat-taken")
	}
	return seat, nil
}

// until is when a release at a time ends; zero for never.
func (a Ask) until(at time.Time) time.Time {
	if a.Length == 0 {
		return time.Time{}
	}
	return at.Add(a.Length)
}

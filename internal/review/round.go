package review

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/store"
)

// Round is one time that a campaign ran. Spec is what it said when it began.
type Round struct {
	Org      id.Org
	ID       string
	Campaign string
	Number   int // from 1
	Name     string
	Spec     Campaign
	State    State
	Started  time.Time
	Due      time.Time // when what nobody answered is ended, or goes further
	Closed   time.Time
	By       id.Principal
	Version  int64

	filled string // key of the last grant that was taken in
}

// Thing is how the witness calls a round.
func (r Round) Thing() string { return "review-round:" + r.ID }

func (r Round) event(name string, by id.Principal, more ...string) store.Event {
	fields := map[string]string{"campaign": r.Name, "round": strconv.Itoa(r.Number), "state": string(r.State), "due": r.Due.UTC().Format(time.RFC3339)}
	for n := 0; n+1 < len(more); n += 2 {
		fields[more[n]] = more[n+1]
	}
	return store.Event{Name: name, Org: r.Org, By: by, Target: r.Thing(), Fields: fields}
}

func timer(tx *store.Tx, in id.Org, kind string, at time.Time, about alarm) error {
	payload, err := json.Marshal(about)
	if err != nil {
		return err
	}
	return job.At(tx.Org(in), job.Timer{ID: id.New[job.TimerID](tx.Now()), Org: in, Kind: kind, At: at, Payload: payload})
}

// Start begins a round of a campaign now.
func (r *Room) Start(ctx context.Context, by id.Principal, in id.Org, campaign string) (round Round, err error) {
	err = r.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		if err := r.Register.Need(&tx.View, by, in, Write); err != nil {
			return store.Abort(err)
		}
		var e store.Event
		if round, e, err = r.begin(tx, by, in, campaign); err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	return round, err
}

// begin writes a round; the grants are taken in by timers, some at a time.
func (r *Room) begin(tx *store.Tx, by id.Principal, in id.Org, campaign string) (round Round, e store.Event, err error) {
	p, err := r.Campaigns.One(&tx.View, in, campaign)
	if err != nil {
		return round, e, err
	}
	before, err := roundsOf(tx.View.Org(in), campaign)
	if err != nil {
		return round, e, err
	}
	if len(before) > 0 && before[0].State != Closed {
		return before[0], e, fault.New(fault.Conflict, "review-runs-already")
	}
	now := tx.Now()
	round = Round{
		Org: in, ID: id.New[string](now), Campaign: campaign, Number: 1, Name: p.Name, Spec: p.Spec, State: Filling, Started: now, By: by,
		Due: now.AddDate(0, 0, p.Spec.Days),
	}
	if len(before) > 0 {
		round.Number = before[0].Number + 1
	}
	if err := insertRound(tx.Org(in), round); err != nil {
		return round, e, err
	}
	tx.Wake(Topic)
	return round, round.event("review.started", by), timer(tx, in, timerFill, now, alarm{Round: round.ID})
}

// onStart begins a campaign at its time, and waits for the next.
func (r *Room) onStart(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		p, err := r.Campaigns.One(&in.View, t.Org, about.Campaign)
		if fault.Code(err) == "paper-unknown" || err == nil && p.Version != about.Version {
			return store.Quietly(store.QuietClaim) // changed since: another timer waits
		}
		if err == nil {
			err = wait(in, t.Org, p.ID, p.Version, p.Spec)
		}
		if err != nil {
			return store.Abort(err)
		}
		_, e, err := r.begin(in, keeper, t.Org, p.ID)
		if fault.Code(err) == "review-runs-already" {
			return store.Done(store.Event{Name: "review.left-out", Org: t.Org, By: keeper, Target: "review:" + p.ID, Fields: map[string]string{"name": p.Name}})
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	}, nil
}

// Sizes of one write: it may hold the store for a quarter of a second.
const (
	fillMost = 25  // grants that are taken in
	lookMost = 400 // grants that are looked at before it
	endMost  = 25  // items that silence ends, or that go further
)

// batch is what a step of filling takes in: found in a read, since looking at
// many grants takes longer than a write may.
type batch struct {
	round Round
	items []Item
	last  string // key of the last grant that was looked at
	more  bool   // there may be others behind it
}

// fill takes the next grants in and puts the questions.
func (r *Room) fill(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	on, err := r.Hall.OnCall(ctx, t.Org)
	if err != nil {
		return nil, err
	}
	var found batch
	err = r.inOrg(ctx, t.Org, func(v *store.View) (err error) {
		found, err = r.next(v, on, about.Round)
		return err
	})
	if err != nil && fault.Code(err) != errNoRound.Code {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		round, err := roundByID(&in.View, about.Round)
		if err != nil || round.State != Filling || round.filled != found.round.filled {
			return quietly(err)
		}
		events, err := r.takeAll(in, on, &round, found)
		if err == nil {
			err = saveRound(in, round)
		}
		if err != nil {
			return store.Abort(err)
		}
		in.Wake(Topic)
		if !found.more {
			events = append(events, round.event("review.opened", keeper))
		}
		return done(events)
	}, nil
}

// takeAll takes a batch in, and waits for the next or opens the round.
func (r *Room) takeAll(in *store.Tx, on request.Rotas, round *Round, found batch) (events []store.Event, err error) {
	for _, one := range found.items {
		some, err := r.takeIn(in, on, *round, &one)
		if err != nil {
			return nil, err
		}
		events = append(events, some...)
	}
	if round.filled = found.last; found.more {
		return events, timer(in, round.Org, timerFill, in.Now(), alarm{Round: round.ID})
	}
	return events, r.opened(in, round)
}

func quietly(err error) store.End {
	if err != nil && fault.Code(err) != errNoRound.Code {
		return store.Abort(err)
	}
	return store.Quietly(store.QuietClaim)
}

func done(events []store.Event) store.End {
	if len(events) == 0 {
		return store.Quietly(store.QuietClaim)
	}
	return store.Done(events[0], events[1:]...)
}

// next are the grants behind those that were taken in already.
func (r *Room) next(v *store.View, on request.Rotas, which string) (found batch, err error) {
	if found.round, err = roundByID(v, which); err != nil {
		return found, err
	}
	spec := found.round.Spec
	var set *rule.Set
	if spec.When != "" {
		if set, err = compiled(spec.When); err != nil {
			return found, err
		}
	}
	all, err := r.grants(v, found.round.Org, spec, found.round.filled)
	if err != nil {
		return found, err
	}
	found.last = found.round.filled
	for _, one := range all[:min(len(all), lookMost)] {
		if len(found.items) == fillMost {
			break
		}
		about, err := r.judged(v, on, spec, set, one)
		if err != nil {
			return found, err
		}
		if found.last = one.key(); about {
			found.items = append(found.items, one)
		}
	}
	found.more = len(all) > 0 && found.last != all[len(all)-1].key() || len(all) == lookMost
	return found, nil
}

// takeIn writes an item and puts its question.
func (r *Room) takeIn(tx *store.Tx, on request.Rotas, round Round, i *Item) ([]store.Event, error) {
	people, err := org.PeopleByID(&tx.View, []id.Person{i.Person})
	if err != nil {
		return nil, err
	}
	i.ID, i.Round, i.State, i.Holder = id.New[string](tx.Now()), round.ID, Open, cmp.Or(people[i.Person].DisplayName, people[i.Person].Login)
	if err := insertItem(tx, *i); err != nil {
		return nil, err
	}
	events, err := r.put(tx, on, round, *i)
	return append([]store.Event{i.event("review.asked", round, keeper)}, events...), err
}

// chairs are who may decide about an item now. Where nobody can, administrators
// do; whoever holds it never does.
func (r *Room) chairs(v *store.View, on request.Rotas, round Round, i Item) (c request.Chairs, err error) {
	s := request.Seating{Org: i.Org, About: i.Person, Kind: i.Kind, Target: i.Target, Approvers: approvers(round.Spec.Reviewers), Fallback: approvers(round.Spec.Fallback)}
	if i.Escalated {
		s.Approvers = append(s.Approvers, approvers(round.Spec.Escalate)...)
	}
	if c, err = r.Hall.Chairs(v, on, s); err != nil || len(c.Everybody()) > 0 {
		return c, err
	}
	s.Fallback = []request.Approver{request.Approver("role:" + string(org.Administrator))}
	return r.Hall.Chairs(v, on, s)
}

// put puts the question about an item to whoever may decide.
func (r *Room) put(tx *store.Tx, on request.Rotas, round Round, i Item) ([]store.Event, error) {
	c, err := r.chairs(&tx.View, on, round, i)
	if err != nil {
		return nil, err
	}
	who := c.Everybody()
	if err := putSeats(tx, round.ID, i.ID, who); err != nil || r.Asker == nil {
		return nil, err
	}
	return r.Asker.RaiseReview(tx, Question{
		Org: i.Org, Item: i.ID, To: who, Digest: i.Digest(round), Due: round.Due, Title: i.Holder + " — " + i.Title, Campaign: round.Spec.Title, Escalated: i.Escalated,
	})
}

// opened sets the timers of a round whose questions are all put. One without any
// is over.
func (r *Room) opened(tx *store.Tx, round *Round) error {
	open, err := countOpen(&tx.View, round.ID)
	if err != nil {
		return err
	}
	if open == 0 {
		round.State, round.Closed = Closed, tx.Now()
		return nil
	}
	round.State = Open
	if err := timer(tx, round.Org, timerDue, round.Due, alarm{Round: round.ID}); err != nil {
		return err
	}
	if err := timer(tx, round.Org, timerSeats, tx.Now().Add(seatsEvery), alarm{Round: round.ID}); err != nil {
		return err
	}
	for _, days := range round.Spec.Reminders {
		if at := round.Started.AddDate(0, 0, days); at.After(tx.Now()) {
			if err := timer(tx, round.Org, timerRemind, at, alarm{Round: round.ID}); err != nil {
				return err
			}
		}
	}
	return r.mail(tx, *round, "asked")
}

// remind tells reviewers again of what they have not answered.
func (r *Room) remind(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		round, err := roundByID(&in.View, about.Round)
		if err != nil || round.State != Open && round.State != Escalated {
			return quietly(err)
		}
		open, err := countOpen(&in.View, round.ID)
		if err == nil {
			err = r.mail(in, round, "reminded")
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(round.event("review.reminded", keeper, "open", strconv.Itoa(open)))
	}, nil
}

// due ends what nobody answered, or asks further people first; some at a time.
func (r *Room) due(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	on, err := r.Hall.OnCall(ctx, t.Org)
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		round, err := roundByID(&in.View, about.Round)
		if err != nil || round.State == Closed || tx.Now().Before(round.Due) && round.State != Escalated {
			return quietly(err)
		}
		var events []store.Event
		further := round.Spec.Silence == SilenceEscalates && round.State != Closing && (round.State == Open || tx.Now().Before(round.Due))
		if further {
			events, err = r.further(in, on, &round)
		} else {
			events, err = r.silence(in, &round)
		}
		if err == nil {
			err = saveRound(in, round)
		}
		if err != nil {
			return store.Abort(err)
		}
		in.Wake(Topic)
		return done(events)
	}, nil
}

// further asks further people about what nobody answered.
func (r *Room) further(tx *store.Tx, on request.Rotas, round *Round) (events []store.Event, err error) {
	if round.State == Open {
		round.State, round.Due = Escalated, tx.Now().AddDate(0, 0, round.Spec.Further)
		events = append(events, round.event("review.escalated", keeper))
		if err := timer(tx, round.Org, timerDue, round.Due, alarm{Round: round.ID}); err != nil {
			return nil, err
		}
		if err := r.mail(tx, *round, "escalated"); err != nil {
			return nil, err
		}
	}
	items, err := openItems(&tx.View, round.ID, true, endMost)
	for _, i := range items {
		if err != nil {
			return nil, err
		}
		i.Escalated = true
		if err = saveItem(tx, &i); err == nil {
			var some []store.Event
			some, err = r.put(tx, on, *round, i)
			events = append(events, some...)
		}
	}
	if err == nil && len(items) == endMost {
		err = timer(tx, round.Org, timerDue, tx.Now(), alarm{Round: round.ID})
	}
	return events, err
}

// silence ends what nobody answered.
func (r *Room) silence(tx *store.Tx, round *Round) (events []store.Event, err error) {
	round.State = Closing
	items, err := openItems(&tx.View, round.ID, false, endMost)
	for _, i := range items {
		if err != nil {
			return nil, err
		}
		var some []store.Event
		some, err = r.end(tx, *round, &i, keeper, true)
		events = append(events, some...)
	}
	switch {
	case err != nil:
		return nil, err
	case len(items) == endMost:
		return events, timer(tx, round.Org, timerDue, tx.Now(), alarm{Round: round.ID})
	}
	round.State, round.Closed = Closed, tx.Now()
	return append(events, round.event("review.closed", keeper)), nil
}

package request

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Path is where asks have their pages.
const Path = "/asks"

// The steps that people are told of by mail: who decides of questions, and who
// asked of everything that happens to what they asked for.
var (
	tellsDeciders  = []string{StepAsked, StepStage, StepReasked, StepAmended, StepReminded, StepEscalated, StepAnswer, StepBroken}
	tellsRequester = []string{StepQuestion, StepNarrowed, StepRefused, StepDecided, StepReleased, StepExpired, StepVoid, StepOver, StepReviewed}
)

// mails reports whether anybody is told of a step.
func (h *Hall) mails(step string) bool {
	return h.Post != nil && h.Post.Enabled() && (slices.Contains(tellsDeciders, step) || slices.Contains(tellsRequester, step))
}

// mostTold bounds the mails of one step.
const mostTold = 50

// tell is the handler that tells people of a step: the mails are written here,
// and queued in the write that ends the timer, so that each goes out once.
func (h *Hall) tell(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var at alarm
	if err := json.Unmarshal(t.Payload, &at); err != nil {
		return nil, err
	}
	mails, later, err := h.letters(ctx, t.Org, at)
	if err != nil && fault.Code(err) != errNoAsk.Code {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		for _, one := range later {
			if err := job.At(in, one); err != nil {
				return store.Abort(err)
			}
		}
		for _, m := range mails {
			if err := m.Queue(in); err != nil {
				return store.Abort(err)
			}
		}
		return store.Quietly(store.QuietClaim) // the step has its witness
	}, nil
}

// letters writes the mails about a step, and timers for who is not to be told
// now.
func (h *Hall) letters(ctx context.Context, in id.Org, at alarm) (mails []notify.Envelope, later []job.Timer, err error) {
	on, err := h.onCall(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	var l look
	var to map[id.Person]org.Person
	var step Step
	err = h.Store.Org(in).Read(ctx, func(v *store.View) error {
		if l, err = h.see(v, on, in, at.Ask); err != nil {
			return err
		}
		i := slices.IndexFunc(l.steps, func(s Step) bool { return s.Seq == at.N })
		if i < 0 {
			return errNoAsk
		}
		step = l.steps[i]
		who, err := h.hears(v, l, on, step)
		if err != nil {
			return err
		}
		if at.For != "" {
			who = l.stillHears(who, at.For, step)
		}
		to, err = org.PeopleByID(v, who[:min(len(who), mostTold)])
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range to {
		address, err := mailaddr.Parse(p.Email)
		if err != nil || p.State != org.Active {
			continue
		}
		when, err := h.pace(ctx, p.ID, step)
		if err != nil {
			return nil, nil, err
		}
		if when.After(h.Clock.Now()) {
			timer, err := h.putOff(in, at, p.ID, when)
			if err != nil {
				return nil, nil, err
			}
			later = append(later, timer)
			continue
		}
		if when.IsZero() {
			continue
		}
		m, err := h.Post.Seal(h.letter(l, step, p, address))
		if err != nil {
			return nil, nil, err
		}
		mails = append(mails, m)
	}
	return mails, later, nil
}

// pace is when somebody may be told of a step.
func (h *Hall) pace(ctx context.Context, who id.Person, s Step) (time.Time, error) {
	if h.Pace == nil {
		return h.Clock.Now(), nil
	}
	return h.Pace(ctx, who, slices.Contains(tellsDeciders, s.Name), s.Name == StepBroken)
}

func (h *Hall) putOff(in id.Org, at alarm, who id.Person, when time.Time) (job.Timer, error) {
	at.For = who
	payload, err := json.Marshal(at)
	return job.Timer{ID: id.New[job.TimerID](h.Clock.Now()), Org: in, Kind: timerTell, At: when, Payload: payload}, err
}

// stillHears keeps whom alone a mail waited for, unless something newer is told
// of instead, or the question is another by now.
func (l look) stillHears(who []id.Person, one id.Person, s Step) []id.Person {
	decides := slices.Contains(tellsDeciders, s.Name)
	newer := slices.ContainsFunc(l.steps, func(other Step) bool {
		return other.Seq > s.Seq && (decides && slices.Contains(tellsDeciders, other.Name) || !decides && slices.Contains(tellsRequester, other.Name))
	})
	if newer || decides && s.Stage != l.ask.Stage || !slices.Contains(who, one) {
		return nil
	}
	return []id.Person{one}
}

// hears finds out whom a step concerns.
func (h *Hall) hears(v *store.View, l look, on rotas, s Step) (who []id.Person, err error) {
	if l.ask.Break && s.Name == StepAsked {
		return nil, nil // the alarm says so
	}
	if slices.Contains(tellsDeciders, s.Name) && l.ask.Stage < l.stages() && (l.ask.State == Open || l.ask.Review == ReviewDue) {
		b, err := h.sit(v, l.policy, l.ask, l.target, on, l.ask.Stage)
		if err != nil {
			return nil, err
		}
		voted, all := votesIn(l.votes, l.ask.Stage), b.everybody()
		if l.ask.Break { // owners are alarmed, too; of what others decide they hear nothing
			all = append(all, l.target.Owners...)
		}
		for _, one := range all {
			if one != s.By.Person() && !slices.ContainsFunc(voted, func(v Vote) bool { return v.Person == one }) {
				who = append(who, one)
			}
		}
	}
	if slices.Contains(tellsRequester, s.Name) {
		who = append(who, l.ask.Person, l.ask.For)
	}
	slices.Sort(who)
	return slices.Compact(who), nil
}

// asks is who asks, for a mail.
func (h *Hall) asks(lang words.Lang, l look) string {
	s := Sheet{Ask: l.ask, Requester: Who{Login: l.people[l.ask.Person].Login, Name: l.people[l.ask.Person].DisplayName}}
	return s.Asks(func(key string, pairs ...any) string { return h.Book.Say(lang, key, fault.Pairs(pairs...)) })
}

func (h *Hall) letter(l look, s Step, p org.Person, to mailaddr.Address) notify.Message {
	lang := words.English
	if p.Locale == string(words.Japanese) {
		lang = words.Japanese
	}
	about := "about"
	if slices.Contains(tellsDeciders, s.Name) {
		about = s.Name
		if s.Name == StepStage || s.Name == StepReasked || s.Name == StepAmended || s.Name == StepEscalated {
			about = StepAsked
		}
	}
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil || p.TimeZone == "" {
		zone = time.UTC
	}
	return notify.Message{
		To: to, Lang: lang, Kind: "request.mail." + about, Org: l.ask.Org, Ref: l.ask.Thing(), By: s.By,
		Link: secret.Of(h.Post.BaseURL + Path + "/" + string(l.ask.ID)),
		Args: map[string]string{
			"title": l.target.Title, "requester": h.asks(lang, l), "for": l.people[l.ask.For].DisplayName, "reason": l.ask.Reason,
			"step": h.Book.Say(lang, "ask.step."+s.Name, nil), "said": s.Text, "due": l.ask.Due.In(zone).Format("2006-01-02 15:04 MST"),
		},
	}
}

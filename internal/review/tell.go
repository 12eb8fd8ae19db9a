package review

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// mailsMost is how many mails one write queues.
const mailsMost = 50

// listPath is where reviewers find their questions.
const listPath = "/cards"

// mail has every reviewer told who has something to answer: one mail each,
// however many questions there are.
func (r *Room) mail(tx *store.Tx, round Round, what string) error {
	if r.Post == nil || !r.Post.Enabled() {
		return nil
	}
	return timer(tx, round.Org, timerTell, tx.Now(), alarm{Round: round.ID, Mail: what})
}

// tell writes the next mails; they are queued in the write that ends the timer,
// so that each goes out once.
func (r *Room) tell(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	mails, last, err := r.letters(ctx, t.Org, about)
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		for _, m := range mails {
			if err := m.Queue(in); err != nil {
				return store.Abort(err)
			}
		}
		if last != "" {
			next := about
			next.After = last
			if err := timer(in, t.Org, timerTell, tx.Now(), next); err != nil {
				return store.Abort(err)
			}
		}
		return store.Quietly(store.QuietClaim) // the round has its witness
	}, nil
}

func (r *Room) letters(ctx context.Context, in id.Org, about alarm) (mails []notify.Envelope, last string, err error) {
	var round Round
	var waits []burden
	var people map[id.Person]org.Person
	err = r.inOrg(ctx, in, func(v *store.View) error {
		if round, err = roundByID(v, about.Round); err != nil {
			return err
		}
		if waits, err = burdens(v, round.ID, about.After, mailsMost); err != nil {
			return err
		}
		var who []id.Person
		for _, b := range waits {
			who = append(who, b.person)
		}
		people, err = org.PeopleByID(v, who)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	for _, b := range waits {
		p := people[b.person]
		to, bad := mailaddr.Parse(p.Email)
		if bad != nil || p.State != org.Active {
			continue
		}
		m, err := r.Post.Seal(r.letter(round, about.Mail, p, to, b.open))
		if err != nil {
			return nil, "", err
		}
		mails = append(mails, m)
	}
	if len(waits) == mailsMost {
		last = string(waits[len(waits)-1].person)
	}
	return mails, last, nil
}

func (r *Room) letter(round Round, what string, p org.Person, to mailaddr.Address, open int) notify.Message {
	lang := words.English
	if p.Locale == string(words.Japanese) {
		lang = words.Japanese
	}
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil || p.TimeZone == "" {
		zone = time.UTC
	}
	return notify.Message{
		To: to, Lang: lang, Kind: "review.mail." + what, Org: round.Org, Ref: round.Thing(), By: keeper, Link: secret.Of(r.Post.BaseURL + listPath),
		Args: map[string]string{"title": round.Spec.Title, "count": strconv.Itoa(open), "due": round.Due.In(zone).Format("2006-01-02 15:04 MST")},
	}
}

package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/webpush"
	"github.com/sekisho/sekisho/internal/words"
)

// Nudge is a short word to the browsers of a person. Its sentences stand in the
// words files of the room that sends it:
//
//	KIND.push       the title
//	KIND.push.text  one sentence
//
// They stand on locked screens, and the payload of its effect is not sealed: they
// say that something waits, not what.
type Nudge struct {
	To   id.Person
	Only DeviceID // of To; "" is all of them
	Kind string
	Args map[string]string
	// Path is the page of this house that it opens, "/cards/…". A push never
	// decides anything.
	Path string
	// Topic has later nudges take the place of earlier ones that were not
	// shown yet; at most 32 characters of base64url.
	Topic  string
	Urgent bool
	// Badge is the number on the app's icon; below 0 leaves it.
	Badge int
	Org   id.Org
	By    id.Principal
	Until time.Time // zero means Life from now
}

// nudge is the payload of an effect.
type nudge struct {
	Device DeviceID          `json:"device"`
	Kind   string            `json:"kind"`
	Args   map[string]string `json:"args,omitempty"`
	Path   string            `json:"path"`
	Topic  string            `json:"topic,omitempty"`
	Urgent bool              `json:"urgent,omitempty"`
	Badge  int               `json:"badge"`
	Until  time.Time         `json:"until"`
}

// Nudges are ready to be queued.
type Nudges struct{ effects []job.Effect }

// Prepare looks up the browsers of those who are to be told: one read for all.
// It is called before the write closure. In a house that does not push, and for
// people without a browser, nothing comes of it.
func (p *Pager) Prepare(ctx context.Context, all ...Nudge) (n Nudges, err error) {
	if !p.Enabled() || len(all) == 0 {
		return n, nil
	}
	who := make([]id.Person, len(all))
	for i, nudge := range all {
		if err := p.check(nudge); err != nil {
			return n, err
		}
		who[i] = nudge.To
	}
	devices, err := p.devicesOf(ctx, who)
	if err != nil {
		return n, err
	}
	now := p.Clock.Now()
	for _, x := range all {
		if x.Until.IsZero() {
			x.Until = now.Add(Life)
		}
		for _, d := range devices[x.To] {
			if x.Only != "" && x.Only != d.ID {
				continue
			}
			payload, err := json.Marshal(nudge{d.ID, x.Kind, x.Args, x.Path, x.Topic, x.Urgent, x.Badge, x.Until})
			if err != nil {
				return n, err
			}
			n.effects = append(n.effects, job.Effect{
				ID: id.New[id.Effect](now), Org: x.Org, Driver: pushDriver, Target: d.Service, Payload: payload, By: x.By,
			})
		}
	}
	return n, nil
}

// check finds mistakes of the room that sends.
func (p *Pager) check(x Nudge) error {
	switch {
	case x.To == "" || x.By == "" || !strings.HasPrefix(x.Path, "/") || strings.HasPrefix(x.Path, "//") || len(x.Topic) > 32:
		return errors.New("notify: a nudge needs a person, who sends it, and a page of this house")
	case !p.Book.Has(x.Kind+".push") || !p.Book.Has(x.Kind+".push.text"):
		return fmt.Errorf("notify: nobody wrote %s.push and %s.push.text", x.Kind, x.Kind)
	}
	return nil
}

// Queue writes the effects in the caller's transaction, which has the witness.
func (n Nudges) Queue(tx *store.Tx) error {
	for _, e := range n.effects {
		if err := job.Intend(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// Test tells a person in all their browsers that they can be told there, and
// leads to path. Unmet push-nowhere if there is no browser.
func (p *Pager) Test(ctx context.Context, who id.Person, path string) error {
	if !p.Enabled() {
		return fault.New(fault.Unmet, "push-off")
	}
	n, err := p.Prepare(ctx, Nudge{To: who, Kind: "push.test", Path: path, Topic: "test", Badge: -1, By: id.OfPerson(who)})
	if err != nil {
		return err
	}
	if n.Len() == 0 {
		return fault.New(fault.Unmet, "push-nowhere")
	}
	return p.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		if err := n.Queue(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(deviceEvent("push.tested", id.OfPerson(who), who, map[string]string{"browsers": strconv.Itoa(n.Len())}))
	})
}

// Len is how many browsers are told.
func (n Nudges) Len() int { return len(n.effects) }

const (
	pushDriver  = "push"
	pushTimeout = 20 * time.Second
)

// Driver brings nudges to push services; house registers it when there is a
// pusher. A push may go out twice after a crash: the browser shows one for a
// topic.
func (p *Pager) Driver() job.Driver {
	return job.Driver{Name: pushDriver, Timeout: pushTimeout, Do: p.push, Then: p.pushed, IdempotentBy: "Topic"}
}

// fate is what became of a push, as the effect's result.
type fate struct {
	Device DeviceID `json:"device"`
	Status int      `json:"status,omitempty"` // of a refusal
	Gone   bool     `json:"gone,omitempty"`
	Late   bool     `json:"late,omitempty"`
}

func (p *Pager) push(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	var x nudge
	if err := json.Unmarshal(e.Payload, &x); err != nil {
		return nil, &job.Refusal{Code: codeDamaged, Final: true, Err: err}
	}
	d, owner, there, err := p.deviceAndOwner(ctx, x.Device)
	if err != nil {
		return nil, &job.Away{Err: err}
	}
	if !there || owner.State != org.Active {
		return nil, nil
	}
	if !p.Clock.Now().Before(x.Until) {
		return json.Marshal(fate{Device: x.Device, Late: true})
	}
	message, err := p.message(ctx, d, owner, x)
	if err != nil {
		if f := fault.As(err); f != nil && f.Kind == fault.Busy {
			return nil, &job.Away{Err: err} // the keys are away
		}
		return nil, &job.Refusal{Code: codeDamaged, Final: true, Err: err}
	}
	defer message.Endpoint.Wipe()
	return judgePush(d, p.Pusher.Push(ctx, message))
}

// judgePush: a refusal ends the push and is shown beside the browser; it parks
// nothing, because nobody can mend one message to one browser.
func judgePush(d Device, err error) (json.RawMessage, error) {
	var no *Rebuff
	switch {
	case err == nil:
		return json.Marshal(fate{Device: d.ID})
	case errors.As(err, &no):
		return json.Marshal(fate{Device: d.ID, Status: no.Status, Gone: no.Gone()})
	}
	var away *job.Away
	if errors.As(err, &away) {
		return nil, err
	}
	return nil, &job.Away{Err: err}
}

// declarative is the form of Declarative Web Push: browsers that know it show the
// notification by themselves, and our service worker reads the same for the
// others. 8030 is the number of the RFC of Web Push.
type declarative struct {
	WebPush      int         `json:"web_push"`
	Notification declaration `json:"notification"`
	Badge        *int        `json:"app_badge,omitempty"`
}

type declaration struct {
	Title    string `json:"title"`
	Body     string `json:"body"`
	Navigate string `json:"navigate"`
	Lang     string `json:"lang"`
	Dir      string `json:"dir"`
	Tag      string `json:"tag,omitempty"`
}

func (p *Pager) message(ctx context.Context, d Device, owner org.Person, x nudge) (m Push, err error) {
	at, err := p.open(d)
	if err != nil {
		return m, err
	}
	sender, err := p.sender(ctx)
	if err != nil {
		return m, err
	}
	lang := words.Pick(owner.Locale)
	args := fault.Args{}
	for name, value := range x.Args {
		args[name] = value
	}
	said := declarative{WebPush: 8030, Notification: declaration{
		Title: p.Book.Say(lang, x.Kind+".push", args), Body: p.Book.Say(lang, x.Kind+".push.text", args),
		Navigate: strings.TrimRight(p.BaseURL, "/") + x.Path, Lang: string(lang), Dir: "ltr", Tag: x.Topic,
	}}
	if x.Badge >= 0 {
		said.Badge = &x.Badge
	}
	body, err := json.Marshal(said)
	if err == nil && len(body) > webpush.Most {
		said.Notification.Body = "" // the title alone says that something waits
		body, err = json.Marshal(said)
	}
	return Push{
		Endpoint: secret.Of(at.Endpoint), Keys: at.Keys, Sender: sender, Contact: p.Contact, Body: body,
		Topic: x.Topic, Urgent: x.Urgent, Until: x.Until,
	}, err
}

// pushed writes what became of it: a browser that is gone is forgotten.
func (p *Pager) pushed(tx *store.Tx, e job.Effect, result json.RawMessage) ([]store.Event, error) {
	if len(result) == 0 {
		return nil, nil
	}
	var f fate
	if err := json.Unmarshal(result, &f); err != nil {
		return nil, err
	}
	if f.Late {
		return nil, nil
	}
	if !f.Gone {
		return nil, noteDevice(tx.House(), f.Device, f.Status)
	}
	who, there, err := removeDevice(tx.House(), f.Device)
	if err != nil || !there {
		return nil, err
	}
	return []store.Event{deviceEvent("device.push-gone", id.System("notify"), who, map[string]string{"status": strconv.Itoa(f.Status)})}, nil
}

func statusText(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }

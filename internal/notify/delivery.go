package notify

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/id"
)

// State is where a message stands.
type State string

// The states; each has the sentence mail.state.STATE.
const (
	Queued   State = "queued"   // under way
	Deferred State = "deferred" // the relay asked to come back at Next
	Sent     State = "sent"     // the relay has taken it
	Refused  State = "refused"  // the relay will never take it
	Unknown  State = "unsure"   // it may have arrived: no answer, several times
	GivenUp  State = "given-up" // its time was over, or an operator skipped it
	Stopped  State = "stopped"  // an operator must look: Why says at what
)

// Delivery is what became of a message, for whoever sent it.
type Delivery struct {
	ID       ID
	Ref      string
	To       string // the address as people write it
	State    State
	Answer   Answer    // what the relay said last; its text is a stranger's, cleaned
	Why      string    // code of what holds it up, while it is under way
	QueuedAt time.Time // when it was written
	At       time.Time // since when it is in a final state; zero while it is not
	Next     time.Time // when it is tried again, if deferred
	effect   id.Effect
}

// Key is the sentence of the state; its arguments are Args.
func (d Delivery) Key() string { return "mail.state." + string(d.State) }

// Args are the arguments of the sentences of states.
func (d Delivery) Args() map[string]any {
	said := d.Answer.Text
	if d.Answer.Enhanced != "" {
		said = d.Answer.Enhanced + " " + said
	}
	return map[string]any{"to": d.To, "code": d.Answer.Code, "said": said}
}

// Failed reports whether it will not arrive by itself.
func (d Delivery) Failed() bool {
	return d.State == Refused || d.State == Unknown || d.State == GivenUp || d.State == Stopped
}

func (r row) delivery() Delivery {
	return Delivery{
		ID: r.ID, Ref: r.Ref, To: r.To, State: r.State, Answer: r.answer,
		QueuedAt: r.QueuedAt, At: r.endedAt, Next: r.nextAt, effect: r.effect,
	}
}

// Delivery is Deliveries of one reference; there is none if found is false.
func (p *Post) Delivery(ctx context.Context, org id.Org, ref string) (d Delivery, found bool, err error) {
	all, err := p.Deliveries(ctx, org, ref)
	d, found = all[ref]
	return d, found, err
}

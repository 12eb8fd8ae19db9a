package request

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// Ticket is a ticket of an outside system that an ask names: each step of the
// ask is told there.
type Ticket struct {
	System id.Connector `json:"system"`
	Label  string       `json:"label"`  // what the system is called
	Number string       `json:"number"` // as its system writes it
	Title  string       `json:"title,omitempty"`
	URL    string       `json:"url,omitempty"`
	// Person is by whose connection it is told; "" for the organization's own.
	Person id.Person `json:"person,omitempty"`
	// Unread says that nobody could look whether it is there and the asker's to
	// read.
	Unread bool `json:"unread,omitempty"`
}

func (t Ticket) text() (string, error) {
	if t.Number == "" {
		return "", nil
	}
	text, err := json.Marshal(t)
	return string(text), err
}

// TicketSystem is an outside system whose tickets asks can name.
type TicketSystem struct {
	ID   id.Connector
	Name string
}

// TicketDesk speaks to outside systems of tickets (← ticket, through house). It
// is asked outside of transactions.
type TicketDesk interface {
	// Systems are those of an organization whose tickets can be told anything.
	Systems(ctx context.Context, in id.Org) ([]TicketSystem, error)
	// Look reads a ticket as somebody and returns it with title, address and by
	// whose connection it can be told. ticket-unknown is for one that is not there
	// or not theirs to read; ticket-not-told for one that nobody could tell.
	Look(ctx context.Context, in id.Org, who id.Person, t Ticket) (Ticket, error)
}

// numberForm is what a ticket's number may look like: printable ASCII without
// spaces, as all systems write them (trap H15).
var numberForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._/#-]{0,63}$`)

// TicketSystems are the systems whose tickets asks of an organization can name.
func (h *Hall) TicketSystems(ctx context.Context, in id.Org) ([]TicketSystem, error) {
	if h.Desk == nil {
		return nil, nil
	}
	return h.Desk.Systems(ctx, in)
}

// glassLook is how long a system has to show the ticket of a broken glass.
const glassLook = 5 * time.Second

// lookAt reads the ticket that an ask names. A broken glass waits for no outside
// system: its ticket stands unread, and is told when its system is there (A127).
func (h *Hall) lookAt(ctx context.Context, who id.Person, wanted Wanted) (Ticket, error) {
	t := wanted.Ticket
	t.Number = strings.TrimSpace(t.Number)
	if t.Number == "" {
		return Ticket{}, nil
	}
	var bad fault.Checks
	switch {
	case h.Desk == nil || t.System == "":
		bad.Add("system", "field-required")
	case !numberForm.MatchString(t.Number):
		bad.Add("ticket", "ticket-number-malformed")
	}
	if f := bad.Fault("ask-invalid"); f != nil {
		return t, f
	}
	look := ctx
	if wanted.Break {
		short, cancel := context.WithTimeout(ctx, glassLook)
		defer cancel()
		look = short
	}
	found, err := h.Desk.Look(look, wanted.Org, who, Ticket{System: t.System, Number: t.Number})
	if f := fault.As(err); f != nil && (f.Code == "ticket-unknown" || f.Code == "ticket-not-told" || f.Code == "connector-unknown") {
		bad.Add("ticket", f.Code, f.Args.Pairs()...)
		return t, bad.Fault("ask-invalid")
	}
	if err != nil && wanted.Break && ctx.Err() == nil && found.Label != "" {
		found.Unread = true
		return found, nil
	}
	return found, err
}

// Told is how far the telling of a step at a ticket is.
type Told string

// The states of telling.
const (
	ToldWaits Told = "waits" // on its way, or the system is away
	ToldDone  Told = "done"
	ToldStuck Told = "stuck" // an operator has to look
)

// untold are the steps that a ticket does not hear of: reminders, and what those
// who take part say to each other.
var untold = []string{StepReminded, StepQuestion, StepAnswer}

// TellAs is the effect by which a step is told at the ask's ticket, the same
// each time it is asked for; "" for a step that is not told.
func (a Ask) TellAs(s Step) id.Effect {
	if a.Ticket.Number == "" || slices.Contains(untold, s.Name) {
		return ""
	}
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	const head = 10 // characters of an identifier that are its time
	sum := sha256.Sum256([]byte("tell\x00" + string(a.ID) + "\x00" + strconv.Itoa(s.Seq)))
	tail := make([]byte, id.Len-head)
	for i := range tail {
		tail[i] = alphabet[sum[i]&31]
	}
	return id.Effect(string(id.New[id.Effect](s.At))[:head] + string(tail))
}

// mostToldShown bounds the effects that are looked at for one page.
const mostToldShown = 30

// told looks how far the telling of an ask's steps is, the last ones.
func told(v *store.View, a Ask, steps []Step) (map[int]Told, error) {
	all := map[int]Told{}
	for _, s := range steps[max(0, len(steps)-mostToldShown):] {
		effect := a.TellAs(s)
		if effect == "" {
			continue
		}
		now, err := job.Look(v, a.Org, effect)
		switch {
		case fault.Code(err) == "job-effect-unknown":
			all[s.Seq] = ToldDone // swept: it ended long ago
		case err != nil:
			return nil, err
		case now.State == job.Done:
			all[s.Seq] = ToldDone
		case now.State == job.Parked || now.State == job.Skipped:
			all[s.Seq] = ToldStuck
		default:
			all[s.Seq] = ToldWaits
		}
	}
	return all, nil
}

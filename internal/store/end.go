package store

import (
	"context"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Event is what a write says to the witness. Fields hold what a reader of the
// log needs to understand it (never secrets); each is salted and hashed by
// itself, so that one can be erased later without breaking a proof.
type Event struct {
	Name   string       // verb of the house: "notice.written", "setup.redeemed"
	Org    id.Org       // "" is the house itself
	By     id.Principal // who acted
	Target string       // what it was done to: "notice:ID"; "" if nothing exists yet
	Fields map[string]string
}

// End is how a write closure ends. The zero End aborts with an error.
type End struct {
	kind   endKind
	events []Event
	fault  *fault.Fault
	err    error
	quiet  Reason
}

type endKind uint8

const (
	endNone endKind = iota
	endDone
	endRefused
	endAbort
	endQuiet
)

// Done commits, with at least one event for the witness.
func Done(event Event, more ...Event) End {
	return End{kind: endDone, events: append([]Event{event}, more...)}
}

// Refused commits the event and the consequences of the refusal (a burned
// code, a counted failure) and then makes Write return f.
func Refused(f *fault.Fault, event Event, more ...Event) End {
	return End{kind: endRefused, fault: f, events: append([]Event{event}, more...)}
}

// Abort rolls back and makes Write return err.
func Abort(err error) End { return End{kind: endAbort, err: err} }

// Quietly commits without a witness, for one of the listed reasons. How often
// each was used is counted (QuietCounts).
func Quietly(reason Reason) End { return End{kind: endQuiet, quiet: reason} }

// Reason is why a write needs no witness. The set is closed: a test of the
// house names all of them.
type Reason struct{ name string }

// String returns the reason's name.
func (r Reason) String() string { return r.name }

// The reasons.
var (
	QuietMigration = Reason{"migration"}
	QuietClaim     = Reason{"job-claim"}
	QuietSequence  = Reason{"sequencer"}
	QuietReencrypt = Reason{"re-encryption"}
	QuietSeen      = Reason{"last-seen"}
	QuietCount     = Reason{"counter"}
)

// Reasons lists every reason there is.
func Reasons() []Reason {
	return []Reason{QuietMigration, QuietClaim, QuietSequence, QuietReencrypt, QuietSeen, QuietCount}
}

// Witness writes the record of an event in the same transaction. tx reaches
// the whole house whatever handle the write came through.
type Witness func(tx *Tx, event Event) error

// Circumstance is what the edge knows about the request behind a write; the
// witness records it beside the event. It travels in the context.
type Circumstance struct {
	Request string   // request id, for correlation
	Source  string   // address of the client
	Trust   string   // how the address is known: "peer", "forwarded", "socket"
	Session string   // hash or id of the session, never its cookie
	ACR     string   // how strongly the principal signed in
	AMR     []string // by which methods
}

type circumstanceKey struct{}

// Around returns a context in which writes happen under c.
func Around(ctx context.Context, c Circumstance) context.Context {
	return context.WithValue(ctx, circumstanceKey{}, c)
}

// AroundOf returns the circumstance of ctx; zero outside of a request.
func AroundOf(ctx context.Context) Circumstance {
	c, _ := ctx.Value(circumstanceKey{}).(Circumstance)
	return c
}

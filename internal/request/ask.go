package request

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// State is where an ask stands.
type State string

// The states.
const (
	Open      State = "open"      // somebody has to decide
	Approved  State = "approved"  // decided; it waits for its start
	Released  State = "released"  // it is out
	Refused   State = "refused"   // somebody decided against it
	Withdrawn State = "withdrawn" // whoever asked took it back
	Expired   State = "expired"   // nobody decided in time
	Void      State = "void"      // what was approved is no longer what would be released
	Over      State = "over"      // it was out, and is back
)

// Ended reports whether nothing more will happen to an ask.
func (s State) Ended() bool {
	return s == Refused || s == Withdrawn || s == Expired || s == Void || s == Over
}

// Ask is a request for one thing, and its life.
type Ask struct {
	Org    id.Org
	ID     id.Ask
	Person id.Person // who asks
	For    id.Person // who would get it; often the same
	Kind   string    // of the Releaser
	Target string    // identifier of the thing
	Title  string    // as it was called when it was asked for
	Reason string
	From   time.Time     // not before; zero: as soon as it is decided
	Length time.Duration // from the release, or from From; 0: until it is given back
	// Extends is the lease that is to last longer; "" for something new.
	Extends id.Lease
	Break   bool            // the glass was broken: it is out, and is reviewed afterwards
	Held    json.RawMessage // a Change that waits for the decision, of kinds that have a Holder
	Ready   any             // what the Holder made before the write that decides; a fault if it could not
	Ticket  Ticket          // outside, that is told of each step; zero for none

	State     State
	Revision  int // raised whenever what is asked changes: earlier votes count no more
	Stage     int // from 0
	Escalated bool
	Policy    string // identifier of the policy that decides who decides
	Created   time.Time
	Due       time.Time // when the question expires
	Decided   time.Time
	DecidedBy id.Principal // of the last vote; the hall where a rule decided
	Rule      string       // the rule that decided, "" for people
	Lease     id.Lease
	Until     time.Time // when it is taken back, once it is out
	Review    Review    // of a broken glass
	Asked     int       // length as it was first asked for, in seconds, if it was shortened; -1 for endless

	told    string // digest of the terms that the first vote of this revision was about
	steps   int    // how many there are
	wide    []int  // stages of this revision about which further people were asked
	version int64
}

// Review is what became of looking at a broken glass afterwards.
type Review string

// The reviews; none is due where the glass was not broken.
const (
	ReviewDue   Review = "due"
	ReviewFine  Review = "fine"
	ReviewWrong Review = "wrong" // what was out was taken back at once
)

// Thing is how the witness calls an ask.
func (a Ask) Thing() string { return "ask:" + string(a.ID) }

// event says what the witness keeps of a step.
func (a Ask) event(name string, by id.Principal, more map[string]string) store.Event {
	fields := map[string]string{
		"kind": a.Kind, "thing": a.Target, "title": a.Title, "requester": string(a.Person), "for": string(a.For),
		"state": string(a.State), "revision": strconv.Itoa(a.Revision),
	}
	for key, value := range more {
		if value != "" {
			fields[key] = value
		}
	}
	return store.Event{Name: name, Org: a.Org, By: by, Target: a.Thing(), Fields: fields}
}

// Step is something that happened to an ask: a line of its timeline.
type Step struct {
	Ask   id.Ask
	Seq   int
	At    time.Time
	By    id.Principal
	Name  string    // "asked", "approved"…: "ask.step.NAME" is its sentence
	As    id.Person // whose seat a delegate sat in
	Stage int
	Text  string            // a reason, a question, an answer: plain text of a person
	More  map[string]string // arguments of the sentence
}

// The names of steps. Each is also the event request.NAME.
const (
	StepAsked     = "asked"
	StepAmended   = "amended"
	StepReasked   = "reasked"
	StepQuestion  = "question"
	StepAnswer    = "answer"
	StepNarrowed  = "narrowed"
	StepApproved  = "approved"
	StepRefused   = "refused"
	StepStage     = "stage"
	StepReminded  = "reminded"
	StepEscalated = "escalated"
	StepWithdrawn = "withdrawn"
	StepExpired   = "expired"
	StepDecided   = "decided"
	StepReleased  = "released"
	StepVoid      = "void"
	StepBroken    = "broken"
	StepReviewed  = "reviewed"
	StepOver      = "over"
)

// Vote is what one person decided in a stage of a revision.
type Vote struct {
	Revision int
	Stage    int
	Person   id.Person // the natural person
	Seat     id.Person // in whose place; the same but for delegates
	Approve  bool
	Reason   string
	Digest   string // of what was shown
	At       time.Time
}

package demo

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// stories are those that a visitor can click through, in the order of the guide.
// A further one is a file beside story_invite.go, its sentences in words, and a
// line here.
var stories = []story{inviteStory, orderStory}

// story is told step by step. Its sentences are story.NAME.title and .lead.
type story struct {
	Name  string
	Steps []step
}

// step is one thing that somebody does. Its sentences are story.STORY.STEP.title,
// .do, .look and .why; they may name what scene.args says.
type step struct {
	Name string
	Who  string // login of who does it; "" for the newcomer, Terminal for the reader's shell
	Open string // path of the page in the house, or one of those below
	// Run is what the reader types in a shell, without the program's name.
	Run func(*scene) []string
	// Done is when it happened, not before a time; the zero time if it did not.
	Done func(s *scene, after time.Time) time.Time
}

// Where a step is done, besides in the house as one of the cast.
const (
	terminal   = "-"
	mailPage   = "mail"
	itemsPage  = "servicenow/catalog/Hardware" // of the ServiceNow outside
	ordersPage = "servicenow/requests"
)

// scene is what happened since a story began. What an earlier step found, later
// ones look for.
type scene struct {
	demo     *demo
	records  []audit.Record // oldest first, of the names that stories look at
	people   map[string]id.Principal
	newcomer org.Person
	record   audit.Record // that is to be found and proven
	order    servicenow.Request
}

// first is the first record behind a time that fits.
func (s *scene) first(after time.Time, fits func(audit.Record) bool) audit.Record {
	for _, r := range s.records {
		if !r.At.Before(after) && fits(r) {
			return r
		}
	}
	return audit.Record{}
}

// args are what the sentences of a step may name.
func (s *scene) args() []any {
	name, email := s.newcomer.DisplayName, s.newcomer.Email
	if name == "" {
		name, email = "Eiji", "eiji@kaede.example"
	}
	return []any{"house", s.demo.house.URL(), "newcomer", name, "email", email, "record", string(s.record.ID), "number", s.number()}
}

// watched are the names of records that stories look at.
var watched = []string{
	"connection.made", "card.raised", "card.decided", "card.applied", "order.changed",
	"session.begun", "invitation.made", "invitation.accepted", "passkey.added", "audit.searched", "audit.read", "audit.exported",
}

// follower keeps the watched records of a house at hand.
type follower struct {
	house *house.House
	mu    sync.Mutex
	next  time.Time // where to look on; at first when the oldest story began
	known map[id.Record]bool
	kept  []audit.Record
}

// Bounds of what a follower keeps and of how far it looks back for records that
// were written at once.
const (
	keptMost = 5000
	overlap  = 5 * time.Second
)

// since returns the watched records of a time, oldest first.
func (f *follower) since(ctx context.Context, from time.Time) ([]audit.Record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fresh, err := f.house.Records(ctx, f.next)
	if err != nil {
		return nil, err
	}
	for _, r := range fresh {
		if !f.known[r.ID] && slices.Contains(watched, r.Name) {
			f.known[r.ID], f.kept = true, append(f.kept, r)
		}
	}
	slices.SortStableFunc(f.kept, func(a, b audit.Record) int { return a.At.Compare(b.At) })
	if over := len(f.kept) - keptMost; over > 0 {
		for _, gone := range f.kept[:over] {
			delete(f.known, gone.ID)
		}
		f.kept = slices.Delete(f.kept, 0, over)
	}
	if n := len(fresh); n > 0 {
		if back := fresh[n-1].At.Add(-overlap); back.After(f.next) {
			f.next = back
		}
	}
	at, _ := slices.BinarySearchFunc(f.kept, from, func(r audit.Record, t time.Time) int { return r.At.Compare(t) })
	return slices.Clone(f.kept[at:]), nil
}

// told is a story as far as it went: when each step happened, the zero time for
// those that did not yet.
type told struct {
	story
	scene *scene
	at    []time.Time
}

// next is the step to do now; len(Steps) when all are done.
func (t told) next() int {
	if i := slices.IndexFunc(t.at, time.Time.IsZero); i >= 0 {
		return i
	}
	return len(t.at)
}

// tell finds out how far a story went. A step counts behind the one before it.
func (d *demo) tell(ctx context.Context, s story) (told, error) {
	t := told{story: s, at: make([]time.Time, len(s.Steps))}
	begun := d.kept.began(s.Name)
	records, err := d.guide.follower.since(ctx, begun)
	if err != nil {
		return t, err
	}
	t.scene = &scene{demo: d, records: records, people: d.guide.people}
	after := begun
	for i, one := range s.Steps {
		at := one.Done(t.scene, after)
		if at.IsZero() {
			break
		}
		t.at[i], after = at, at
	}
	return t, nil
}

// person is somebody of the house, as they are now.
func (s *scene) person(ctx context.Context, who id.Principal) org.Person {
	p, err := s.demo.house.Register().Person(ctx, who.Person())
	if err != nil {
		return org.Person{} // deleted since: the step stays open
	}
	return p
}

package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Action is what happens to one object.
type Action string

// The actions. Rename may change fields too.
const (
	None   Action = "none"
	Create Action = "create"
	Update Action = "update"
	Rename Action = "rename"
	Delete Action = "delete"
)

// Step is one object's part of a plan.
type Step struct {
	Action      Action       `json:"action" doc:"What happens to it"`
	Kind        string       `json:"kind" doc:"Of the document"`
	Org         string       `json:"org,omitempty" doc:"Name of the organization"`
	Name        string       `json:"name" doc:"Of the object"`
	From        string       `json:"from,omitempty" doc:"The name before a rename"`
	File        string       `json:"file,omitempty" doc:"Of the document"`
	Line        int          `json:"line,omitempty" doc:"In the file, from 1"`
	Differences []Difference `json:"differences,omitempty" doc:"What changes in it"`
	// NeededBy are the first few objects that name what would be deleted and
	// stay; Needs counts all of them.
	NeededBy []string `json:"needed_by,omitempty" doc:"Of a deletion: the first objects that stay and name it"`
	Needs    int      `json:"needs,omitempty" doc:"Of a deletion: how many objects stay and name it"`
}

// Plan is what documents would change, in the order in which it is applied.
type Plan struct {
	Steps []Step `json:"steps" doc:"What happens, in that order"`
	// Digest names this plan: given to Apply, it makes sure that what was
	// shown is what is done.
	Digest string `json:"digest" doc:"Names this plan: send it to apply just that"`
	// Spared are objects that prune leaves alone because no apply has brought
	// them about, such as "Group kaede/sales".
	Spared []string `json:"spared,omitempty" doc:"What prune leaves alone because no apply has made it"`
	// Takes counts objects that are there as documents say, and that this apply
	// takes in hand.
	Takes int `json:"takes,omitempty" doc:"Objects that are there already and that the apply takes in hand"`
	// Held says that an apply waits until a second person has approved it.
	Held bool `json:"held,omitempty" doc:"An apply waits until a second person has approved it"`
	// ID names what was done, "" of a plan and of an apply that changed nothing.
	ID string `json:"id,omitempty" doc:"Of the apply; missing of a plan and where nothing changed"`
}

// Empty reports whether nothing would change.
func (p *Plan) Empty() bool { return p.Changes() == 0 }

// Changes counts the objects that change.
func (p *Plan) Changes() int {
	n := p.Counts()
	return n[Create] + n[Update] + n[Rename] + n[Delete]
}

// Counts counts the objects by what happens to them.
func (p *Plan) Counts() map[Action]int {
	counts := map[Action]int{}
	for _, s := range p.Steps {
		counts[s.Action]++
	}
	return counts
}

// Text writes the plan for a terminal: a sign, kind and name for each object
// that changes, its fields below, and a last line with the counts. say has the
// sentences of this package's words.
func (p *Plan) Text(say func(key string, args map[string]any) string) string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Action != None {
			s.write(&b, say)
		}
	}
	if n := len(p.Spared); n > 0 {
		b.WriteString(say("manifest.spared", map[string]any{"count": n, "first": strings.Join(p.Spared[:min(n, neededMost)], ", ")}) + "\n")
	}
	if p.Empty() {
		return b.String() + say("manifest.no-changes", nil) + "\n"
	}
	counts := map[string]any{}
	for _, action := range []Action{Create, Update, Rename, Delete} {
		counts[string(action)] = p.Counts()[action]
	}
	b.WriteString(say("manifest.counts", counts) + "\n")
	if p.Held {
		b.WriteString(say("manifest.held", nil) + "\n")
	}
	return b.String()
}

var signs = map[Action]string{Create: "+", Update: "~", Rename: ">", Delete: "-"}

// Sign is how a plan marks the action: + ~ > -, "" for none.
func (a Action) Sign() string { return signs[a] }

func (s Step) write(b *strings.Builder, say func(string, map[string]any) string) {
	fmt.Fprintf(b, "%s %s %s", signs[s.Action], s.Kind, s.title())
	if s.Action == Rename {
		b.WriteString(" " + say("manifest.renamed", map[string]any{"from": s.From}))
	}
	b.WriteString("\n")
	if s.Action == Delete {
		if s.Needs > 0 {
			b.WriteString("    " + say("manifest.needed", map[string]any{"count": s.Needs, "first": strings.Join(s.NeededBy, ", ")}) + "\n")
		}
		return
	}
	for _, d := range s.Differences {
		switch {
		case d.Before == "":
			fmt.Fprintf(b, "    %s: %s\n", d.Path, d.After)
		case d.After == "":
			fmt.Fprintf(b, "    %s: %s → \n", d.Path, d.Before)
		default:
			fmt.Fprintf(b, "    %s: %s → %s\n", d.Path, d.Before, d.After)
		}
	}
}

// title is the name as references write it across organizations.
func (s Step) title() string {
	if s.Org == "" {
		return s.Name
	}
	return s.Org + "/" + s.Name
}

// Options say how documents are taken.
type Options struct {
	// Prune deletes what the documents do not name: of the kinds, and in the
	// organizations, that they do name, and that an apply has brought about.
	Prune bool
	// By is who applies, or asks for a plan.
	By id.Principal
	// Door is the way on which the documents came: "socket", "api", "page".
	Door string
	// Digest refuses an apply whose plan has another digest; "" takes any.
	Digest string
	// Most is how many objects may change at once; 0 is any number. Everybody
	// else who writes waits meanwhile.
	Most int
	// Clock dates new identifiers.
	Clock clock.Clock
}

// Plan says what Apply would do, and with By tries it and takes it back: what a
// room refuses is said now. All that is wrong with the documents is one fault
// manifest-invalid, its fields sorted by file and line.
func (s *Set) Plan(ctx context.Context, st *store.Store, docs []Document, o Options) (*Plan, error) {
	a := s.attempt(docs, o)
	err := st.House().Read(ctx, func(v *store.View) error { return a.look(v) })
	if err != nil || o.By == "" || a.plan.Empty() {
		return a.plan, err
	}
	err = st.House().Within(o.limit()).Write(ctx, func(tx *store.Tx) store.End {
		err := tx.Lift(func(tx *store.Tx) error { // it is rolled back
			err := a.look(&tx.View)
			if err == nil {
				_, err = applyAll(tx, a.entries, o.By, true)
			}
			return err
		})
		return store.Abort(cmp.Or(err, errNothing))
	})
	if !errors.Is(err, errNothing) {
		return nil, err
	}
	return a.plan, nil
}

// errNothing ends a write that has nothing to write.
var errNothing = errors.New("manifest: no changes")

// applyMost bounds the one transaction of an apply; the number of objects is
// bounded too (Options.Most), so that it is a matter of seconds. Where nobody
// else waits it may take long.
const (
	applyMost = 30 * time.Second
	aloneMost = 30 * time.Minute
)

func (o Options) limit() time.Duration {
	if o.Most == 0 {
		return aloneMost
	}
	return applyMost
}

// Apply makes the documents true, all in one transaction with one event for
// each object that changes and one for the whole, or changes nothing. It
// returns what it did. A second Apply of the same documents does nothing.
// Secrets must have been resolved.
func (s *Set) Apply(ctx context.Context, st *store.Store, docs []Document, o Options) (*Plan, error) {
	if s.holder != nil {
		if held, err := s.hold(ctx, st, docs, o); held || err != nil {
			return nil, err
		}
	}
	a := s.attempt(docs, o)
	ready, err := a.prepare(ctx, st)
	if err != nil {
		return nil, err
	}
	err = st.House().Within(o.limit()).Write(ctx, func(tx *store.Tx) store.End {
		events, err := a.apply(tx, ready)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(events[0], events[1:]...)
	})
	if errors.Is(err, errNothing) {
		return a.plan, nil
	}
	if err != nil {
		return nil, err
	}
	s.applied(a.plan)
	return a.plan, nil
}

// apply is Apply in a write.
func (a *attempt) apply(tx *store.Tx, ready map[string]any) ([]store.Event, error) {
	if err := a.look(&tx.View); err != nil {
		return nil, err
	}
	if a.options.Digest != "" && a.options.Digest != a.plan.Digest {
		return nil, errPlanChanged
	}
	if a.set.holder != nil && !a.plan.Empty() && !tx.Lifted("apply") {
		return nil, store.ErrHeld
	}
	for _, e := range a.entries {
		e.ready = ready[e.id]
	}
	events, err := applyAll(tx, a.entries, a.options.By, false)
	if err != nil {
		return nil, err
	}
	return a.record(tx, events)
}

var errPlanChanged = fault.New(fault.Conflict, "manifest-plan-changed")

// applied is called after the commit.
func (s *Set) applied(p *Plan) {
	for _, k := range s.kinds {
		if slices.ContainsFunc(p.Steps, func(step Step) bool { return step.Kind == k.name() && step.Action != None }) {
			k.applied()
		}
	}
}

// attempt is one plan or apply, which may look several times.
type attempt struct {
	set     *Set
	docs    []Document
	options Options
	ids     []string // one for each document and one for the whole
	now     time.Time

	plan    *Plan
	entries []*entry
	managed ledger
	lives   map[lineKey]bool // lines whose object is there
	lost    []line           // lines whose object is gone and that prune forgets
}

func (s *Set) attempt(docs []Document, o Options) *attempt {
	c := o.Clock
	if c == nil {
		c = clock.System()
	}
	a := &attempt{set: s, docs: docs, options: o, ids: make([]string, len(docs)+1), now: c.Now()}
	for i := range a.ids { // before any transaction: a closure that runs again must use the same ones
		a.ids[i] = id.New[string](a.now)
	}
	return a
}

// look makes the plan as things are.
func (a *attempt) look(v *store.View) (err error) {
	p := planner{
		set: a.set, view: v, options: a.options, present: map[place][]object{}, taken: map[key]*entry{},
		leaving: map[key]bool{}, leaver: map[key]*entry{},
	}
	if p.managed, err = readLedger(v, kindsOf(a.docs)); err != nil {
		return err
	}
	if a.entries, err = p.run(a.docs, a.ids); err != nil {
		return err
	}
	a.managed = p.managed
	a.lives, a.lost = p.lives()
	a.plan = &Plan{Steps: []Step{}, Spared: p.spared}
	for _, e := range a.entries {
		a.plan.Steps = append(a.plan.Steps, e.step)
		if e.step.Action == None && !p.managed.has(e.step.Kind, e.org, e.id) {
			a.plan.Takes++
		}
	}
	if n := a.plan.Changes(); a.options.Most > 0 && n > a.options.Most {
		return fault.New(fault.Unmet, "manifest-too-many", "count", n, "limit", a.options.Most)
	}
	text, err := json.Marshal(a.plan.Steps)
	sum := sha256.Sum256(text)
	a.plan.Held = a.set.holder != nil && !a.plan.Empty()
	a.plan.Digest = hex.EncodeToString(sum[:])
	return err
}

// prepare does what must not happen inside of the transaction, for the objects
// that are to be made; by the identifier that each will have.
func (a *attempt) prepare(ctx context.Context, st *store.Store) (map[string]any, error) {
	if !slices.ContainsFunc(a.docs, func(d Document) bool {
		k := a.set.kind(text(d.Root.Get("kind")))
		return k != nil && k.prepares()
	}) {
		return nil, nil
	}
	if err := st.House().Read(ctx, a.look); err != nil {
		return nil, err
	}
	ready := map[string]any{}
	var problems yaml.Problems
	for _, e := range a.entries {
		if e.step.Action != Create || !e.kind.prepares() {
			continue
		}
		made, err := e.kind.prepare(ctx, e)
		if said(err) {
			problems = append(problems, e.refused(err)...)
		} else if err != nil {
			return nil, err
		}
		ready[e.id] = made
	}
	return ready, invalid(problems)
}

// said reports whether an error is a room's refusal, which belongs to a line.
func said(err error) bool {
	f := fault.As(err)
	return f != nil && f.Kind != fault.Broken && f.Kind != fault.Busy
}

// applyAll makes every change. What rooms refuse is gathered, without what only
// follows from another refusal.
func applyAll(tx *store.Tx, entries []*entry, by id.Principal, trial bool) ([]store.Event, error) {
	var events []store.Event
	var problems yaml.Problems
	failed := map[string]bool{}
	for _, e := range entries {
		if e.step.Action == None {
			continue
		}
		if len(problems) > 0 && e.leansOn(failed) {
			failed[e.ref()] = true
			continue
		}
		event, err := e.kind.apply(tx, e, by, trial)
		switch {
		case said(err):
			problems, failed[e.ref()] = append(problems, e.refused(err)...), true
		case err != nil && len(problems) > 0: // what follows from a refusal is not said
			return nil, invalid(problems)
		case err != nil:
			return nil, fmt.Errorf("apply %s %s: %w", e.step.Kind, e.step.title(), err)
		}
		events = append(events, event)
	}
	return events, invalid(problems)
}

// ref names the object among those that failed: of an organization by its
// identifier alone, since everything in it knows that.
func (e *entry) ref() string {
	if e.kind.organizations() {
		return e.id
	}
	return e.step.Kind + " " + e.id
}

// leansOn reports whether the object needs one that could not be made.
func (e *entry) leansOn(failed map[string]bool) bool {
	if failed[string(e.org)] {
		return true
	}
	if by := e.kind.namedBy(); by != "" && failed[by+" "+e.find(by, e.step.Name)] {
		return true
	}
	return slices.ContainsFunc(e.refs, func(ref Reference) bool {
		which := e.find(ref.Kind, ref.Name)
		return failed[which] || failed[ref.Kind+" "+which]
	})
}

// refused is what a room's rule said about a change, at the place of its
// document; a deletion has no place but its name.
func (e *entry) refused(err error) yaml.Problems {
	if e.step.Action != Delete {
		return placed(e.doc, err)
	}
	f := fault.As(err)
	return yaml.Problems{{File: e.step.Kind + " " + e.step.title(), Code: f.Code, Args: f.Args}}
}

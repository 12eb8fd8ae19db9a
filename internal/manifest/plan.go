package manifest

import (
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
}

// Plan is what documents would change, in the order in which it is applied.
type Plan struct {
	Steps []Step `json:"steps" doc:"What happens, in that order"`
	// Digest names this plan: given to Apply, it makes sure that what was
	// shown is what is done.
	Digest string `json:"digest" doc:"Names this plan: send it to apply just that"`
}

// Empty reports whether nothing would change.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Action != None })
}

// Text writes the plan for a terminal: a sign, kind and name for each object
// that changes, its fields below, and a last line with the counts. say has the
// sentences of this package's words.
func (p *Plan) Text(say func(key string, args map[string]any) string) string {
	if p.Empty() {
		return say("manifest.no-changes", nil) + "\n"
	}
	counts := map[string]any{}
	for _, action := range []Action{Create, Update, Rename, Delete} {
		counts[string(action)] = 0
	}
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Action == None {
			continue
		}
		counts[string(s.Action)] = counts[string(s.Action)].(int) + 1
		s.write(&b, say)
	}
	b.WriteString(say("manifest.counts", counts) + "\n")
	return b.String()
}

var signs = map[Action]string{Create: "+", Update: "~", Rename: ">", Delete: "-"}

func (s Step) write(b *strings.Builder, say func(string, map[string]any) string) {
	fmt.Fprintf(b, "%s %s %s", signs[s.Action], s.Kind, s.title())
	if s.Action == Rename {
		b.WriteString(" " + say("manifest.renamed", map[string]any{"from": s.From}))
	}
	b.WriteString("\n")
	if s.Action == Delete {
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
	// organizations, that they do name.
	Prune bool
	// By is who applies.
	By id.Principal
	// Digest refuses an apply whose plan has another digest; "" takes any.
	Digest string
	// Clock dates new identifiers.
	Clock clock.Clock
}

// Plan says what Apply would do. All that is wrong with the documents is one
// fault manifest-invalid, its fields sorted by file and line.
func (s *Set) Plan(ctx context.Context, st *store.Store, docs []Document, o Options) (*Plan, error) {
	var plan *Plan
	err := st.House().Read(ctx, func(v *store.View) (err error) {
		plan, _, err = s.plan(v, docs, o, fresh(docs, o))
		return err
	})
	return plan, err
}

// errNothing ends a write that has nothing to write.
var errNothing = errors.New("manifest: no changes")

// applyMost bounds the one transaction of an apply: some ten thousand objects.
const applyMost = 10 * time.Second

// Apply makes the documents true, all in one transaction with one event for
// each object that changes, or changes nothing. It returns what it did. A second Apply
// of the same documents does nothing. Secrets must have been resolved.
func (s *Set) Apply(ctx context.Context, st *store.Store, docs []Document, o Options) (*Plan, error) {
	ids := fresh(docs, o)
	ready, err := s.prepare(ctx, st, docs, o, ids)
	if err != nil {
		return nil, err
	}
	var plan *Plan
	err = st.House().Within(applyMost).Write(ctx, func(tx *store.Tx) store.End {
		var entries []*entry
		var err error
		if plan, entries, err = s.plan(&tx.View, docs, o, ids); err != nil {
			return store.Abort(err)
		}
		if o.Digest != "" && o.Digest != plan.Digest {
			return store.Abort(fault.New(fault.Conflict, "manifest-plan-changed"))
		}
		for _, e := range entries {
			e.ready = ready[e.id]
		}
		events, err := applyAll(tx, entries, o.By)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(events[0], events[1:]...)
	})
	if errors.Is(err, errNothing) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// prepare does what must not happen inside of the transaction, for the objects
// that are to be made; by the identifier that each will have.
func (s *Set) prepare(ctx context.Context, st *store.Store, docs []Document, o Options, ids []string) (map[string]any, error) {
	if !slices.ContainsFunc(docs, func(d Document) bool {
		k := s.kind(text(d.Root.Get("kind")))
		return k != nil && k.prepares()
	}) {
		return nil, nil
	}
	var entries []*entry
	err := st.House().Read(ctx, func(v *store.View) (err error) {
		_, entries, err = s.plan(v, docs, o, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	ready := map[string]any{}
	var problems yaml.Problems
	for _, e := range entries {
		if e.step.Action != Create || !e.kind.prepares() {
			continue
		}
		made, err := e.kind.prepare(ctx, e)
		if f := fault.As(err); f != nil && f.Kind != fault.Broken && f.Kind != fault.Busy {
			problems = append(problems, e.refused(err)...)
		} else if err != nil {
			return nil, err
		}
		ready[e.id] = made
	}
	return ready, invalid(problems)
}

func applyAll(tx *store.Tx, entries []*entry, by id.Principal) ([]store.Event, error) {
	var events []store.Event
	for _, e := range entries {
		if e.step.Action == None {
			continue
		}
		event, err := e.kind.apply(tx, e, by)
		if f := fault.As(err); f != nil && f.Kind != fault.Broken && f.Kind != fault.Busy {
			return nil, invalid(e.refused(err))
		}
		if err != nil {
			return nil, fmt.Errorf("apply %s %s: %w", e.step.Kind, e.step.title(), err)
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		return nil, errNothing
	}
	return events, nil
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

// fresh makes an identifier for each document, before any transaction: a
// closure that runs again must use the same ones.
func fresh(docs []Document, o Options) []string {
	c := o.Clock
	if c == nil {
		c = clock.System()
	}
	ids := make([]string, len(docs))
	for i := range ids {
		ids[i] = id.New[string](c.Now())
	}
	return ids
}

func (s *Set) plan(v *store.View, docs []Document, o Options, ids []string) (*Plan, []*entry, error) {
	p := planner{set: s, view: v, options: o, present: map[place][]object{}, taken: map[key]*entry{}, leaving: map[key]bool{}}
	entries, err := p.run(docs, ids)
	if err != nil {
		return nil, nil, err
	}
	plan := &Plan{Steps: []Step{}}
	for _, e := range entries {
		plan.Steps = append(plan.Steps, e.step)
	}
	text, err := json.Marshal(plan.Steps)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(text)
	plan.Digest = hex.EncodeToString(sum[:])
	return plan, entries, nil
}

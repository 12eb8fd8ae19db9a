package manifest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Definition is how a capability joins. S is the struct of its spec, with yaml
// tags; every optional field should carry omitempty.
type Definition[S any] struct {
	// Name is the kind's name: "Notice".
	Name string
	// InOrg: objects belong to an organization, and documents name it.
	InOrg bool
	// Organizations: the objects are the organizations that others belong to;
	// their ids are id.Org.
	Organizations bool
	// NamedBy is the kind whose names those of this kind are: a Member has the
	// login of its Person. Such an object is there only with the other, and is
	// renamed with it.
	NamedBy string
	// Thing is the word before the colon in what the witness is told of such an
	// object: "person", as in person:ID.
	Thing string
	// After names kinds whose objects must be there before; those of this kind
	// are deleted before them.
	After []string
	// Default fills a fresh spec before a document is decoded into it; may be nil.
	Default func(spec *S)
	// Check holds a decoded object to the rules of its room, and brings the
	// spec into the form in which Load gives it. A fault's fields have paths
	// within spec, or the path "name". May be nil.
	Check func(name string, spec *S) error
	// References says which objects the spec names; may be nil.
	References func(spec *S) []Reference
	// Load returns all objects of the organization, or of the house.
	Load func(v *store.View, org id.Org) ([]Object[S], error)
	// Prepare does the slow work for an object that is to be made, such as
	// hashing a password, before the transaction. What it returns is
	// Change.Ready. May be nil.
	Prepare func(ctx context.Context, name string, spec *S) (any, error)
	// Apply makes one change and returns what the witness is told; By and Org
	// are filled in. It runs inside a write closure: it may run again.
	Apply func(tx *store.Tx, change Change[S]) (store.Event, error)
	// Applied is told after a commit that changed objects of this kind; may be
	// nil.
	Applied func()
}

// Object is something that is there.
type Object[S any] struct {
	ID      string
	Name    string
	Version int64 // as the room counts it; handed back in a Change
	Spec    S
}

// Reference is the name of another object in a spec: NAME in the same
// organization, or ORG/NAME. Path is where in spec it stands.
type Reference struct{ Kind, Name, Path string }

// Change is one object's change.
type Change[S any] struct {
	Action Action
	ID     string // of the object; made beforehand for Create
	Org    id.Org
	Name   string
	From   string // the name before, for Rename
	Before S      // zero for Create
	After  S      // zero for Delete; a Secret that keeps says so
	By     id.Principal
	// Version is that of the object when the plan was made, in this same
	// transaction; 0 for Create.
	Version int64
	// Find returns the identifier of the object that a name in the spec means,
	// "" if no document makes it and it is not there.
	Find  func(kind, name string) string
	Ready any // what Prepare returned for Create; nil otherwise, and if it appeared only since
	// Trial: the change is only tried and rolled back, without what Prepare
	// makes.
	Trial bool
}

// Kind is a Definition whose type of spec is hidden.
type Kind interface {
	name() string
	inOrg() bool
	organizations() bool
	namedBy() string
	thing() string
	after() []string
	applied()
	secrets(spec *yaml.Node) map[string]Secret
	decode(name string, doc Document) (spec any, refs []Reference, problems yaml.Problems)
	load(v *store.View, org id.Org) ([]object, error)
	prepares() bool
	prepare(ctx context.Context, e *entry) (any, error)
	diff(before, after any) ([]Difference, map[string]string, error)
	plain(spec any) (map[string]string, error)
	apply(tx *store.Tx, e *entry, by id.Principal, trial bool) (store.Event, error)
	export(spec any) (*yaml.Node, error)
	references(spec any) []Reference
}

type object struct {
	id, name string
	version  int64
	spec     any // *S
}

type kind[S any] struct{ d Definition[S] }

// Define makes a kind of its definition.
func Define[S any](d Definition[S]) Kind { return kind[S]{d} }

func (k kind[S]) name() string        { return k.d.Name }
func (k kind[S]) inOrg() bool         { return k.d.InOrg }
func (k kind[S]) organizations() bool { return k.d.Organizations }
func (k kind[S]) namedBy() string     { return k.d.NamedBy }
func (k kind[S]) thing() string       { return k.d.Thing }
func (k kind[S]) after() []string     { return k.d.After }

func (k kind[S]) applied() {
	if k.d.Applied != nil {
		k.d.Applied()
	}
}

func (k kind[S]) fresh() *S {
	spec := new(S)
	if k.d.Default != nil {
		k.d.Default(spec)
	}
	return spec
}

// secrets decodes as far as it goes: errors are for decode to say.
func (k kind[S]) secrets(n *yaml.Node) map[string]Secret {
	spec := k.fresh()
	_ = yaml.Decode(n, spec)
	return secretsOf(spec)
}

func secretsOf(spec any) map[string]Secret {
	out := map[string]Secret{}
	yaml.Walk(spec, func(path string, field any) bool {
		s, ok := field.(*Secret)
		if ok && !s.IsZero() {
			out[path] = *s
		}
		return ok
	})
	return out
}

func (k kind[S]) decode(name string, doc Document) (any, []Reference, yaml.Problems) {
	spec := k.fresh()
	n := doc.Root.Get("spec")
	if n == nil {
		n = &yaml.Node{Kind: yaml.Map, File: doc.File, Line: doc.Root.Line}
	}
	problems := gather(nil, yaml.DecodeAt(n, "spec", spec))
	if len(problems) == 0 && k.d.Check != nil {
		problems = placed(doc, k.d.Check(name, spec))
	}
	if len(problems) > 0 || k.d.References == nil {
		return spec, nil, problems
	}
	return spec, k.d.References(spec), nil
}

// placed finds the lines of what a room refused.
func placed(doc Document, err error) yaml.Problems {
	f := fault.As(err)
	if f == nil && err != nil {
		f = fault.New(fault.Invalid, yaml.CodeValue, "reason", err.Error())
	}
	if f == nil {
		return nil
	}
	if len(f.Fields) == 0 {
		return yaml.Problems{{File: doc.File, Line: doc.Root.Line, Code: f.Code, Args: f.Args}}
	}
	var out yaml.Problems
	for _, field := range f.Fields {
		path := "spec." + field.Path
		if field.Path == "name" && doc.Root.Get("spec").Get("name") == nil {
			path = "name"
		}
		out = append(out, yaml.Problem{File: doc.File, Line: doc.Root.LineOf(path), Path: path, Code: field.Code, Args: field.Args})
	}
	return out
}

func (k kind[S]) prepares() bool { return k.d.Prepare != nil }

func (k kind[S]) prepare(ctx context.Context, e *entry) (any, error) {
	return k.d.Prepare(ctx, e.step.Name, e.after.(*S))
}

func (k kind[S]) load(v *store.View, org id.Org) ([]object, error) {
	objects, err := k.d.Load(v, org)
	if err != nil {
		return nil, fmt.Errorf("load kind %s: %w", k.d.Name, err)
	}
	out := make([]object, len(objects))
	for i := range objects {
		out[i] = object{objects[i].ID, objects[i].Name, objects[i].Version, &objects[i].Spec}
	}
	slices.SortFunc(out, func(a, b object) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// diff compares two specs, either of which may be nil. The second result is
// what is wrong with the secrets, by path. A secret of after that need not be
// written becomes one that keeps.
func (k kind[S]) diff(before, after any) ([]Difference, map[string]string, error) {
	old, err := flat(before)
	if err != nil {
		return nil, nil, err
	}
	fresh, err := flat(after)
	if err != nil {
		return nil, nil, err
	}
	bad := map[string]string{}
	if after != nil {
		diffSecrets(before, after, old, fresh, bad)
	}
	var out []Difference
	for _, path := range paths(old, fresh) {
		if old[path] != fresh[path] {
			out = append(out, Difference{path, old[path], strings.TrimSuffix(fresh[path], changedSecret)})
		}
	}
	return out, bad, nil
}

// plain are the fields of a spec by path, without secrets.
func (k kind[S]) plain(spec any) (map[string]string, error) {
	fields, err := flat(spec)
	for path := range secretsOf(spec) {
		delete(fields, path)
	}
	return fields, err
}

// changedSecret tells a secret that becomes another from one that stays.
const changedSecret = "\x00"

func diffSecrets(before, after any, old, fresh, bad map[string]string) {
	present := map[string]Secret{}
	if before != nil {
		present = secretsOf(before)
	}
	for path, s := range present {
		if s.there && s.matches == nil { // applied at creation only: whatever is said is no difference
			delete(old, path)
			delete(fresh, path)
		}
	}
	yaml.Walk(after, func(path string, field any) bool {
		s, ok := field.(*Secret)
		if !ok || s.IsZero() {
			return ok
		}
		was := present[path]
		changed, code := s.differs(was)
		switch {
		case code != "":
			bad[path] = code
		case !changed:
			*s = Secret{keep: true}
		case !was.IsZero():
			old[path], fresh[path] = secret.Redacted, secret.Redacted+changedSecret
		}
		return true
	})
}

func (k kind[S]) apply(tx *store.Tx, e *entry, by id.Principal, trial bool) (store.Event, error) {
	c := Change[S]{
		Action: e.step.Action, ID: e.id, Org: e.org, Name: e.step.Name, From: e.step.From, By: by, Version: e.version,
		Find: e.find, Ready: e.ready, Trial: trial,
	}
	if e.before != nil {
		c.Before = *e.before.(*S)
	}
	if e.after != nil {
		c.After = *e.after.(*S)
	}
	event, err := k.d.Apply(tx, c)
	if event.By = by; e.org != "" {
		event.Org = e.org
	}
	return event, err
}

// export leaves out what is not there, or is not said.
func (k kind[S]) export(spec any) (*yaml.Node, error) {
	n, err := yaml.ToNode(spec)
	if err == nil {
		n.Fields = slices.DeleteFunc(n.Fields, func(f yaml.Field) bool { return f.Value.Kind == yaml.Null })
	}
	return n, err
}

func (k kind[S]) references(spec any) []Reference {
	if k.d.References == nil {
		return nil
	}
	return k.d.References(spec.(*S))
}

package manifest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// key names an object: kind, organization by name, name.
type key struct{ kind, org, name string }

// place is where objects of a kind are.
type place struct{ kind, org string }

// entry is one object on its way through a plan.
type entry struct {
	kind   Kind
	step   Step
	id     string
	org    id.Org
	before any // *S
	after  any // *S
	doc    Document
	refs   []Reference
	from   string // renamed_from
	moves  bool   // what is there under from gets this name
	ready  any    // what Prepare made

	version int64
	find    func(kind, name string) string
}

func (e *entry) key() key { return key{e.step.Kind, e.step.Org, e.step.Name} }

type planner struct {
	set      *Set
	view     *store.View
	options  Options
	orgs     map[string]id.Org
	present  map[place][]object
	taken    map[key]*entry // by what the documents name
	leaving  map[key]bool   // names that are renamed or deleted
	leaver   map[key]*entry // by the name that is renamed
	managed  ledger         // what applies have brought about
	spared   []string       // what prune leaves, because no apply made it
	problems yaml.Problems
}

// envelope is what every document has.
type envelope struct {
	Kind        string `yaml:"kind,required"`
	Org         string `yaml:"org"`
	Name        string `yaml:"name,required"`
	RenamedFrom string `yaml:"renamed_from"`
	Spec        raw    `yaml:"spec"`
}

// raw leaves the spec for its kind to read.
type raw struct{}

// UnmarshalNode takes anything.
func (raw) UnmarshalNode(*yaml.Node) error { return nil }

func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func (p *planner) run(docs []Document, ids []string) ([]*entry, error) {
	var entries []*entry
	for i, doc := range docs {
		if e := p.envelope(doc, ids[i]); e != nil {
			entries = append(entries, e)
		}
	}
	if err := p.load(entries, false); err != nil {
		return nil, err
	}
	p.derive(entries)
	for _, e := range entries {
		if err := p.compare(e); err != nil {
			return nil, err
		}
	}
	for _, e := range entries {
		if by := e.kind.namedBy(); by != "" && e.before == nil { // such an object is known by the other's identifier
			e.id = p.idOf(key{by, "", e.step.Name})
		}
	}
	gone, err := p.prune(entries)
	if err != nil {
		return nil, err
	}
	for _, e := range gone {
		p.leaving[e.key()] = true
	}
	for _, e := range entries {
		p.references(e)
	}
	p.circles(entries)
	if err := invalid(p.problems); err != nil {
		return nil, err
	}
	p.neededBy(gone)
	return append(p.order(entries), gone...), nil
}

// refuse notes a problem at a field of the document.
func (p *planner) refuse(doc Document, path, code string, pairs ...any) {
	p.problems = append(p.problems, yaml.Problem{
		File: doc.File, Line: doc.Root.LineOf(path), Path: path, Code: code, Args: fault.Pairs(pairs...),
	})
}

// envelope reads one document up to its spec, and the spec. nil stands for a
// document that cannot be taken further.
func (p *planner) envelope(doc Document, fresh string) *entry {
	if doc.Root == nil {
		p.problems = append(p.problems, yaml.Problem{File: doc.File, Code: yaml.CodeSyntax, Args: fault.Args{"reason": "no document"}})
		return nil
	}
	var in envelope
	if problems := gather(nil, yaml.Decode(doc.Root, &in)); len(problems) > 0 {
		p.problems = append(p.problems, problems...)
		return nil
	}
	k := p.set.kind(in.Kind)
	if k == nil {
		p.refuse(doc, "kind", codeKindUnknown, "kind", in.Kind, "known", strings.Join(p.set.Names(), ", "))
		return nil
	}
	e := &entry{kind: k, id: fresh, doc: doc, from: in.RenamedFrom, step: Step{
		Action: Create, Kind: in.Kind, Org: in.Org, Name: in.Name, File: doc.File, Line: doc.Root.Line,
	}}
	e.find = func(kind, name string) string { return p.idOf(p.target(e, Reference{Kind: kind, Name: name})) }
	if !p.named(e) {
		return nil
	}
	var problems yaml.Problems
	e.after, e.refs, problems = k.decode(in.Name, doc)
	p.problems = append(p.problems, problems...)
	return e
}

// named checks organization and name.
func (p *planner) named(e *entry) bool {
	before := len(p.problems)
	switch {
	case e.kind.inOrg() && e.step.Org == "":
		p.refuse(e.doc, "org", codeOrgMissing, "kind", e.step.Kind)
	case !e.kind.inOrg() && e.step.Org != "":
		p.refuse(e.doc, "org", codeOrgRefused, "kind", e.step.Kind)
	}
	if !nameable(e.step.Name) {
		p.refuse(e.doc, "name", codeName, "name", e.step.Name)
	}
	if e.from != "" && (!nameable(e.from) || e.from == e.step.Name) {
		p.refuse(e.doc, "renamed_from", codeName, "name", e.from)
	}
	if first := p.taken[e.key()]; first != nil {
		p.refuse(e.doc, "name", codeTwice, "kind", e.step.Kind, "name", e.step.title(),
			"first", yaml.Problem{File: first.step.File, Line: first.step.Line}.Place())
	} else {
		p.taken[e.key()] = e
	}
	return len(p.problems) == before
}

// nameable reports whether a name can stand in a reference and on a terminal.
// The kind's own rules are narrower.
func nameable(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= 128 && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) })
}

// needs are the kinds and organizations that documents name or refer to; nil
// maps stand for all.
func (p *planner) needs(entries []*entry) (kinds, orgs map[string]bool) {
	kinds, orgs = map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		kinds[e.step.Kind], orgs[e.step.Org] = true, true
		kinds[e.kind.namedBy()] = true
		for _, ref := range e.refs {
			to := p.target(e, ref)
			kinds[to.kind], orgs[to.org] = true, true
		}
	}
	return kinds, orgs
}

// load finds the organizations, those that the documents make included, and
// all that is there of every kind that matters: with whole, of every kind.
func (p *planner) load(entries []*entry, whole bool) error {
	p.orgs = map[string]id.Org{}
	kinds, orgs := p.needs(entries)
	everywhere := false
	if p.options.Prune { // what would be deleted is shown with what needs it
		for _, k := range p.set.kinds {
			everywhere = everywhere || kinds[k.name()] && !k.inOrg()
			kinds[k.name()] = true
		}
	}
	for _, k := range p.set.kinds {
		if k.inOrg() || !whole && !kinds[k.name()] && !k.organizations() {
			continue
		}
		if err := p.loadPlace(k, "", ""); err != nil {
			return err
		}
		if k.organizations() {
			p.findOrgs(k, entries)
		}
	}
	for _, k := range p.set.kinds {
		for name, org := range p.orgs {
			if !k.inOrg() || !whole && !kinds[k.name()] {
				break
			}
			if !whole && !everywhere && !orgs[name] {
				continue
			}
			if err := p.loadPlace(k, name, org); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *planner) loadPlace(k Kind, name string, org id.Org) error {
	objects, err := k.load(p.view, org)
	p.present[place{k.name(), name}] = objects
	return err
}

// findOrgs names the organizations as they will be, the new ones included.
func (p *planner) findOrgs(k Kind, entries []*entry) {
	var mine []*entry
	for _, e := range entries {
		if e.step.Kind == k.name() {
			mine = append(mine, e)
		}
	}
	p.rename(mine)
	for _, o := range p.present[place{k.name(), ""}] {
		name := o.name
		if e := p.leaver[key{k.name(), "", name}]; e != nil {
			name = e.step.Name
		}
		p.orgs[name] = id.Org(o.id)
	}
	for _, e := range mine {
		if p.orgs[e.step.Name] == "" {
			p.orgs[e.step.Name] = id.Org(e.id)
		}
	}
}

func (p *planner) find(kind, org, name string) *object {
	objects := p.present[place{kind, org}]
	i, found := slices.BinarySearchFunc(objects, name, func(o object, name string) int { return strings.Compare(o.name, name) })
	if !found {
		return nil
	}
	return &objects[i]
}

// compare decides what happens to a document's object.
func (p *planner) compare(e *entry) error {
	if e.step.Org != "" {
		org, known := p.orgs[e.step.Org]
		if !known {
			p.refuse(e.doc, "org", codeOrgUnknown, "org", e.step.Org)
			return nil
		}
		e.org = org
	}
	present := p.find(e.step.Kind, e.step.Org, e.step.Name)
	if e.moves {
		present = p.find(e.step.Kind, e.step.Org, e.from)
	}
	if present != nil {
		e.id, e.before, e.version = present.id, present.spec, present.version
	}
	differences, bad, err := e.kind.diff(e.before, e.after)
	if err != nil {
		return err
	}
	for path, code := range bad {
		p.refuse(e.doc, "spec."+path, code, "name", path)
	}
	e.step.Differences = differences
	switch {
	case e.step.From != "":
		e.step.Action = Rename
	case present != nil && len(differences) > 0:
		e.step.Action = Update
	case present != nil:
		e.step.Action = None
	}
	return nil
}

// orgNames returns the organizations in which a kind has objects, sorted; ""
// is the house.
func (p *planner) orgNames(k Kind) []string {
	if !k.inOrg() {
		return []string{""}
	}
	var names []string
	for name := range p.orgs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

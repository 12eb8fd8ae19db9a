package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// references checks that what a spec names will be there.
func (p *planner) references(e *entry) {
	if by := e.kind.namedBy(); by != "" && !p.willBe(key{by, "", e.step.Name}) {
		p.refuse(e.doc, "name", codeReference, "kind", by, "name", e.step.Name)
	}
	for _, ref := range e.refs {
		to := p.target(e, ref)
		if p.set.kind(ref.Kind) != nil && !p.willBe(to) {
			p.refuse(e.doc, e.where(ref), codeReference, "kind", ref.Kind, "name", ref.Name)
		}
	}
}

func (p *planner) willBe(to key) bool {
	return p.taken[to] != nil || !p.leaving[to] && p.find(to.kind, to.org, to.name) != nil
}

// where is the path of a reference in the document: of a list, the item.
func (e *entry) where(ref Reference) string {
	path := "spec." + ref.Path
	n := e.doc.Root
	for name := range strings.SplitSeq(path, ".") {
		n = n.Get(name)
	}
	if n != nil {
		if i := slices.IndexFunc(n.Items, func(item *yaml.Node) bool { return item.Text == ref.Name }); i >= 0 {
			return fmt.Sprintf("%s[%d]", path, i)
		}
	}
	return path
}

// idOf is the identifier of what a name means, as the documents have it.
func (p *planner) idOf(to key) string {
	if e := p.taken[to]; e != nil {
		return e.id
	}
	if o := p.find(to.kind, to.org, to.name); o != nil {
		return o.id
	}
	return ""
}

func (p *planner) target(e *entry, ref Reference) key {
	to := key{ref.Kind, e.step.Org, ref.Name}
	if org, name, across := strings.Cut(ref.Name, "/"); across {
		to.org, to.name = org, name
	}
	if k := p.set.kind(ref.Kind); k != nil && !k.inOrg() {
		to.org = ""
	}
	return to
}

// order sorts by kind, organization and name, but puts what is referred to
// before what refers to it.
func (p *planner) order(entries []*entry) []*entry {
	rank := map[string]int{}
	for i, name := range p.set.Names() {
		rank[name] = i
	}
	slices.SortFunc(entries, func(a, b *entry) int {
		if a.step.Kind != b.step.Kind {
			return rank[a.step.Kind] - rank[b.step.Kind]
		}
		return strings.Compare(a.step.title(), b.step.title())
	})
	var out []*entry
	seen := map[*entry]bool{}
	var visit func(e *entry)
	visit = func(e *entry) {
		if seen[e] {
			return
		}
		seen[e] = true
		if e.moves && p.leaver[e.key()] != nil {
			visit(p.leaver[e.key()]) // its name must be free
		}
		for _, ref := range e.refs {
			if to := p.taken[p.target(e, ref)]; to != nil && to.step.Kind == e.step.Kind {
				visit(to)
			}
		}
		out = append(out, e)
	}
	for _, e := range entries {
		visit(e)
	}
	return out
}

// circles refuses objects that would lead back to themselves by what they say:
// no room has a use for a group in itself, or a manager of their own manager.
func (p *planner) circles(entries []*entry) {
	w := walker{p: p, state: map[key]int{}}
	for _, e := range entries {
		w.walk(e.key())
	}
}

type walker struct {
	p     *planner
	state map[key]int // 1: on the way, 2: done
	way   []key
}

func (w *walker) walk(at key) {
	w.state[at] = 1
	w.way = append(w.way, at)
	for _, ref := range w.p.refsOf(at) {
		to := w.p.target(&entry{step: Step{Kind: at.kind, Org: at.org}}, ref)
		switch {
		case to.kind != at.kind:
		case w.state[to] == 1:
			w.say(to)
		case w.state[to] == 0:
			w.walk(to)
		}
	}
	w.way = w.way[:len(w.way)-1]
	w.state[at] = 2
}

// say tells of a circle at the last document on it.
func (w *walker) say(to key) {
	circle := append(slices.Clone(w.way[slices.Index(w.way, to):]), to)
	names := make([]string, len(circle))
	for i, at := range circle {
		names[i] = at.name
	}
	for i := len(circle) - 2; i >= 0; i-- {
		e := w.p.taken[circle[i]]
		if e == nil {
			continue
		}
		j := slices.IndexFunc(e.refs, func(ref Reference) bool { return w.p.target(e, ref) == circle[i+1] })
		w.p.refuse(e.doc, e.where(e.refs[j]), codeCircle, "kind", e.step.Kind, "circle", strings.Join(names, " → "))
		return
	}
}

// refsOf are the references of an object as it will be.
func (p *planner) refsOf(at key) []Reference {
	if e := p.taken[at]; e != nil {
		return e.refs
	}
	if o := p.find(at.kind, at.org, at.name); o != nil {
		return p.set.kind(at.kind).references(o.spec)
	}
	return nil
}

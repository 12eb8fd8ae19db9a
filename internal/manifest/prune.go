package manifest

import (
	"fmt"
	"slices"
)

// prune lists what the documents do not name, kinds in reverse order: of the
// kinds, and in the organizations, that they do name, and only what an apply
// has brought about or taken in hand. What somebody made in the console stays.
func (p *planner) prune(entries []*entry) ([]*entry, error) {
	if !p.options.Prune {
		return nil, nil
	}
	places, keep := map[place]bool{}, map[key]bool{}
	for _, e := range entries {
		places[place{e.step.Kind, e.step.Org}] = true
		keep[e.key()] = true
		keep[key{e.step.Kind, e.step.Org, e.step.From}] = true
	}
	var gone []*entry
	for _, k := range slices.Backward(p.set.kinds) {
		for _, org := range p.orgNames(k) {
			for _, o := range p.present[place{k.name(), org}] {
				if !places[place{k.name(), org}] || keep[key{k.name(), org, o.name}] {
					continue
				}
				if !p.managed.has(k.name(), p.orgs[org], o.id) {
					p.spared = append(p.spared, k.name()+" "+Step{Org: org, Name: o.name}.title())
					continue
				}
				differences, _, err := k.diff(o.spec, nil)
				if err != nil {
					return nil, err
				}
				gone = append(gone, &entry{kind: k, id: o.id, org: p.orgs[org], version: o.version, before: o.spec, refs: k.references(o.spec), step: Step{
					Action: Delete, Kind: k.name(), Org: org, Name: o.name, Differences: differences,
				}})
			}
		}
	}
	return p.leave(gone), nil
}

// leave puts what refers to others of its kind before them: what is referred to
// goes last.
func (p *planner) leave(gone []*entry) []*entry {
	at, referrers := map[key]*entry{}, map[*entry][]*entry{}
	for _, e := range gone {
		at[e.key()] = e
	}
	for _, e := range gone {
		e.find = func(kind, name string) string { return p.idOf(p.target(e, Reference{Kind: kind, Name: name})) }
		for _, ref := range e.refs {
			if to := at[p.target(e, ref)]; to != nil && to.step.Kind == e.step.Kind {
				referrers[to] = append(referrers[to], e)
			}
		}
	}
	var out []*entry
	seen := map[*entry]bool{}
	var visit func(e *entry)
	visit = func(e *entry) {
		if seen[e] {
			return
		}
		seen[e] = true
		for _, one := range referrers[e] {
			visit(one)
		}
		out = append(out, e)
	}
	for _, e := range gone {
		visit(e)
	}
	return out
}

// neededMost is how many objects are named that need what would be deleted.
const neededMost = 10

// neededBy says, for each deletion, what else names the object: it loses it, or
// the room refuses. What is deleted too is left out.
func (p *planner) neededBy(gone []*entry) {
	if len(gone) == 0 {
		return
	}
	at := map[key]*entry{}
	for _, e := range gone {
		at[e.key()] = e
	}
	for _, k := range p.set.kinds {
		for _, org := range p.orgNames(k) {
			for _, o := range p.present[place{k.name(), org}] {
				me := &entry{kind: k, step: Step{Kind: k.name(), Org: org, Name: o.name}}
				if at[me.key()] != nil {
					continue
				}
				spec := o.spec
				if e := p.taken[me.key()]; e != nil {
					spec = e.after
				}
				for _, to := range p.needsOf(me, spec) {
					if e := at[to]; e != nil {
						e.need(me.step)
					}
				}
			}
		}
	}
}

// needsOf are the objects without which one cannot be as it is.
func (p *planner) needsOf(e *entry, spec any) []key {
	var all []key
	for _, ref := range e.kind.references(spec) {
		all = append(all, p.target(e, ref))
	}
	if by := e.kind.namedBy(); by != "" {
		all = append(all, key{by, "", e.step.Name})
	}
	if e.step.Org != "" {
		for _, k := range p.set.kinds {
			if k.organizations() {
				all = append(all, key{k.name(), "", e.step.Org})
			}
		}
	}
	return slices.Compact(all)
}

func (e *entry) need(by Step) {
	e.step.Needs++
	if len(e.step.NeededBy) < neededMost {
		e.step.NeededBy = append(e.step.NeededBy, fmt.Sprint(by.Kind, " ", by.title()))
	}
}

// lives tells the lines of the ledger whose object is there, and those that
// prune forgets because nobody names them any more.
func (p *planner) lives() (there map[lineKey]bool, lost []line) {
	there = map[lineKey]bool{}
	for at, objects := range p.present {
		for _, o := range objects {
			there[lineKey{at.kind, p.orgs[at.org], o.id}] = true
		}
	}
	named := map[place]bool{}
	for k := range p.taken {
		named[place{k.kind, k.org}] = true
	}
	for _, l := range p.managed {
		if p.options.Prune && !there[l.key()] && named[place{l.kind, l.orgName}] && p.taken[key{l.kind, l.orgName, l.name}] == nil {
			lost = append(lost, l)
		}
	}
	return there, lost
}

package manifest

import (
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// rename decides which documents of one kind rename what is there. Once
// renamed, renamed_from says nothing more. Names may follow each other (b
// becomes c, a becomes b) but not change places: a document that is applied
// twice would change them back.
func (p *planner) rename(entries []*entry) {
	from := map[key]*entry{}
	for _, e := range entries {
		if e.from == "" || p.find(e.step.Kind, e.step.Org, e.from) == nil {
			continue
		}
		old := key{e.step.Kind, e.step.Org, e.from}
		if first := from[old]; first != nil {
			p.refuse(e.doc, "renamed_from", codeRenameTwice, "from", e.from, "first", first.place())
			continue
		}
		from[old] = e
	}
	seen := map[*entry]bool{}
	for _, e := range entries {
		if before := p.taken[key{e.step.Kind, e.step.Org, e.from}]; from[e.old()] == e && (before == nil || from[before.old()] != before) {
			p.follow(e, from, seen)
		}
	}
	for _, e := range entries {
		if from[e.old()] == e && !seen[e] {
			p.refuse(e.doc, "renamed_from", codeRenameCircle, "name", e.step.Name, "from", e.from)
		}
	}
}

// old is the key that renamed_from names.
func (e *entry) old() key { return key{e.step.Kind, e.step.Org, e.from} }

func (e *entry) place() string { return yaml.Problem{File: e.step.File, Line: e.step.Line}.Place() }

// follow takes a row of renames from its head to its end: each frees the name
// of the one before.
func (p *planner) follow(head *entry, from map[key]*entry, seen map[*entry]bool) {
	claimed := p.taken[head.old()]
	for e := head; e != nil && !seen[e]; e = from[e.key()] {
		seen[e] = true
		there := p.find(e.step.Kind, e.step.Org, e.step.Name) != nil && from[e.key()] == nil
		switch {
		case claimed != nil && claimed.from != "" && p.find(e.step.Kind, e.step.Org, e.step.Name) != nil:
			claimed = e // renamed before, with the name that it had given to another since
			continue
		case claimed != nil, there:
			p.refuse(e.doc, "renamed_from", codeRename, "name", e.step.Name, "from", e.from)
		case e.kind.namedBy() != "":
			p.refuse(e.doc, "renamed_from", codeRenameNamed, "kind", e.step.Kind, "by", e.kind.namedBy(), "from", e.from)
		default:
			e.moves, e.step.From = true, e.from
			p.leaving[e.old()], p.leaver[e.old()] = true, e
		}
		claimed = nil
	}
}

// derive renames, in what is there, the objects that have the name of another
// that is renamed.
func (p *planner) derive(entries []*entry) {
	for _, k := range p.set.kinds {
		if k.organizations() {
			continue // findOrgs has done it
		}
		for at, objects := range p.present {
			if by := k.namedBy(); by != "" && at.kind == k.name() {
				for i := range objects {
					if e := p.leaver[key{by, "", objects[i].name}]; e != nil {
						objects[i].name = e.step.Name
					}
				}
				slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.name, b.name) })
			}
		}
		var mine []*entry
		for _, e := range entries {
			if e.step.Kind == k.name() {
				mine = append(mine, e)
			}
		}
		p.rename(mine)
	}
}

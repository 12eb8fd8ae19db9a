package paper

import (
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Manifest is the kind of the drawer's manifests, after others that theirs
// name.
func (d *Drawer[S]) Manifest(after ...string) manifest.Kind {
	return manifest.Define(manifest.Definition[S]{
		Name: d.Kind.Manifest, Thing: d.Kind.Name, InOrg: true, After: append([]string{"Role", "Group", "Member"}, after...),
		Check: func(name string, s *S) error {
			if f := d.Settle(name, s); f != nil {
				return f
			}
			return nil
		},
		References: d.references, Load: d.load, Apply: d.apply,
	})
}

// object is the manifest kind and name of what a text names; "" for nothing that
// a manifest makes.
func object(named string) (kind, name string) {
	kind, name, _ = strings.Cut(named, ":")
	if kind == "role" && org.IsBuiltIn(name) {
		return "", ""
	}
	return kinds[kind], name
}

func (d *Drawer[S]) references(s *S) (all []manifest.Reference) {
	d.Kind.Rename(*s, func(path, named string) string {
		if kind, name := object(named); kind != "" {
			all = append(all, manifest.Reference{Kind: kind, Name: name, Path: path})
		}
		return named
	})
	return all
}

func (d *Drawer[S]) load(v *store.View, in id.Org) (objects []manifest.Object[S], err error) {
	all, err := d.In(v, in)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	calls, err := callsOf(v, in)
	for _, p := range all {
		spec := d.Kind.Rename(p.Spec, func(_, named string) string { return calls.Name(named) })
		objects = append(objects, manifest.Object[S]{ID: p.ID, Name: p.Name, Version: p.Version, Spec: spec})
	}
	return objects, err
}

func (d *Drawer[S]) apply(tx *store.Tx, c manifest.Change[S]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return d.drop(tx, c.By, c.Org, c.ID)
	}
	spec := d.Kind.Rename(c.After, func(_, named string) string {
		if kind, name := object(named); kind != "" {
			before, _, _ := strings.Cut(named, ":")
			return before + ":" + c.Find(kind, name)
		}
		return named
	})
	return d.set(tx, c.By, &Paper[S]{Org: c.Org, ID: c.ID, Name: c.Name, Version: c.Version, Spec: spec})
}

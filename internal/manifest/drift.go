package manifest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Drift is what differs now from what was last applied.
type Drift struct {
	// Objects differ: they were changed in another way than by manifests, or
	// are gone.
	Objects []Drifted `json:"objects"`
	// Managed counts the objects that an apply has brought about or taken in
	// hand; Unmanaged are those of the same kinds and organizations that none
	// has.
	Managed   int       `json:"managed"`
	Unmanaged []Strange `json:"unmanaged"`
}

// Drifted is one object that is no longer as it was applied.
type Drifted struct {
	Kind string `json:"kind"`
	Org  string `json:"org,omitempty"`
	Name string `json:"name"`          // as it was applied; "" of somebody who was erased
	Now  string `json:"now,omitempty"` // the name that it has now, if another
	Gone bool   `json:"gone,omitempty"`
	// Differences lead from what was applied to what is there. Secrets are not
	// looked at.
	Differences []Difference `json:"differences,omitempty"`
	Apply       string       `json:"apply"` // the Deed
	At          time.Time    `json:"at"`    // of the Deed
	// Target is what the witness calls the object: person:ID.
	Target string `json:"target"`
	OrgID  id.Org `json:"-"`
}

// Title is the object's name as references write it across organizations.
func (d Drifted) Title() string { return Step{Org: d.Org, Name: d.Name}.title() }

// Strange is an object that no apply has brought about.
type Strange struct {
	Kind string `json:"kind"`
	Org  string `json:"org,omitempty"`
	Name string `json:"name"`
}

// Drift compares what was last applied with what is there. It costs the
// statements of an export of the kinds and organizations that manifests manage.
func (s *Set) Drift(ctx context.Context, st *store.Store) (*Drift, error) {
	var drift *Drift
	err := st.House().Read(ctx, func(v *store.View) error {
		managed, err := readManaged(v)
		if err != nil {
			return err
		}
		drift = &Drift{Objects: []Drifted{}, Unmanaged: []Strange{}, Managed: len(managed)}
		return drift.compare(s, v, managed)
	})
	return drift, err
}

// Deeds returns the last applies, newest first.
func (s *Set) Deeds(ctx context.Context, st *store.Store, most int) (all []Deed, err error) {
	err = st.House().Read(ctx, func(v *store.View) error {
		all, err = readDeeds(v, most)
		return err
	})
	return all, err
}

func readManaged(v *store.View) (ledger, error) {
	kinds, err := readKinds(v)
	if err != nil {
		return nil, err
	}
	return readLedger(v, kinds)
}

func (d *Drift) compare(s *Set, v *store.View, managed ledger) error {
	names, err := s.organizationNames(v)
	if err != nil {
		return err
	}
	places := map[lineKey]map[string]line{} // by kind and organization
	for _, l := range managed {
		at := lineKey{kind: l.kind, org: l.org}
		if places[at] == nil {
			places[at] = map[string]line{}
		}
		places[at][l.id] = l
	}
	for at, lines := range places {
		k := s.kind(at.kind)
		if k == nil {
			continue // of a kind that this binary does not have
		}
		var objects []object
		if name, there := names[at.org]; there || at.org == "" {
			if objects, err = k.load(v, at.org); err != nil {
				return err
			}
			for i, l := range lines {
				if l.orgName = name; at.org != "" {
					lines[i] = l
				}
			}
		}
		if err := d.take(k, names[at.org], objects, lines); err != nil {
			return err
		}
	}
	slices.SortFunc(d.Objects, func(a, b Drifted) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Title(), b.Title()), cmp.Compare(a.Target, b.Target))
	})
	slices.SortFunc(d.Unmanaged, func(a, b Strange) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Org, b.Org), cmp.Compare(a.Name, b.Name))
	})
	return nil
}

// organizationNames are the organizations that are there.
func (s *Set) organizationNames(v *store.View) (map[id.Org]string, error) {
	names := map[id.Org]string{}
	for _, k := range s.kinds {
		if !k.organizations() {
			continue
		}
		all, err := k.load(v, "")
		if err != nil {
			return nil, err
		}
		for _, o := range all {
			names[id.Org(o.id)] = o.name
		}
	}
	return names, nil
}

// take compares the objects of one place with its lines.
func (d *Drift) take(k Kind, org string, objects []object, lines map[string]line) error {
	for _, o := range objects {
		l, managed := lines[o.id]
		if !managed {
			d.Unmanaged = append(d.Unmanaged, Strange{k.name(), org, o.name})
			continue
		}
		delete(lines, o.id)
		one := drifted(k, l)
		if o.name != l.name {
			one.Now = o.name
		}
		now, err := k.plain(o.spec)
		if err != nil {
			return err
		}
		if one.Differences, err = l.differences(now); err != nil {
			return err
		}
		if one.Now != "" || len(one.Differences) > 0 {
			d.Objects = append(d.Objects, one)
		}
	}
	for _, l := range lines {
		one := drifted(k, l)
		one.Gone = true
		d.Objects = append(d.Objects, one)
	}
	return nil
}

func drifted(k Kind, l line) Drifted {
	one := Drifted{Kind: l.kind, Org: l.orgName, Name: l.name, Apply: l.apply, At: l.at, Target: k.thing() + ":" + l.id, OrgID: l.org}
	if strings.HasPrefix(l.name, erased) {
		one.Name = ""
	}
	return one
}

func (l line) differences(now map[string]string) ([]Difference, error) {
	var was map[string]string
	if err := json.Unmarshal([]byte(l.spec), &was); err != nil {
		return nil, err
	}
	var out []Difference
	for _, path := range paths(was, now) {
		if was[path] != now[path] {
			out = append(out, Difference{path, was[path], now[path]})
		}
	}
	return out, nil
}

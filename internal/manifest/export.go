package manifest

import (
	"context"
	"fmt"

	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Export writes everything that is there as documents of one file, sorted by
// kind in order of application, organization and name. Equal houses give equal
// bytes. Secrets read {keep: true}.
func (s *Set) Export(ctx context.Context, st *store.Store) ([]byte, error) {
	var docs []any
	err := st.House().Read(ctx, func(v *store.View) error {
		docs = nil
		p := planner{set: s, view: v, present: map[place][]object{}}
		if err := p.load(nil, true); err != nil {
			return err
		}
		for _, k := range s.kinds {
			for _, org := range p.orgNames(k) {
				for _, o := range p.present[place{k.name(), org}] {
					doc, err := document(k, org, o)
					if err != nil {
						return err
					}
					docs = append(docs, doc)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return yaml.Encode(docs...)
}

func document(k Kind, org string, o object) (*yaml.Node, error) {
	spec, err := k.export(o.spec)
	if err != nil {
		return nil, fmt.Errorf("export %s %s: %w", k.name(), o.name, err)
	}
	out := &yaml.Node{Kind: yaml.Map}
	add := func(name string, value *yaml.Node) {
		out.Fields = append(out.Fields, yaml.Field{Name: name, Value: value})
	}
	add("kind", &yaml.Node{Kind: yaml.String, Text: k.name()})
	if org != "" {
		add("org", &yaml.Node{Kind: yaml.String, Text: org})
	}
	add("name", &yaml.Node{Kind: yaml.String, Text: o.name})
	add("spec", spec)
	return out, nil
}

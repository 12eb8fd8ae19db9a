package notice

import (
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/store"
)

// spec is a notice as a manifest says it.
type spec struct {
	Title Both      `yaml:"title,required"`
	Text  Both      `yaml:"text,required"`
	From  time.Time `yaml:"from,required"`
	Until time.Time `yaml:"until,required"`
}

// Kind is the manifest kind Notice; objects belong to the house.
func (r *Room) Kind() manifest.Kind {
	return manifest.Define(manifest.Definition[spec]{
		Name: "Notice", Thing: "notice", Check: checkSpec, Load: loadSpecs, Apply: applySpec,
	})
}

func (s spec) notice(name string) Notice {
	return Notice{Name: name, Title: s.Title, Text: s.Text, From: s.From, Until: s.Until}
}

func (n Notice) spec() spec { return spec{Title: n.Title, Text: n.Text, From: n.From, Until: n.Until} }

// checkSpec holds a document to the rules of the room. Times are kept as the
// database keeps them, so that a second apply changes nothing.
func checkSpec(name string, s *spec) error {
	if f := s.notice(name).check(); f != nil {
		return f
	}
	s.From, s.Until = s.From.UTC().Truncate(time.Microsecond), s.Until.UTC().Truncate(time.Microsecond)
	return nil
}

func loadSpecs(v *store.View, _ id.Org) ([]manifest.Object[spec], error) {
	notices, err := all(v)
	var objects []manifest.Object[spec]
	for _, n := range notices {
		objects = append(objects, manifest.Object[spec]{ID: string(n.ID), Name: n.Name, Version: n.Version, Spec: n.spec()})
	}
	return objects, err
}

func applySpec(tx *store.Tx, c manifest.Change[spec]) (store.Event, error) {
	which := id.Notice(c.ID)
	if c.Action == manifest.Delete {
		n := c.Before.notice(c.Name)
		n.ID = which
		return n.event("notice.taken-back", c.By), remove(tx, which)
	}
	n := c.After.notice(c.Name)
	n.ID, n.By = which, c.By
	if c.Action == manifest.Create {
		return n.event("notice.written", c.By), put(tx, n, insert)
	}
	n.Version = c.Version
	return n.event("notice.changed", c.By), put(tx, n, change)
}

package change

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// written are things that a floor keeps whole and writes in one call: T is all
// that it takes.
type written[T any] struct {
	room       *Room
	name       string // of the sort
	permission string
	// look is such a thing as it is and as it would be.
	look func(v *store.View, in id.Org, wanted T) (glance, error)
	// write writes it in the caller's write.
	write func(tx *store.Tx, by id.Principal, wanted T) (store.Event, error)
	// lifts is what has to be let through for it.
	lifts func(wanted T) string
}

// glance is what is shown of a thing, as fields. Nothing of it may be secret.
type glance struct {
	thing         string // as the witness calls it; of something new its kind alone
	title         string
	before, after []string
	facts         []request.Fact
	base          any // what it was computed against besides what is shown
}

// digest binds all that is shown, in the names of now: a rename in between moves
// it.
func (g glance) digest() string { return digest(g.title, g.before, g.after, g.facts, g.base) }

// see is look with the names of things in the place of their identifiers.
func (s written[T]) see(v *store.View, in id.Org, wanted T) (glance, error) {
	g, err := s.look(v.Org(in), in, wanted)
	if err == nil {
		err = s.room.nameAll(v, in, g.before, g.after)
	}
	return g, err
}

// hold asks for a change.
func (s written[T]) hold(ctx context.Context, by id.Principal, in id.Org, wanted T) error {
	c := request.Change{Sort: s.name, By: by}
	err := s.room.Store.Org(in).Read(ctx, func(v *store.View) error {
		if err := s.room.Register.Need(v, by, in, s.permission); err != nil {
			return err
		}
		g, err := s.see(v, in, wanted)
		c.Thing, c.Title, c.Facts, c.Base = g.thing, g.title, g.facts, g.digest()
		c.Lines = set("", g.before, g.after)
		return err
	})
	if err != nil {
		return err
	}
	return s.room.hold(ctx, in, s.name, c, wanted)
}

func (s written[T]) needs() string { return s.permission }

func (s written[T]) base(v *store.View, in id.Org, kept []byte) (string, error) {
	var wanted T
	if err := json.Unmarshal(kept, &wanted); err != nil {
		return "", err
	}
	g, err := s.see(v, in, wanted)
	return g.digest(), err
}

func (s written[T]) ready(_ context.Context, _ id.Principal, _ id.Org, kept []byte) (made, error) {
	m := madeWritten[T]{sort: s}
	err := json.Unmarshal(kept, &m.wanted)
	return m, err
}

type madeWritten[T any] struct {
	sort   written[T]
	wanted T
}

func (m madeWritten[T]) things() []string { return []string{m.sort.lifts(m.wanted)} }

func (m madeWritten[T]) do(tx *store.Tx, by id.Principal) ([]store.Event, error) {
	e, err := m.sort.write(tx, by, m.wanted)
	return []store.Event{e}, err
}

func (m madeWritten[T]) done() { m.sort.room.Register.Forget() }

// asked asks for a change of a sort; what nobody knows how to make stays shut.
func asked[T any](ctx context.Context, r *Room, name string, by id.Principal, in id.Org, wanted T) error {
	s, ok := r.sorts[name].(written[T])
	if !ok {
		return store.ErrHeld
	}
	return s.hold(ctx, by, in, wanted)
}

// sorted is a list in order, as it is shown.
func sorted[S ~string](all []S) []S { return slices.Sorted(slices.Values(all)) }

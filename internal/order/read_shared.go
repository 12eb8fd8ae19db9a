package order

import (
	"context"
	"sync"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// sharedMost is for how many people one poll of a connection that serves all
// reads their requests.
const sharedMost = 20

// turns let all of them have their turn, on this node.
type turns struct {
	mu   sync.Mutex
	last map[id.Connector]id.Person
}

func (t *turns) after(system id.Connector) id.Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[system]
}

func (t *turns) set(system id.Connector, who id.Person) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[system] = who
}

// ReadShared reads, through a connection that serves all, the requests of those
// who have ordered by it and expect something: sharedMost of them in one poll,
// each as who the system knows them to be. Whom it does not know any more keeps
// what was read last.
func (r *Room) ReadShared(ctx context.Context, t Tie) error {
	after := r.turn.after(t.System)
	people, err := r.ordering(ctx, t, after)
	if err == nil && len(people) == 0 && after != "" {
		people, err = r.ordering(ctx, t, "")
	}
	if err != nil {
		return err
	}
	for _, who := range people {
		one := t
		one.Person = who
		err := r.Read(ctx, one)
		switch kind := connector.KindOf(err); {
		case kind == connector.Throttled, kind == connector.Unavailable, ctx.Err() != nil:
			return err
		case kind == connector.Failed: // our own trouble
			return err
		}
		r.turn.set(t.System, who)
	}
	if len(people) < sharedMost {
		r.turn.set(t.System, "")
	}
	return nil
}

// ordering are people behind one who expect something of what they ordered at a
// system.
func (r *Room) ordering(ctx context.Context, t Tie, after id.Person) (people []id.Person, err error) {
	err = r.Store.Org(t.Org).Read(ctx, func(v *store.View) error {
		people, err = expecting(v, t.System, after, sharedMost)
		return err
	})
	return people, err
}

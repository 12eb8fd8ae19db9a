package card

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Publisher is told whose cards changed.
type Publisher interface {
	Publish(topic string, version int64)
}

// overlap is how far back changes are looked for again: a write is seen only
// when it has committed, and its time is that of its beginning.
const overlap = 10 * time.Second

// standIns looks at the whole house: at who has cards about what somebody is
// asked, in their place.
func (r *Room) standIns(ctx context.Context, t Tie) (all []id.Person, err error) {
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT DISTINCT person FROM card WHERE behalf = $1 AND source = $2 AND closed = 0 ORDER BY person", string(t.Person), string(t.System))
		all, err = store.Collect(rows, err, func(scan func(...any) error) (who id.Person, err error) {
			err = scan(&who)
			return who, err
		})
		return err
	})
	return all, err
}

// Bridge tells open pages whose cards changed on any node, until ctx ends. It
// looks at the whole house: at who is concerned, not at any card.
func (r *Room) Bridge(ctx context.Context, to Publisher) {
	watch := r.Store.Watch(wakeTopic)
	defer watch.Close()
	since := r.Clock.Now()
	for ctx.Err() == nil {
		now := r.Clock.Now()
		err := r.Store.House().Read(ctx, func(v *store.View) error {
			all, err := stirredSince(v, since.Add(-overlap))
			for _, one := range all {
				to.Publish(TopicOf(one.person), one.version)
			}
			return err
		})
		if err == nil {
			since = now
		} else if ctx.Err() == nil {
			r.Log.Warn("whose cards changed could not be read; trying again", "err", err)
		}
		select {
		case <-watch.C:
		case <-r.Clock.After(time.Second):
		case <-ctx.Done():
		}
	}
}

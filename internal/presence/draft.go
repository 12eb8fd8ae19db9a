package presence

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// draftFor is how long what was typed is kept, draftMost how much of it, in
// bytes.
const (
	draftFor  = 15 * time.Minute
	draftMost = 32 << 10
)

// Keep keeps what a person typed in a session at a place ("card:ID") while they
// go and prove who they are. Nothing of it counts until they press again.
func (k *Desk) Keep(ctx context.Context, who id.Person, session, place string, typed url.Values) error {
	text, err := json.Marshal(typed)
	if err != nil {
		return err
	}
	if len(text) > draftMost {
		return fault.New(fault.Invalid, "draft-too-long")
	}
	return k.quietly(ctx, who, func(tx *store.Tx) error {
		if err := dropDrafts(tx, tx.Now().Add(-draftFor)); err != nil {
			return err
		}
		return putDraft(tx, place, session, string(text))
	})
}

// Kept returns what was typed in that session at the place, nil if nothing was
// or it is too long ago.
func (k *Desk) Kept(ctx context.Context, who id.Person, session, place string) (typed url.Values, err error) {
	if k == nil {
		return nil, nil
	}
	var text string
	err = k.Store.Self(who).Read(ctx, func(v *store.View) error {
		text, err = draftOf(v, place, session, v.Now().Add(-draftFor))
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &typed)
	}
	return typed, err
}

// Done forgets what was typed at a place.
func (k *Desk) Done(ctx context.Context, who id.Person, place string) error {
	return k.quietly(ctx, who, func(tx *store.Tx) error { return dropDraft(tx, place) })
}

// Forget removes everything of a person, in the caller's write.
func (k *Desk) Forget(tx *store.Tx, who id.Person) error {
	self := tx.Self(who)
	return dropDrafts(self, tx.Now().Add(draftFor))
}

// quietly writes what nobody is told: nothing was decided.
func (k *Desk) quietly(ctx context.Context, who id.Person, f func(*store.Tx) error) error {
	return k.Store.Self(who).Append(ctx, func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
}

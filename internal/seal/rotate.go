package seal

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Run keeps the ring in step until ctx ends: it takes over keys that other
// nodes made, rotates keys that are old or spent, and moves values to the new
// key. Every node runs it; it does nothing while the ring is sealed.
func (r *Ring) Run(ctx context.Context) error {
	watch := r.options.Store.Watch(topic)
	defer watch.Close()
	walked := make(chan struct{})
	go func() {
		defer close(walked)
		r.walkOn(ctx)
	}()
	for ctx.Err() == nil {
		if err := r.step(ctx); err != nil && ctx.Err() == nil {
			r.options.Log.Warn("the keys could not be looked at", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-watch.C:
		case <-r.options.Clock.After(r.options.Look):
		}
	}
	<-walked
	return ctx.Err()
}

func (r *Ring) step(ctx context.Context) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	k := r.open.Load()
	if k == nil {
		return nil
	}
	key := k.keys[k.writes]
	reason := ""
	if key.spent >= r.options.RotateAt {
		reason = "count"
	} else if r.options.Clock.Now().Sub(key.made) >= r.options.RotateAfter {
		reason = "age"
	}
	if reason == "" {
		return nil
	}
	err := r.rotate(ctx, id.System("seal"), reason, 0)
	if fault.Code(err) == "seal-rotated-meanwhile" {
		return nil
	}
	return err
}

// Rotate makes a new data key that writes from now on; the old one reads until
// its values have moved. The ring must be open. If another node rotates at the
// same moment, one of them gets Conflict "seal-rotated-meanwhile".
func (r *Ring) Rotate(ctx context.Context, by id.Principal) error {
	if !by.Known() {
		return errAnonymous()
	}
	return r.rotate(ctx, by, "asked", 0)
}

// RotateFrom is Rotate for who has seen that key was writes: if another one does
// by now, nothing happens but Conflict "seal-rotated-meanwhile". Two clicks
// rotate once.
func (r *Ring) RotateFrom(ctx context.Context, by id.Principal, was uint32) error {
	if !by.Known() {
		return errAnonymous()
	}
	return r.rotate(ctx, by, "asked", was)
}

// rotate follows the key was, or with 0 whichever writes.
func (r *Ring) rotate(ctx context.Context, by id.Principal, reason string, was uint32) error {
	k := r.open.Load()
	if k == nil {
		return errSealed()
	}
	if was != 0 && was != k.writes {
		return joined(errRotatedMeanwhile(), r.refresh(ctx))
	}
	next := k.highest + 1
	key := newKey()
	defer key.Wipe()
	wrapped, err := wrapKey(k.root, next, key)
	if err != nil {
		return err
	}
	err = r.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		if highest, err := highestKey(&tx.View); err != nil || highest != k.highest {
			return store.Abort(orElse(err, errRotatedMeanwhile()))
		}
		if was, err := succeed(tx, k.writes, next, wrapped); err != nil || !was {
			return store.Abort(orElse(err, errRotatedMeanwhile()))
		}
		if err := tx.Touch(topic); err != nil {
			return store.Abort(err)
		}
		return store.Done(event("seal.key-rotated", by, "key", decimal(next), "was", decimal(k.writes), "reason", reason))
	})
	if err != nil {
		if fault.Code(err) == "seal-rotated-meanwhile" {
			return joined(err, r.refresh(ctx))
		}
		return err
	}
	return r.refresh(ctx)
}

// joined returns first unless second says that more went wrong.
func joined(first, second error) error {
	if second != nil {
		return second
	}
	return first
}

func orElse(err error, f *fault.Fault) error {
	if err != nil {
		return err
	}
	return f
}

// event is one of the house's own about the ring.
func event(name string, by id.Principal, pairs ...string) store.Event {
	fields := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		fields[pairs[i]] = pairs[i+1]
	}
	return store.Event{Name: name, By: by, Target: "seal", Fields: fields}
}

// kinds says under which providers the root key is.
func kinds(wrappings []wrapping) string {
	var all []string
	for _, w := range wrappings {
		all = append(all, w.kind)
	}
	return strings.Join(all, " ")
}

func sorted(names iter.Seq[string]) []string { return slices.Sorted(names) }

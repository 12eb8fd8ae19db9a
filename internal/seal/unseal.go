package seal

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Founded says whether the database has a ring.
func (r *Ring) Founded(ctx context.Context) (bool, error) {
	err := r.options.Store.House().Read(ctx, func(v *store.View) error {
		_, err := loadRing(v)
		return err
	})
	if fault.Code(err) == "seal-unfounded" {
		return false, nil
	}
	return err == nil, err
}

// Found makes the ring of an empty house: root key, first data key, recovery
// identity; it puts the root key under every provider and opens the ring. The
// kit is the only copy of the recovery identity. Of several processes one
// founds, the others get Conflict "seal-founded".
func (r *Ring) Found(ctx context.Context, by id.Principal, providers ...Provider) (*Kit, error) {
	if !by.Known() {
		return nil, errAnonymous()
	}
	if founded, err := r.Founded(ctx); err != nil || founded {
		return nil, errors.Join(err, orNil(founded, errFounded()))
	}
	root, first := newKey(), newKey()
	defer first.Wipe()
	kit, identity, err := newKit(r.options.Clock.Now())
	if err != nil {
		return nil, err
	}
	recovery, err := wrapToIdentity(identity, KindRecovery, root)
	if err != nil {
		return nil, err
	}
	recovery.id = string(id.New[id.Record](kit.FoundedAt))
	wrapped, err := wrapKey(root, 1, first)
	if err != nil {
		return nil, err
	}
	wrappings, err := r.wrapAll(root, providers)
	if err != nil {
		return nil, err
	}
	ring := ringRow{writes: 1, rootCheck: check(root.RevealBytes()), recipient: kit.Recipient}
	err = r.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		return found(tx, by, ring, wrapped, append(wrappings, recovery))
	})
	if err != nil {
		kit.Wipe()
		root.Wipe()
		return nil, err
	}
	return kit, r.opened(ctx, root)
}

func orNil(is bool, f *fault.Fault) error {
	if is {
		return f
	}
	return nil
}

func found(tx *store.Tx, by id.Principal, ring ringRow, wrapped []byte, wrappings []wrapping) store.End {
	first, err := insertRing(tx, ring)
	if err != nil {
		return store.Abort(err)
	}
	if !first {
		return store.Abort(errFounded())
	}
	if err := insertKey(tx, ring.writes, wrapped); err != nil {
		return store.Abort(err)
	}
	for _, w := range wrappings {
		if err := insertWrapping(tx, w); err != nil {
			return store.Abort(err)
		}
	}
	if err := tx.Touch(topic); err != nil {
		return store.Abort(err)
	}
	return store.Done(event("seal.founded", by, "recipient", ring.recipient, "kinds", kinds(wrappings)))
}

// wrapAll puts the root key under each provider: at least one.
func (r *Ring) wrapAll(root secret.Text, providers []Provider) ([]wrapping, error) {
	if len(providers) == 0 {
		return nil, errors.New("seal: no unseal provider")
	}
	var all []wrapping
	for _, p := range providers {
		if err := p.prepare(); err != nil {
			return nil, err
		}
		w, err := p.wrap(root)
		if err != nil {
			return nil, err
		}
		w.id = string(id.New[id.Record](r.options.Clock.Now()))
		all = append(all, w)
	}
	return all, nil
}

// Unseal opens the ring in this process with the provider's unseal key. It
// changes nothing in the database but the witness; a refusal is witnessed too.
// An open ring stays open and the provider is still examined.
func (r *Ring) Unseal(ctx context.Context, by id.Principal, p Provider) error {
	root, err := r.rootBy(ctx, p)
	if f := fault.As(err); f != nil && f.Kind == fault.Unmet && f.Code != "seal-unfounded" {
		return r.refused(ctx, by, p, f)
	}
	if err != nil {
		return err
	}
	if err := r.opened(ctx, root); err != nil {
		return err
	}
	return r.options.Store.House().Write(ctx, func(*store.Tx) store.End {
		return store.Done(event("seal.unsealed", by, "kind", p.Kind(), "node", string(r.options.Node)))
	})
}

// refused witnesses a refused unseal; the caller gets the refusal even if the
// witness fails.
func (r *Ring) refused(ctx context.Context, by id.Principal, p Provider, f *fault.Fault) error {
	err := r.options.Store.House().Write(ctx, func(*store.Tx) store.End {
		return store.Refused(f, event("seal.unseal-refused", by, "kind", p.Kind(), "code", f.Code))
	})
	if !errors.Is(err, f) {
		r.options.Log.Error("a refused unseal could not be witnessed", "code", f.Code, "err", err)
	}
	return f
}

// rootBy opens the root key with p: of all wrappings that p may open, one must.
func (r *Ring) rootBy(ctx context.Context, p Provider) (secret.Text, error) {
	var ring ringRow
	var wrappings []wrapping
	err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		if ring, err = loadRing(v); err != nil {
			return err
		}
		wrappings, err = loadWrappings(v)
		return err
	})
	if err != nil {
		return secret.Text{}, err
	}
	var refusal error = errWrappingMissing(p.Kind())
	for _, w := range wrappings {
		if !p.opens(w.kind) {
			continue
		}
		root, err := p.unwrap(w)
		if err == nil && check(root.RevealBytes()) == ring.rootCheck {
			return root, nil
		}
		if err == nil {
			root.Wipe()
			err = errWrappingDamaged(w.kind)
		}
		if fault.Code(refusal) != "seal-wrapping-damaged" {
			refusal = err
		}
	}
	return secret.Text{}, refusal
}

// opened opens the ring with its root key.
func (r *Ring) opened(ctx context.Context, root secret.Text) error {
	next, began, err := r.ready(ctx, &keyring{root: root})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return errSealed()
	}
	r.open.Store(next)
	r.seen.Store(int64(began))
	return nil
}

// Rekey puts the root key under other providers; all wrappings but the recovery
// are removed in the same write. The ring must be open. (A152: whoever may do
// it is known; it is one act, so there is nothing that somebody could cancel.)
func (r *Ring) Rekey(ctx context.Context, by id.Principal, providers ...Provider) error {
	if !by.Known() {
		return errAnonymous()
	}
	k := r.open.Load()
	if k == nil {
		return errSealed()
	}
	wrappings, err := r.wrapAll(k.root, providers)
	if err != nil {
		return err
	}
	return r.options.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := deleteWrappings(tx); err != nil {
			return store.Abort(err)
		}
		for _, w := range wrappings {
			if err := insertWrapping(tx, w); err != nil {
				return store.Abort(err)
			}
		}
		return store.Done(event("seal.rekeyed", by, "kinds", kinds(wrappings)))
	})
}

// Recipient returns the age recipient of the recovery kit, to which backups
// are encrypted.
func (r *Ring) Recipient(ctx context.Context) (string, error) {
	var ring ringRow
	err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
		ring, err = loadRing(v)
		return err
	})
	return ring.recipient, err
}

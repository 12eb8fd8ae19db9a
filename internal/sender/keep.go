package sender

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// List lists the senders of an organization by name.
func (r *Room) List(ctx context.Context, in id.Org) (all []Sender, err error) {
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		all, err = sendersOf(v)
		return err
	})
	return all, err
}

// Get returns a sender; NotFound sender-unknown also for one of another
// organization.
func (r *Room) Get(ctx context.Context, in id.Org, which id.Sender) (s Sender, err error) {
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		s, err = senderOf(v, which)
		return err
	})
	return s, err
}

// Put writes a sender: a new one if Revision is 0, else the one with that ID,
// which must still have that Revision (sender-changed otherwise). All bad fields
// are said at once (sender-invalid).
func (r *Room) Put(ctx context.Context, by id.Principal, s Sender) (Sender, error) {
	if s.Revision == 0 {
		s.ID = id.New[id.Sender](r.Clock.Now())
	}
	err := r.Store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.PutIn(tx, by, &s)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.tokens.clear()
	return s, r.orHold(ctx, err, by, s)
}

// PutIn is Put in a write of the sender's organization: it asks whether by may
// write senders there, and those networks.
func (r *Room) PutIn(tx *store.Tx, by id.Principal, s *Sender) (store.Event, error) {
	if err := r.Register.Need(&tx.View, by, s.Org, Write); err != nil {
		return store.Event{}, err
	}
	if f := s.Settle(); f != nil {
		return store.Event{}, f
	}
	now := Sender{Org: s.Org}
	if s.Revision > 0 {
		var err error
		if now, err = senderOf(&tx.View, s.ID); err != nil {
			return store.Event{}, err
		}
		if now.Revision != s.Revision {
			return store.Event{}, fault.New(fault.Conflict, "sender-changed")
		}
	}
	if !slices.Equal(s.Networks, now.Networks) && len(s.Networks) > 0 {
		if err := r.Register.Need(&tx.View, by, "", Reach); err != nil {
			return store.Event{}, fault.New(fault.Forbidden, "sender-networks-refused")
		}
	}
	if r.holder != nil && reaches(*s, now) && tx.Held(by, "card-sender:"+string(s.ID)) {
		return store.Event{}, store.ErrHeld
	}
	next := *s
	next.Made, next.Changed, next.By = now.Made, tx.Now(), by
	if now.Revision == 0 {
		next.Made = tx.Now()
	}
	if err := putSender(tx, next); err != nil {
		return store.Event{}, err
	}
	next.Revision++
	*s = next
	name := "card-sender.changed"
	if now.Revision == 0 {
		name = "card-sender.added"
	}
	return s.event(name, by, "callback", s.Callback, "signature", string(s.Signature)+" "+string(s.Alg), "enabled", yesNo(s.Enabled)), nil
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// Drop removes a sender with its tokens. Its open cards are withdrawn; decisions
// that are on their way end as failed.
func (r *Room) Drop(ctx context.Context, by id.Principal, in id.Org, which id.Sender) error {
	timers := r.newTimers(1)
	err := r.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		s, err := senderOf(&tx.View, which)
		if err != nil {
			return store.Abort(err)
		}
		event, err := r.end(tx, by, s, timers[0])
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.tokens.clear()
	return err
}

// EndIn is Drop in a write of the organization, for manifests.
func (r *Room) EndIn(tx *store.Tx, by id.Principal, in id.Org, which id.Sender) (store.Event, error) {
	if err := r.Register.Need(&tx.View, by, in, Write); err != nil {
		return store.Event{}, err
	}
	s, err := senderOf(&tx.View, which)
	if err != nil {
		return store.Event{}, err
	}
	return r.end(tx, by, s, derivedTimer("end", string(which), tx.Now()))
}

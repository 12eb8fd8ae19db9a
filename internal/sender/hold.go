package sender

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/store"
)

// HeldKind is what Holders call senders.
const HeldKind = "card-sender"

// Hold has every sender held that is added, and every change of whom it reaches,
// of where decisions are told, of how they are signed, and that it is switched on.
// Switching it off, its title, its texts and its rate are for one alone. Call it
// before the house starts.
func (r *Room) Hold(h paper.Holder) { r.holder = h }

// reaches reports whether a sender, as it would be, does more than it does now.
func reaches(next, now Sender) bool {
	return now.Revision == 0 || next.Role != now.Role || next.Callback != now.Callback || next.Signature != now.Signature || next.Alg != now.Alg ||
		next.Urgent && !now.Urgent || next.Enabled && !now.Enabled || !slices.Equal(next.Networks, now.Networks) ||
		next.Audience.Everybody != now.Audience.Everybody || !slices.Equal(next.Audience.People, now.Audience.People) ||
		!slices.Equal(next.Audience.Groups, now.Audience.Groups)
}

// orHold asks for what needs a second person.
func (r *Room) orHold(ctx context.Context, err error, by id.Principal, s Sender) error {
	if r.holder == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	w, err := wantedOf(s)
	if err != nil {
		return err
	}
	return r.holder.Hold(ctx, by, s.Org, w)
}

// wantedOf leaves to the spec what somebody says of a sender.
func wantedOf(s Sender) (paper.Wanted, error) {
	w := paper.Wanted{Kind: HeldKind, Org: s.Org, ID: string(s.ID), Name: s.Name, Version: s.Revision}
	text, err := json.Marshal(s)
	if err != nil {
		return w, err
	}
	said := map[string]any{}
	if err := json.Unmarshal(text, &said); err != nil {
		return w, err
	}
	for _, kept := range []string{"ID", "Org", "Name", "Made", "Changed", "By", "Revision"} {
		delete(said, kept)
	}
	w.Spec, err = json.Marshal(said)
	return w, err
}

// Needs implements paper.Kept.
func (r *Room) Needs() string { return Write }

// Now implements paper.Kept.
func (r *Room) Now(v *store.View, in id.Org, which string) (paper.Wanted, error) {
	s, err := senderOf(v.Org(in), id.Sender(which))
	if fault.As(err) != nil {
		return paper.Wanted{}, nil
	}
	if err != nil {
		return paper.Wanted{}, err
	}
	return wantedOf(s)
}

// Write implements paper.Kept.
func (r *Room) Write(tx *store.Tx, by id.Principal, w paper.Wanted) (store.Event, error) {
	var s Sender
	if err := json.Unmarshal(w.Spec, &s); err != nil {
		return store.Event{}, err
	}
	s.Org, s.ID, s.Name, s.Revision = w.Org, id.Sender(w.ID), w.Name, w.Version
	return r.PutIn(tx.Org(w.Org), by, &s)
}

package house

import (
	"context"

	"github.com/sekisho/sekisho/internal/change"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/welcome"
)

// openChanges makes the room of what waits for a second person. It is there
// without four_eyes too: what waited when it was turned off can still be decided.
func (h *House) openChanges() {
	h.changes = change.New(change.Options{
		Store: h.store, Clock: h.options.Clock, Ring: h.ring, Register: h.register, Desk: h.systems, Resets: memberResets{h.welcome}, Manifest: console.Manifest,
		Alone: h.options.Alone,
	})
}

// holdChanges lets nobody alone do what four_eyes names. A house that one command
// has open while no server runs is not held: whoever stops the servers and reads
// the keys needs no permission of ours, and it is the way out when nobody is left
// who could approve. Its records name the machine's user and the way (folder).
//
// What a house once held it goes on holding, whatever a later configuration says,
// until two people have said otherwise.
func (h *House) holdChanges(ctx context.Context) error {
	papers := map[string]paper.Kept{
		h.rota.Kind.Name: h.rota.Drawer, h.offers.Things.Kind.Name: h.offers.Things, sender.HeldKind: h.senders,
	}
	others := map[string]change.Other{}
	for _, sort := range h.folk.Arrivals() {
		others[sort.Name] = sort
	}
	h.changes.Furnish(change.Furniture{
		Hall: h.hall, Kinds: h.kinds, Rules: h.signin.Rules, Presence: h.presence, Papers: papers, Others: others,
	})
	h.changes.API(h.mux)
	_, on, err := h.changes.On(ctx)
	if err != nil || h.options.Alone || !h.config.FourEyes && !on {
		return err
	}
	if !h.config.FourEyes {
		h.options.Log.Warn("the configuration does not say four_eyes any more; the house goes on holding changes until two people have turned it off")
	}
	h.register.Hold(h.changes)
	h.systems.Hold(h.changes)
	h.kinds.Hold(h.changes)
	h.welcome.Hold(h.changes)
	h.signin.Rules.Hold(h.changes)
	h.presence.Hold(h.changes)
	h.hall.Keep(h.changes)
	h.rota.Hold(h.changes)
	h.offers.Things.Hold(h.changes)
	h.senders.Hold(h.changes)
	h.folk.Hold(h.changes)
	return nil
}

// memberResets are the resets of room welcome.
type memberResets struct{ welcome *welcome.Room }

// Prepare implements change.Resets.
func (m memberResets) Prepare(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) (any, error) {
	return m.welcome.PrepareReset(ctx, by, in, who, t)
}

// Make implements change.Resets.
func (m memberResets) Make(tx *store.Tx, by id.Principal, ready any) (store.Event, error) {
	reset, ok := ready.(welcome.Reset)
	if !ok {
		return store.Event{}, store.ErrHeld
	}
	return m.welcome.MakeReset(tx, by, reset)
}

// Made implements change.Resets.
func (m memberResets) Made() { m.welcome.ResetMade() }

// fourEyes looks whether anybody could approve what is held.
func (d *doctor) fourEyes(ctx context.Context, s *store.Store) {
	_, on, err := change.Since(ctx, s)
	switch {
	case err != nil:
		d.broken("database", err)
		return
	case !d.config.FourEyes && on:
		d.say(Warn, "four-eyes.kept")
	case !d.config.FourEyes:
		return
	}
	register := org.New(org.Options{Store: s, Clock: d.clock, Permissions: Permissions()})
	switch n, err := register.MostAble(ctx, console.Manifest); {
	case err != nil:
		d.broken("database", err)
	case n < 2:
		d.say(Warn, "four-eyes.few", "count", n)
	default:
		d.say(Fine, "four-eyes.enough", "count", n)
	}
}

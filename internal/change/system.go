package change

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// systems are outside systems that are added, or changed.
type systems struct{ room *Room }

// keptSystem is a system as somebody wrote it, with what is secret.
type keptSystem struct {
	System  connector.System
	Secrets map[string]string
}

// HoldSystem implements connector.Holder.
func (r *Room) HoldSystem(ctx context.Context, by id.Principal, w connector.Wanted, next, now connector.System) error {
	c := request.Change{Sort: System, By: by, Thing: "connector", Title: next.Shown(), Base: systemBase(now)}
	if now.ID != "" {
		c.Thing = "connector:" + string(now.ID)
	}
	c.Facts = fact(nil, "system", next.Name)
	c.Facts = fact(c.Facts, "definition", next.Definition)
	c.Facts = fact(c.Facts, "version", next.Version)
	before, after := connector.Differences(next, now), connector.Differences(now, next)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		c.Lines = append(c.Lines, field(name, before[name], after[name])...)
		if before[name] == after[name] { // of a secret, that it is another one
			c.Lines = append(c.Lines, request.Line{Sign: "~", Text: name + ": " + after[name]})
		}
	}
	for _, l := range definition.Compare(now.Text(), next.Text()) {
		sign := "+"
		if l.Gone {
			sign = "-"
		}
		c.Lines = append(c.Lines, request.Line{Sign: sign, Text: l.Text})
	}
	w.ID = next.ID
	kept := keptSystem{System: w.System, Secrets: map[string]string{}}
	for name, value := range w.Secrets {
		kept.Secrets[name] = value.Reveal()
	}
	return r.hold(ctx, next.Org, System, c, kept)
}

// systemBase binds the system as it is.
func systemBase(now connector.System) string { return digest(now.ID, now.Revision, now.Version) }

func (systems) needs() string { return connector.Write }

func (systems) base(v *store.View, in id.Org, kept []byte) (string, error) {
	var k keptSystem
	if err := json.Unmarshal(kept, &k); err != nil {
		return "", err
	}
	now, err := connector.SystemIn(v, in, k.System.ID)
	return systemBase(now), err
}

func (s systems) ready(_ context.Context, _ id.Principal, in id.Org, kept []byte) (made, error) {
	var k keptSystem
	if err := json.Unmarshal(kept, &k); err != nil {
		return nil, err
	}
	w := connector.Wanted{System: k.System, Secrets: map[string]secret.Text{}}
	w.Org = in
	for name, text := range k.Secrets {
		w.Secrets[name] = secret.Of(text)
	}
	return madeSystem{s.room.Desk, w}, nil
}

type madeSystem struct {
	desk   *connector.Desk
	wanted connector.Wanted
}

func (m madeSystem) things() []string { return []string{"connector:" + string(m.wanted.ID)} }

func (m madeSystem) do(tx *store.Tx, by id.Principal) ([]store.Event, error) {
	e, err := m.desk.PutIn(tx.Org(m.wanted.Org), by, m.wanted)
	return []store.Event{e}, err
}

func (madeSystem) done() {}

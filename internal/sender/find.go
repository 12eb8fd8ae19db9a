package sender

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: the card senders of the organization.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if actor.Org == "" || !s.May(Read) {
		return nil, nil
	}
	all, err := r.List(ctx, actor.Org)
	for _, one := range all {
		if len(found) < s.Limit && s.In(one.Title, one.Name, one.Callback, string(one.ID)) {
			found = append(found, web.Finding{
				Kind: "card-sender", Title: one.Shown(), Detail: one.Name, Also: []string{one.Name, string(one.ID)}, Href: pathOf(one.ID),
			})
		}
	}
	return found, err
}

// fewNamed is how many things are named where they are counted.
const fewNamed = 5

// Dependents implements web.Dependents: what ends with a sender, and which
// senders may reach a person or group by name.
func (r *Room) Dependents(ctx context.Context, actor web.Actor, target string, may func(string) bool) ([]web.Dependence, error) {
	kind, which, _ := strings.Cut(target, ":")
	if actor.Org == "" || !may(Read) {
		return nil, nil
	}
	switch kind {
	case "card-sender":
		return r.endsWith(ctx, actor.Org, id.Sender(which))
	case "person":
		return r.reaching(ctx, actor.Org, "depends.person.senders", func(a Audience) bool { return slices.Contains(a.People, id.Person(which)) })
	case "group":
		return r.reaching(ctx, actor.Org, "depends.group.senders", func(a Audience) bool { return slices.Contains(a.Groups, id.Group(which)) })
	}
	return nil, nil
}

// endsWith is what ends with a sender: its tokens, and what it still asks.
func (r *Room) endsWith(ctx context.Context, in id.Org, which id.Sender) ([]web.Dependence, error) {
	tokens, asks := web.Dependence{Key: "depends.card-sender.tokens"}, web.Dependence{Key: "depends.card-sender.sent"}
	err := r.Store.Org(in).Read(ctx, func(v *store.View) error {
		all, err := tokensOf(v, which)
		if err != nil {
			return err
		}
		for _, t := range all {
			if r.Clock.Now().Before(t.Ends) {
				tokens.Count++
			}
		}
		var open []Letter
		open, asks.Count, err = openLetters(v, which, r.Clock.Now(), fewNamed)
		for _, l := range open {
			asks.Some = append(asks.Some, web.Named{Title: l.Content.Title})
		}
		return err
	})
	return []web.Dependence{tokens, asks}, err
}

// reaching are the senders whose audience names somebody.
func (r *Room) reaching(ctx context.Context, in id.Org, key string, names func(Audience) bool) ([]web.Dependence, error) {
	all, err := r.List(ctx, in)
	d := web.Dependence{Key: key, More: Path}
	for _, s := range all {
		if !names(s.Audience) {
			continue
		}
		if d.Count++; len(d.Some) < fewNamed {
			d.Some = append(d.Some, web.Named{Title: s.Shown(), Href: pathOf(s.ID)})
		}
	}
	return []web.Dependence{d}, err
}

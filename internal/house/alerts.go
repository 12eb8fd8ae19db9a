package house

import (
	"context"
	"net/url"
	"time"

	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/web"
)

// ofEffects tells who may settle them of effects that stand still: parked ones,
// which they can have tried again from the list itself, and those that wait for a
// system that is away.
type ofEffects struct{ house *House }

// Of effects that are parked so many are named; who waits for longer than
// awayAfter waits for a system that is away.
const (
	parkedNamed = 3
	awayAfter   = 10 * time.Minute
)

// Attention implements hub.Attention.
func (o ofEffects) Attention(ctx context.Context, actor web.Actor) (g hub.Glance, err error) {
	h := o.house
	if actor.Org == "" || h.may(ctx, actor, console.Effects, "") != nil {
		return g, nil
	}
	parked, err := job.Search(ctx, h.store, job.Filter{Org: actor.Org, State: job.Parked, Newest: true, Limit: parkedNamed})
	if err != nil {
		return g, err
	}
	counts, err := job.Counts(ctx, h.store)
	if err != nil {
		return g, err
	}
	away := h.away(counts, actor.Org)
	var targets []string
	for _, e := range parked {
		targets = append(targets, e.Target)
	}
	for _, c := range away {
		targets = append(targets, c.Target)
	}
	names, err := h.targets(ctx, targets)
	for _, e := range parked {
		at := console.EffectsPath + "/" + url.PathEscape(string(e.ID))
		g.Items = append(g.Items, hub.Item{
			Key: "hub.need.parked", Args: []any{"system", called(names, e.Target)}, Names: []string{h.whyWord(e.Why)}, Href: at, Press: at + "/retry", Grave: true,
		})
	}
	for _, c := range away {
		g.Items = append(g.Items, hub.Item{
			Key: "hub.need.away", Href: console.EffectsPath + "?" + url.Values{"target": {c.Target}}.Encode(), Grave: true,
			Args: []any{"system", called(names, c.Target), "count", c.Number, "minutes", int(h.options.Clock.Now().Sub(c.Oldest).Minutes())},
		})
	}
	return g, err
}

// away are the effects of an organization that have waited for long.
func (h *House) away(all []job.Count, in id.Org) (some []job.Count) {
	for _, c := range all {
		if c.Org == in && c.State == job.Intended && h.options.Clock.Now().Sub(c.Oldest) > awayAfter {
			some = append(some, c)
		}
	}
	return some
}

func called(names map[string]string, target string) string {
	if name := names[target]; name != "" {
		return name
	}
	return target
}

// whyWord is the sentence of what went wrong with an effect.
func (h *House) whyWord(code string) string {
	for _, key := range []string{"console.why." + code, "problem." + code} {
		if h.book.Has(key) {
			return key
		}
	}
	return "console.why.job-outcome-unknown"
}

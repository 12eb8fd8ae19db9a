package hub

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Bounds of a search: what is typed in characters, what is found of each kind.
const (
	textMost = 100
	kindMost = 8
	hintMost = 3 // of each kind, while somebody types
)

// Shelf is what was found of one kind, what fits best first.
type Shelf struct {
	Kind     string
	Findings []web.Finding
}

// Search asks every room. What fits best comes first, and with it what else is
// of its kind; the order is the same whenever the same is found. Failed says
// that a room could not tell, so that an answer that lacks something is known
// as such.
func (r *Room) Search(ctx context.Context, actor web.Actor, lang words.Lang, text string, limit int) (shelves []Shelf, failed bool) {
	s := web.Sought{Text: cut(strings.TrimSpace(text)), Lang: lang, Limit: limit}
	s.Fold = words.Fold(s.Text)
	s.May = func(permission string) bool { return r.may(ctx, actor, permission, "") == nil }
	if s.Fold == "" {
		return nil, false
	}
	at := map[string]int{}
	for _, finder := range r.finders {
		found, err := finder.Find(ctx, actor, s)
		if err != nil {
			web.Note(ctx, "search", err.Error())
			failed = true
		}
		for _, one := range found {
			i, known := at[one.Kind]
			if !known {
				i = len(shelves)
				at[one.Kind], shelves = i, append(shelves, Shelf{Kind: one.Kind})
			}
			shelves[i].Findings = append(shelves[i].Findings, one)
		}
	}
	order(shelves, s)
	return shelves, failed
}

// cut keeps what is typed to its bound.
func cut(text string) string {
	if all := []rune(text); len(all) > textMost {
		return string(all[:textMost])
	}
	return text
}

// order sorts each shelf and then the shelves by what fits best in them; among
// equals the rooms' own order stays.
func order(shelves []Shelf, s web.Sought) {
	best := map[string]int{}
	for i := range shelves {
		found := shelves[i].Findings
		fits := map[string]int{}
		for _, one := range found {
			fits[one.Href] = fit(one, s)
		}
		slices.SortStableFunc(found, func(a, b web.Finding) int { return cmp.Compare(fits[a.Href], fits[b.Href]) })
		shelves[i].Findings = slices.CompactFunc(found, func(a, b web.Finding) bool { return a.Href == b.Href })
		shelves[i].Findings = shelves[i].Findings[:min(len(shelves[i].Findings), s.Limit)]
		best[shelves[i].Kind] = fits[shelves[i].Findings[0].Href]
	}
	slices.SortStableFunc(shelves, func(a, b Shelf) int { return cmp.Compare(best[a.Kind], best[b.Kind]) })
}

// How well a finding fits: one of its names is what was typed, begins with it,
// or only has it somewhere.
const (
	whole = iota
	begins
	within
)

func fit(one web.Finding, s web.Sought) int {
	best := within
	for _, name := range append(slices.Clone(one.Also), one.Title) {
		switch name = words.Fold(name); {
		case name == s.Fold:
			return whole
		case strings.HasPrefix(name, s.Fold):
			best = begins
		}
	}
	return best
}

// Signpost is a page of the house that search everywhere leads to by its words
// in every language.
type Signpost struct {
	Key, Href string
	Also      string // key of further words it is looked for by, "" for none
}

// signposts finds pages.
type signposts struct {
	room *Room
	all  func() []Signpost
}

// Find implements web.Finder.
func (p signposts) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	for _, one := range p.all() {
		if !p.room.open(ctx, actor, one.Href) {
			continue
		}
		var names []string
		for _, lang := range words.Langs {
			names = append(names, p.room.book.Say(lang, one.Key, nil))
			if one.Also != "" && p.room.book.Has(one.Also) {
				names = append(names, strings.Fields(p.room.book.Say(lang, one.Also, nil))...)
			}
		}
		if s.In(names...) && len(found) < s.Limit {
			found = append(found, web.Finding{Kind: "page", Title: p.room.book.Say(s.Lang, one.Key, nil), Also: names, Href: one.Href})
		}
	}
	return found, nil
}

package ui

import (
	"context"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// railGroups splits the entries of a rail by their headings, each heading once,
// in the order in which it is met.
func railGroups(links []Link) (groups [][]Link) {
	for _, link := range links {
		i := slices.IndexFunc(groups, func(g []Link) bool { return g[0].Group == link.Group })
		if i < 0 {
			groups = append(groups, nil)
			i = len(groups) - 1
		}
		groups[i] = append(groups[i], link)
	}
	return groups
}

// railName is what the folded rail is called: the page of it that is open.
func railName(ctx context.Context, links []Link) string {
	for _, link := range links {
		if link.Current {
			return Say(ctx, "web.menu.at", "page", link.Text)
		}
	}
	return Say(ctx, "web.menu")
}

// railID ties a heading to its entries by the address of the first.
func railID(first Link) string { return "rail" + strings.ReplaceAll(first.Href, "/", "-") }

func railLabel(first Link) templ.Attributes {
	if first.Group == "" {
		return nil
	}
	return templ.Attributes{"aria-labelledby": railID(first)}
}

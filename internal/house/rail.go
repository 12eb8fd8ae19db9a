package house

import (
	"slices"

	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/handbook"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/offer"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/rota"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/token"
)

// The headings of the console's rail, in their order. An entry names its own;
// where it stands among the others of a heading is where it stands in
// consoleRail.
const (
	railOrganization = "rail.organization"
	railPeople       = "rail.people"
	railSignIn       = "rail.sign-in"
	railSystems      = "rail.systems"
	railAudit        = "rail.audit"
	railInstallation = "rail.installation"
)

var railOrder = []string{railOrganization, railPeople, railSignIn, railSystems, railAudit, railInstallation}

// consoleRail are the pages of the console. A new one is one line here: it is in
// the rail, and search everywhere finds it by its words and by those of
// KEY.words, if there are any.
func (h *House) consoleRail() []entry {
	var rail []entry
	for _, e := range people.Rail() {
		group := railPeople
		if e.Organization {
			group = railOrganization
		}
		rail = append(rail, entry{key: e.Key, href: e.Href, permission: e.Permission, group: group})
	}
	rail = append(rail,
		entry{key: "signin.open", href: signin.OpenPath, permission: signin.ReadSessions, group: railSignIn},
		entry{key: "settings.tokens", href: token.IssuedPath, permission: token.ReadTokens, group: railSignIn})
	rail = append(rail,
		entry{key: "approval.list", href: approval.PoliciesPath, permission: request.Policy, group: railPeople},
		entry{key: "review.list", href: review.Path, permission: review.Read, group: railPeople},
		entry{key: "rota.list", href: rota.Path, permission: rota.Read, group: railPeople},
		entry{key: "ask-target.list", href: offer.ThingsPath, permission: request.Policy, group: railPeople},
		entry{key: "ask-template.list", href: offer.TemplatesPath, permission: request.Policy, group: railPeople},
		entry{key: "lease.list", href: approval.LeasesPath, permission: lease.Read, group: railPeople})
	rail = append(rail, entry{key: "card.policies", href: presence.Path, permission: presence.Permission, group: railPeople})
	rail = append(rail, entry{key: "signin.policies", href: demand.Path, permission: demand.Manage, group: railSignIn})
	rail = append(rail, entry{key: "ticket.systems", href: ticket.SystemsPath, permission: connector.Read, group: railSystems})
	rail = append(rail,
		entry{key: "sender.list", href: sender.Path, permission: sender.Read, group: railSystems},
		entry{key: "signing.keys", href: sender.KeysPath, permission: sender.Keys, group: railInstallation})
	for _, e := range h.console.Rail() {
		group := railInstallation
		if e.Href == console.LogPath || e.Href == console.DashboardPath {
			group = railAudit
		}
		rail = append(rail, entry{key: e.Key, href: e.Href, permission: e.Permission, or: e.Or, group: group})
	}
	rail = append(rail, entry{key: "notice.list", href: notice.ListPath, permission: notice.Write, group: railInstallation})
	rail = append(rail, entry{key: "handbook", href: handbook.Path, permission: console.Operate, group: railInstallation})
	slices.SortStableFunc(rail, func(a, b entry) int { return slices.Index(railOrder, a.group) - slices.Index(railOrder, b.group) })
	return rail
}

// signposts are the pages that search everywhere leads to.
func (h *House) signposts() (all []hub.Signpost) {
	for _, e := range slices.Concat([]entry{{key: "console.home", href: hub.Path}, {key: "ask.find", href: approval.NewPath}, {key: "ask.mine", href: request.Path}, {key: "order.new", href: order.NewPath}, {key: "order.list", href: order.ListPath}}, h.consoleRail(), h.settingsRail()) {
		all = append(all, hub.Signpost{Key: e.key, Href: e.href, Also: e.key + ".words"})
	}
	return all
}

package house_test

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// walker is somebody who tries every door.
type walker struct {
	who   string
	in    id.Org
	roles []id.Role // that they hold there, the included ones too
	token http.Header
	enter func() *housetest.Visitor // a session that stands
	now   *housetest.Visitor
}

// may is what the declaration of a permission gives to the walker.
func (w *walker) may(permission string, declared []org.Permission) bool {
	if permission == "" || w.token != nil {
		return false
	}
	i := slices.IndexFunc(declared, func(p org.Permission) bool { return p.Name == permission })
	if i < 0 {
		return false
	}
	p := declared[i]
	return slices.ContainsFunc(w.roles, func(role id.Role) bool {
		return role == org.Administrator && !p.House || role == org.Operator && p.House || slices.Contains(p.Roles, string(role))
	})
}

// cast are those who walk: nobody's roles overlap more than the built-in order
// says.
func cast(t *testing.T, h *housetest.Home) (all []*walker) {
	k := h.People(t)
	for _, one := range []struct {
		who  string
		in   id.Org
		give []id.Role
		hold []id.Role
	}{
		{"bare", k.Org, nil, nil},
		{"user", k.Org, []id.Role{org.User}, []id.Role{org.User}},
		{"auditor", k.Org, []id.Role{org.Auditor}, []id.Role{org.Auditor, org.User}},
		{"accounts", k.Org, []id.Role{org.Accounts}, []id.Role{org.Accounts, org.User}},
		{"administrator", k.Org, []id.Role{org.Administrator}, []id.Role{org.Administrator, org.Accounts, org.Auditor, org.User}},
		{"operator", k.Org, []id.Role{org.Operator}, []id.Role{org.Operator, org.User}},
		{"elsewhere", k.Momiji, []id.Role{org.Administrator}, []id.Role{org.Administrator, org.Accounts, org.Auditor, org.User}},
	} {
		who := join(t, h, "walker-"+one.who, one.in, one.give...)
		w := &walker{who: one.who, in: one.in, roles: one.hold, enter: func() *housetest.Visitor { return h.As(t, who, one.in) }}
		all = append(all, w)
	}
	mighty := join(t, h, "walker-token", k.Org, org.Administrator, org.Operator)
	return append(all, &walker{
		who: "token without scopes", in: k.Org, token: bearer(t, h, mighty, k.Org), enter: func() *housetest.Visitor { return h.Nobody(t) },
	})
}

// ask sends what a page or a program of the house would; a session that the
// last answer ended begins again.
func (w *walker) ask(base string, route web.Route, path string) housetest.Answer {
	header := http.Header{"Origin": {base}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept-Language": {"en"}}
	body := "a=b"
	if route.Edge == web.EdgeAPI {
		header.Set("Content-Type", "application/json")
		body = "{}"
	}
	if safe(route) {
		body = ""
		header.Del("Content-Type")
	}
	for key, values := range w.token {
		header[key] = values
	}
	for again := false; ; again = true {
		if w.now == nil {
			w.now = w.enter()
		}
		got := w.now.Send(route.Method, path, body, header)
		if got.Status != http.StatusUnauthorized || again || w.token != nil {
			return got
		}
		w.now = nil
	}
}

// at is a path that the route matches, in an organization.
func at(route web.Route, in id.Org) string {
	return address(web.Route{Path: strings.ReplaceAll(route.Path, "{org}", string(in))})
}

// refusedBy reports whether the answer is the refusal of a permission.
func refusedBy(book *words.Book, got housetest.Answer) bool {
	return got.Status == http.StatusForbidden && (strings.Contains(got.Body, `"not-permitted"`) || strings.Contains(got.Body, `"only-for-apps"`) ||
		strings.Contains(html.UnescapeString(got.Body), book.Say(words.English, "problem.not-permitted", nil)))
}

// asksMore are routes whose rule asks for the same permission somewhere else
// too: where an organization begins or ends, in the one above it.
var asksMore = []string{
	"POST /admin/organizations/new", "POST /admin/organizations/{org}/delete", "POST /api/v1/organizations", "DELETE /api/v1/organizations/{org}",
}

// TestEveryDoorAsksForItsPermission walks every route with everybody and holds
// the answer to what the permission's declaration says. New routes and new
// permissions walk along.
func TestEveryDoorAsksForItsPermission(t *testing.T) {
	h := housetest.House(t)
	book, err := words.Load(house.Sentences()...)
	if err != nil {
		t.Fatal(err)
	}
	walkers, declared, cells, refusals := cast(t, h), house.Permissions(), 0, 0
	for _, route := range h.Routes() {
		if route.Path == "/events" { // never ends
			continue
		}
		for _, w := range walkers {
			cells++
			got := w.ask(h.URL(), route, at(route, w.in))
			allowed := route.Permission == web.Public || route.Permission == web.SignedIn
			handler := allowed || slices.Contains(asksMore, name(route)) // decides by itself who may do what
			allowed = allowed || w.may(route.Permission, declared) || w.may(route.Or, declared)
			refused := refusedBy(book, got)
			if route.Edge == web.EdgeProtocol && w.token == nil { // which sees no cookie
				if got.Status != http.StatusUnauthorized && route.Permission != web.Public {
					t.Errorf("%s as %s, by a cookie: %d", name(route), w.who, got.Status)
				}
				continue
			}
			switch {
			case got.Status >= 500 && got.Status != http.StatusServiceUnavailable:
				t.Errorf("%s as %s: broken: %d %.200s", name(route), w.who, got.Status, got.Body)
			case !allowed && !refused:
				t.Errorf("A123 %s as %s: %d, want a refusal of %s: %.200s", name(route), w.who, got.Status, route.Permission, got.Body)
			case allowed && !handler && refused:
				t.Errorf("%s as %s: refused, though %s is theirs", name(route), w.who, route.Permission)
			case allowed && got.Status == http.StatusUnauthorized && route.Permission != web.Public && w.token == nil: // a token has no session to change
				t.Errorf("%s as %s: 401 %.200s", name(route), w.who, got.Body)
			}
			if !allowed {
				refusals++
			}
		}
	}
	if refusals < 100 {
		t.Errorf("only %d refusals were walked", refusals)
	}
	t.Logf("%d routes, %d walkers, %d cells, %d of them refusals", len(h.Routes()), len(walkers), cells, refusals)
}

// TestAServiceTokenOpensNothingElse walks every route with the token of a program
// that sends cards: what is not its own is refused as not for programs, whatever
// its sender's role (A123).
func TestAServiceTokenOpensNothingElse(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	walked := 0
	for _, role := range []sender.Role{sender.Admin, sender.Creator, sender.Auditor} {
		s, err := h.Senders().Put(ctx, id.OfPerson(k.Chika), sender.Sender{Org: k.Org, Name: string(role), Role: role, Audience: sender.Audience{Everybody: true}, Enabled: true})
		if err != nil {
			t.Fatal(err)
		}
		_, value, err := h.Senders().MakeToken(ctx, id.Local(0), "", k.Org, s.ID, sender.Lease{Days: 1, Overlap: -1})
		if err != nil {
			t.Fatal(err)
		}
		w := &walker{who: string(role), in: k.Org, token: http.Header{"Authorization": {"Bearer " + value.Reveal()}}, enter: func() *housetest.Visitor { return h.Nobody(t) }}
		for _, route := range h.Routes() {
			if route.Permission == web.Public {
				continue
			}
			walked++
			got := w.ask(h.URL(), route, at(route, w.in))
			refused := got.Status == http.StatusForbidden && strings.Contains(got.Body, "service token cannot do this")
			if refused == (route.Permission == web.Apps) {
				t.Errorf("A123 %s as %s: %d %.200s", name(route), role, got.Status, got.Body)
			}
		}
	}
	t.Logf("%d cells", walked)
}

var (
	requestIDs = regexp.MustCompile(`"request_id":"[^"]*"|<code>[0-9a-z]{26}</code>|data-copy="[0-9a-z]{26}"`)
	changing   = []string{"Date", "X-Request-Id", "Set-Cookie"}
)

// bare takes out of an answer what differs between any two.
func bare(got housetest.Answer, in id.Org) housetest.Answer {
	got.Header = got.Header.Clone()
	for _, key := range changing {
		got.Header.Del(key)
	}
	got.Body = strings.ReplaceAll(requestIDs.ReplaceAllString(got.Body, "-"), string(in), "ORG")
	return got
}

// TestAnotherOrganizationIsNotThere walks every route that names an
// organization (R4): one that the walker does not belong to answers exactly as
// one that was never made.
func TestAnotherOrganizationIsNotThere(t *testing.T) {
	t.Run("CAP-E1 one organization does not show another", anotherOrganizationIsNotThere)
}

func anotherOrganizationIsNotThere(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		third, err := h.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: "sakura", Title: "Sakura", Type: org.Customer, Parent: k.Org})
		if err != nil {
			t.Fatal(err)
		}
		chief := join(t, h, "chief", k.Momiji, org.Administrator)
		all := make([]string, 0, 32)
		for _, p := range house.Permissions() {
			all = append(all, p.Name)
		}
		walkers := []*walker{
			{who: "administrator elsewhere", enter: func() *housetest.Visitor { return h.As(t, chief, k.Momiji) }},
			{who: "token of an administrator elsewhere", token: bearer(t, h, chief, k.Momiji, all...), enter: func() *housetest.Visitor { return h.Nobody(t) }},
		}
		missing, cells := id.New[id.Org](time.Now()), 0
		for _, route := range h.Routes() {
			if !strings.Contains(route.Path, "{org}") {
				continue
			}
			if route.Permission != web.SignedIn && route.Target != "org" {
				t.Errorf("R4 %s: the organization is not the permission's target", name(route))
			}
			for _, w := range walkers {
				want := bare(w.ask(h.URL(), route, at(route, missing)), missing)
				if want.Status != http.StatusNotFound {
					t.Errorf("R4 %s as %s: of no organization %d %.200s", name(route), w.who, want.Status, want.Body)
				}
				for _, other := range []id.Org{k.Org, third.ID} {
					cells++
					got := bare(w.ask(h.URL(), route, at(route, other)), other)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("R4 %s as %s: of another organization (-missing +other):\n%s", name(route), w.who, diff)
					}
				}
			}
		}
		if cells == 0 {
			t.Error("no route names an organization")
		}
		t.Logf("%d cells", cells)
	})
}

package house_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// tenantIDs are the wildcards that name something of an organization.
var tenantIDs = []string{"{org}", "{person}", "{group}", "{role}"}

// nobodyKnows is an identifier that nothing has.
const nobodyKnows = "01m00000000000000000000000"

// requestID is the one thing by which two answers may differ.
var requestID = regexp.MustCompile(`[0-9a-hjkmnp-tv-z]{26}`)

// shape is an answer without what names the request: its own id, and the
// address that the page's forms lead back to.
func shape(a housetest.Answer, ids ...string) string {
	var b bytes.Buffer
	header := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	_ = header.Write(&b)
	b.WriteString(a.Body)
	text := b.String()
	for _, one := range ids {
		text = strings.ReplaceAll(text, one, "ID")
	}
	return requestID.ReplaceAllString(text, "REQUEST")
}

// TestR4TenantWalk walks every route that names something of an organization,
// as everybody: what is of an organization that the visitor does not know is
// answered exactly as what does not exist.
func TestR4TenantWalk(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		r, by := h.Register(), id.Local(0)
		group, err := r.PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: "sales", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		role, err := r.PutRole(t.Context(), by, org.Role{Org: k.Org, Name: "desk", Permissions: []string{org.PeopleRead}})
		if err != nil {
			t.Fatal(err)
		}
		real := map[string]string{"{org}": string(k.Org), "{person}": string(k.Aoi), "{group}": string(group.ID), "{role}": string(role.ID)}
		visitors := map[string]*housetest.Visitor{
			"its administrator": h.As(t, k.Chika, k.Org), "a member without a role": h.As(t, k.Daichi, k.Org),
			"another's administrator": h.As(t, k.Ume, k.Momiji), "nobody": h.Nobody(t),
		}
		cells, routes := 0, 0
		for _, route := range h.Routes() {
			if !namesOne(route, tenantIDs) {
				continue
			}
			routes++
			for who, visitor := range visitors {
				cells++
				walkTenant(t, visitor, route, real, string(k.Momiji), who)
			}
		}
		if routes < 60 {
			t.Errorf("only %d routes name something of an organization", routes)
		}
		t.Logf("%d routes, %d cells", routes, cells)
	})
}

func namesOne(route web.Route, wildcards []string) bool {
	for _, one := range wildcards {
		if strings.Contains(route.Path, one) {
			return true
		}
	}
	return false
}

// same holds that two refusals cannot be told apart.
func same(t *testing.T, route web.Route, theirs, missing housetest.Answer, real map[string]string) {
	t.Helper()
	ids := []string{nobodyKnows}
	for _, one := range real {
		ids = append(ids, one)
	}
	if theirs.Status < 400 || theirs.Status != missing.Status || shape(theirs, ids...) != shape(missing, ids...) {
		t.Errorf("R4 %s: %d, missing %d\n%.300s\n%.300s", name(route), theirs.Status, missing.Status, theirs.Body, missing.Body)
	}
}

func walkTenant(t *testing.T, visitor *housetest.Visitor, route web.Route, real map[string]string, own, who string) {
	t.Helper()
	theirs, missing := route.Path, route.Path
	for wildcard, one := range real {
		theirs, missing = strings.ReplaceAll(theirs, wildcard, one), strings.ReplaceAll(missing, wildcard, nobodyKnows)
	}
	theirs, missing = wildcard.ReplaceAllString(theirs, "x"), wildcard.ReplaceAllString(missing, "x")
	ask := func(path string) housetest.Answer {
		header, body := http.Header{}, ""
		if !safe(route) {
			header.Set("Origin", strings.TrimSuffix(visitor.Base(), "/"))
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			body = "a=b"
			if route.Edge == web.EdgeAPI {
				header.Set("Content-Type", "application/json")
				body = `{"version":1}`
			}
		}
		return visitor.Send(route.Method, path, body, header)
	}
	switch who {
	case "nobody":
		if got := ask(theirs); got.Status != http.StatusUnauthorized {
			t.Errorf("R4 %s as %s: %d", name(route), who, got.Status)
		}
	case "a member without a role":
		if got := ask(theirs); got.Status < 300 && !(safe(route) && strings.HasSuffix(route.Path, "/organizations/{org}")) {
			t.Errorf("R4 %s as %s: %d", name(route), who, got.Status)
		}
	case "another's administrator":
		same(t, route, ask(theirs), ask(missing), real)
		if inner := strings.ReplaceAll(route.Path, "{org}", own); namesOne(web.Route{Path: inner}, tenantIDs) && inner != route.Path {
			theirs, missing := inner, inner // their own organization, and what is in another
			for wildcard, one := range real {
				theirs, missing = strings.ReplaceAll(theirs, wildcard, one), strings.ReplaceAll(missing, wildcard, nobodyKnows)
			}
			same(t, route, ask(wildcard.ReplaceAllString(theirs, "x")), ask(wildcard.ReplaceAllString(missing, "x")), real)
		}
	default:
		if safe(route) && !strings.Contains(theirs, "/x") {
			if got := ask(theirs); got.Status != http.StatusOK {
				t.Errorf("%s as %s: %d %.200s", name(route), who, got.Status, got.Body)
			}
		}
	}
}

package house_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/welcome"
	"github.com/sekisho/sekisho/internal/words"
)

// checkPermissions returns what is wrong with routes and permissions: one that
// nobody declared can be given to nobody, or to everybody by mistake; one
// without words cannot be understood by whoever gives it.
func checkPermissions(routes []web.Route, declared []org.Permission, said func(words.Lang, string) string) (found []string) {
	known := []string{web.Public, web.SignedIn, web.Apps, console.Unseal, welcome.RecoverPermission} // the last two: processes of the machine alone
	for i, p := range declared {
		if slices.ContainsFunc(declared[:i], func(o org.Permission) bool { return o.Name == p.Name }) {
			found = append(found, p.Name+": declared twice")
		}
		if slices.Contains(known, p.Name) {
			found = append(found, p.Name+": a word of the router's own")
		}
		for _, lang := range words.Langs {
			if said(lang, "permission."+p.Name) == "" {
				found = append(found, p.Name+": no words permission."+p.Name+" in "+string(lang))
			}
		}
	}
	for _, p := range declared {
		known = append(known, p.Name)
	}
	for _, route := range routes {
		for _, one := range []string{route.Permission, route.Or} {
			if one != "" && !slices.Contains(known, one) {
				found = append(found, name(route)+": nobody declared "+one)
			}
		}
		if route.Or != "" && (route.Permission == web.Public || route.Or == web.Public || route.Or == web.SignedIn) {
			found = append(found, name(route)+": open to everybody beside "+route.Permission)
		}
		if route.Target != "" && !strings.Contains(route.Path, "{"+route.Target+"}") {
			found = append(found, name(route)+": its target "+route.Target+" is no part of the path")
		}
	}
	return found
}

func TestPermissionsAreDeclaredAndSaid(t *testing.T) {
	book, err := words.Load(house.Sentences()...)
	if err != nil {
		t.Fatal(err)
	}
	h := housetest.House(t)
	for _, bad := range checkPermissions(h.Routes(), house.Permissions(), book.Raw) {
		t.Error(bad)
	}
	t.Logf("%d permissions, %d routes", len(house.Permissions()), len(h.Routes()))
	said := func(_ words.Lang, key string) string {
		return map[string]string{"permission.a": "A", "permission.b": "B"}[key]
	}
	known := []org.Permission{{Name: "a"}, {Name: "b"}}
	for _, broken := range []struct {
		want  string
		route web.Route
		extra []org.Permission
	}{
		{"nobody declared c", web.Route{Method: "GET", Path: "/x", Permission: "c"}, nil},
		{"nobody declared c", web.Route{Method: "GET", Path: "/x", Permission: "a", Or: "c"}, nil},
		{"open to everybody", web.Route{Method: "GET", Path: "/x", Permission: "a", Or: web.SignedIn}, nil},
		{"its target org is no part", web.Route{Method: "GET", Path: "/x/{organization}", Permission: "a", Target: "org"}, nil},
		{"c: no words", web.Route{Method: "GET", Path: "/x", Permission: "a"}, []org.Permission{{Name: "c"}}},
		{"a: declared twice", web.Route{Method: "GET", Path: "/x", Permission: "a"}, []org.Permission{{Name: "a"}}},
		{"a word of the router's own", web.Route{Method: "GET", Path: "/x", Permission: "a"}, []org.Permission{{Name: web.Public}}},
	} {
		found := checkPermissions([]web.Route{broken.route}, append(slices.Clone(known), broken.extra...), said)
		if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, broken.want) }) {
			t.Errorf("%+v: found %v, want %q", broken, found, broken.want)
		}
	}
	if found := checkPermissions([]web.Route{{Method: "GET", Path: "/x/{org}", Permission: "a", Or: "b", Target: "org"}, {Method: "GET", Path: "/", Permission: web.Public}}, known, said); len(found) > 0 {
		t.Errorf("a sound sample: %v", found)
	}
}

package house_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

// heaviest is how many bytes a page of the API's description may have.
const heaviest = 120 << 10

// TestTheAPIIsShown holds the pages of the description to the description: who
// reads them sees every operation, with what it takes, what it needs, what it
// answers and a request to copy.
func TestTheAPIIsShown(t *testing.T) {
	h := housetest.House(t)
	nobody, doc := h.Nobody(t), served(t, h)
	first := nobody.Get("/api/docs")
	if first.Status != http.StatusOK || len(first.Body) > heaviest {
		t.Fatalf("%d, %d bytes", first.Status, len(first.Body))
	}
	pages := map[string]string{}
	for _, d := range doc.operations() {
		tag, name := fmt.Sprint(d.op["tags"].([]any)[0]), fmt.Sprint(d.op["operationId"])
		if pages[tag] == "" {
			got := nobody.Get("/api/docs/" + url.PathEscape(tag))
			if pages[tag] = html.UnescapeString(got.Body); got.Status != http.StatusOK || len(got.Body) > heaviest {
				t.Errorf("%s: %d, %d bytes", tag, got.Status, len(got.Body))
			}
		}
		if !strings.Contains(first.Body, `href="/api/docs/`+tag+"#"+name+`"`) {
			t.Errorf("CAP-M3 no way leads to %s", name)
		}
		_, section, _ := strings.Cut(pages[tag], `id="`+name+`"`)
		section, _, _ = strings.Cut(section, "</section>")
		wants := []string{d.path, d.method, "curl -X " + d.method, "<details"}
		for _, p := range list(d.op["parameters"]) {
			wants = append(wants, "<code>"+fmt.Sprint(p["name"])+"</code>")
		}
		for member := range mapOf(doc.answer(d.op)["properties"]) {
			wants = append(wants, "<code>"+member+"</code>")
		}
		if permission := fmt.Sprint(d.op["x-permission"]); strings.Contains(permission, ".") && d.op["x-socket"] == nil {
			wants = append(wants, "<code>"+permission)
		}
		for _, e := range list(d.op["x-examples"]) {
			if e["code"] != nil {
				wants = append(wants, fmt.Sprint(e["code"]))
			}
		}
		for _, want := range wants {
			if !strings.Contains(section, want) {
				t.Errorf("CAP-M3 %s is shown without %q", name, want)
			}
		}
	}
	t.Logf("%d pages", len(pages)+1)
}

func TestTheAPIIsFound(t *testing.T) {
	h := housetest.House(t)
	nobody := h.Nobody(t)
	for _, row := range []struct {
		name, path string
		status     int
		has, not   string
	}{
		{"a word", "/api/docs?q=passkey", 200, "add-own-passkey", "list-notices"},
		{"two words, in any case", "/api/docs?q=PASSKEY+delete", 200, "remove-own-passkey", "#add-own-passkey"},
		{"a permission", "/api/docs?q=audit.read", 200, "search-records", "list-notices"},
		{"nothing", "/api/docs?q=zebra", 200, "zebra", "#list-notices"},
		{"A131 what is searched for is text", "/api/docs?q=" + url.QueryEscape(`"><script>`), 200, "&lt;script&gt;", `"><script>`},
		{"no such tag", "/api/docs/zebra", 404, "", "#list-notices"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := nobody.Get(row.path)
			if got.Status != row.status || !strings.Contains(got.Body, row.has) || strings.Contains(got.Body, row.not) {
				t.Errorf("%d, want %d with %q and without %q", got.Status, row.status, row.has, row.not)
			}
		})
	}
	got := nobody.Send(http.MethodGet, "/api/docs/members", "", http.Header{"Accept-Language": {"ja"}})
	for _, want := range []string{`<html lang="ja">`, "必要な権限", `lang="en"`} {
		if !strings.Contains(got.Body, want) {
			t.Errorf("CAP-M5 Japanese lacks %q", want)
		}
	}
	if policy := got.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") && !strings.Contains(policy, "default-src 'self'") {
		t.Errorf("policy %q", policy)
	}
}

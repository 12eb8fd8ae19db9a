package ui_test

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"github.com/sekisho/sekisho/internal/web/ui"
)

var hrefs = regexp.MustCompile(`<a href="([^"]*)"`)

// An announcement leads where it names an address, and nowhere else.
func TestBannersLeadWhereTheyName(t *testing.T) {
	for text, want := range map[string][]string{
		"A133 javascript:alert(1) data:text/html,x vbscript:x //evil.example ftp://x.example": nil,
		`A133 https://x.example/"onclick="alert(1)`:                                           {"https://x.example/"},
		"See http://localhost:8081/.":                                                         {"http://localhost:8081/"},
		"詳細は https://kaede.example/move?a=1&b=2#top をご覧ください。":                                 {"https://kaede.example/move?a=1&amp;b=2#top"},
		"ガイド(https://kaede.example/guide)":                                                    {"https://kaede.example/guide"},
		"https://a.example https://b.example":                                                 {"https://a.example", "https://b.example"},
		"no address":                                                                          nil,
	} {
		var out bytes.Buffer
		if err := ui.ShowBanner(ui.Banner{Title: "t", Text: text}).Render(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range hrefs.FindAllStringSubmatch(out.String(), -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s leads to %q: %s", text, got, out.String())
		}
	}
}

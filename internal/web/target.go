package web

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
)

const maxTarget = 8 << 10 // bytes of path and query

// checkTarget refuses request targets that two parsers could read in two ways
// (A173, A174): what passes has one path, and rule and handler see the same.
func checkTarget(r *http.Request) *fault.Fault {
	if len(r.RequestURI) > maxTarget {
		return fault.New(fault.Invalid, "target-too-long")
	}
	rawPath, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(rawPath, "/") || ambiguousRaw(rawPath) || ambiguousPath(r.URL.Path) {
		return fault.New(fault.Invalid, "path-ambiguous")
	}
	// No engine's text takes a NUL, and what is behind it some reader leaves out.
	said, err := url.QueryUnescape(query)
	if err != nil || strings.ContainsAny(query, "#;\\") || !utf8.ValidString(said) || strings.IndexByte(said, 0) >= 0 {
		return fault.New(fault.Invalid, "query-malformed")
	}
	return nil
}

// ambiguousRaw finds encodings of characters that mean something in a path.
// %25 would be decoded twice by somebody.
func ambiguousRaw(path string) bool {
	for rest := path; ; {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			break
		}
		if at+3 > len(rest) {
			return true
		}
		switch strings.ToLower(rest[at+1 : at+3]) {
		case "2f", "5c", "2e", "25", "3b", "3f", "23", "00":
			return true
		}
		rest = rest[at+3:]
	}
	return strings.ContainsAny(path, "#\\;")
}

func ambiguousPath(path string) bool {
	if !utf8.ValidString(path) || strings.Contains(path, "//") || strings.IndexFunc(path, unseen) >= 0 {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

func unseen(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// Local returns path if it stays on this site, else "/" (A009). It accepts an
// absolute path with a query; anything that a browser could read as another
// origin ("//", "/\", control characters, encoded slashes) falls back.
func Local(path string) string {
	raw, query, _ := strings.Cut(path, "?")
	decoded, err := url.PathUnescape(raw)
	bad := err != nil || len(path) > maxTarget || !strings.HasPrefix(raw, "/") || ambiguousRaw(raw) || ambiguousPath(decoded) ||
		strings.ContainsAny(query, "\\#") || !utf8.ValidString(query) || strings.IndexFunc(query, unseen) >= 0
	if bad {
		return "/"
	}
	return path
}

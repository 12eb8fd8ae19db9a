package definition

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// The quoting helpers of expressions. Building a query out of strings is
// injection (A116), so a value goes in through the helper of its language. What
// a helper cannot make harmless it refuses; it never strips.

// refused is the error of a helper: the input is wrong, not the system.
type refused struct{ helper, why string }

func (r *refused) Error() string { return r.helper + ": " + r.why }

// longestQuoted is more than any id has; lists of ids go in as one value.
const longestQuoted = 4000

func quoting() []cel.EnvOption {
	var out []cel.EnvOption
	for name, quote := range map[string]func(string) (string, string){
		"snq": quoteServiceNow, "rtq": quoteTicketSQL, "jqlq": quoteJQL, "urlpath": quotePath,
	} {
		out = append(out, cel.Function(name, cel.Overload(name+"_string", []*cel.Type{cel.StringType}, cel.StringType,
			cel.UnaryBinding(func(value ref.Val) ref.Val { return quoted(name, value, quote) }))))
	}
	return out
}

func quoted(name string, value ref.Val, quote func(string) (string, string)) ref.Val {
	text, ok := value.Value().(string)
	if !ok {
		return types.WrapErr(&refused{name, "not a text"})
	}
	switch {
	case text == "":
		return types.WrapErr(&refused{name, "the value is empty"}) // to a query that means: whoever has none
	case len(text) > longestQuoted:
		return types.WrapErr(&refused{name, "the value is too long"})
	case strings.ContainsFunc(text, Unspeakable):
		return types.WrapErr(&refused{name, "the value holds control characters"})
	}
	out, why := quote(text)
	if why != "" {
		return types.WrapErr(&refused{name, why})
	}
	return types.String(out)
}

// Unspeakable are characters that no id or name needs and that end lines, change
// the direction of text or stand for bytes that are no text.
func Unspeakable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar || r == '\u2028' || r == '\u2029'
}

// quoteServiceNow guards a value in an encoded query, whose parts are joined by
// ^. A value that begins with "javascript:" would be run by the server.
func quoteServiceNow(s string) (string, string) {
	switch {
	case strings.Contains(s, "^"):
		return "", "the value holds ^"
	case strings.Contains(strings.ToLower(s), "javascript:"):
		return "", "the value holds a script"
	}
	return s, ""
}

// quoteTicketSQL makes a literal of Request Tracker's TicketSQL.
func quoteTicketSQL(s string) (string, string) {
	if strings.ContainsAny(s, `'"\`) {
		return "", "the value holds quotes or backslashes"
	}
	return "'" + s + "'", ""
}

// quoteJQL makes a literal of Jira's query language.
func quoteJQL(s string) (string, string) {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, ""
}

// quotePath makes one element of a path. Dots that climb are refused in every
// spelling, also in one that a server takes apart twice.
func quotePath(s string) (string, string) {
	for plain := s; ; {
		parts := strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' || r == ';' })
		if slices.Contains(parts, "..") || slices.Contains(parts, ".") {
			return "", "the value is no name of a record"
		}
		next, err := url.PathUnescape(plain)
		if err != nil || next == plain {
			break
		}
		plain = next
	}
	return strings.ReplaceAll(url.PathEscape(s), ":", "%3A"), ""
}

// basic makes the value of an Authorization header; only auth.headers has it.
func basic() cel.EnvOption {
	return cel.Function("basic", cel.Overload("basic_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.StringType,
		cel.BinaryBinding(func(user, password ref.Val) ref.Val {
			u, _ := user.Value().(string)
			p, _ := password.Value().(string)
			return types.String(basicAuth(u, p))
		})))
}

// basicAuth is RFC 7617 in UTF-8.
func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

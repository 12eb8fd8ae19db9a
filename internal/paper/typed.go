package paper

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
)

// Lines are the lines of a text field that are not empty.
func Lines(typed url.Values, name string) (all []string) {
	for line := range strings.Lines(typed.Get(name)) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// Text is the trimmed text of a field.
func Text(typed url.Values, name string) string { return strings.TrimSpace(typed.Get(name)) }

// unshown are controls, and the marks that turn the direction of text.
var unshown = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{061c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// CheckText says what keeps a text of at most so many characters from being shown
// as it is (A128).
func CheckText(bad *fault.Checks, path, text string, most int, required bool) {
	switch {
	case text == "" && required:
		bad.Add(path, "field-required")
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(text) > most:
		bad.Add(path, "field-too-long", "limit", most)
	case unshown.MatchString(text):
		bad.Add(path, "text-has-controls")
	}
}

// Number reads a whole number; an empty field is 0, and what is none is said.
func Number(typed url.Values, name string, bad *fault.Checks) int {
	text := Text(typed, name)
	n, err := strconv.Atoi(text)
	if text != "" && err != nil {
		bad.Add(name, "paper-number-out-of-range", "least", 0, "most", NumberMost)
	}
	return n
}

// NumberMost is the largest number that any paper takes.
const NumberMost = 1000

// Within says that a number is out of its bounds.
func Within(bad *fault.Checks, path string, n, least, most int) {
	if n < least || n > most {
		bad.Add(path, "paper-number-out-of-range", "least", least, "most", most)
	}
}

// Digits are a number for a form: "" for 0.
func Digits(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// Person is person:NAME of a name that may say so already.
func Person(name string) string {
	if strings.Contains(name, ":") {
		return name
	}
	return "person:" + name
}

// Bare is the name without person: before it.
func Bare(named string) string { return strings.TrimPrefix(named, "person:") }

// Refers says that a name is not of one of the kinds: "group", or "owner" for a
// word of its own.
func Refers(bad *fault.Checks, path, named string, kinds ...string) {
	kind, which, with := strings.Cut(named, ":")
	for _, one := range kinds {
		if one == kind && with == (which != "") {
			if with || !naming[one] {
				return
			}
		}
	}
	bad.Add(path, "paper-reference-unclear", "name", named, "form", forms(kinds))
}

// naming are the kinds that need a name behind them.
var naming = map[string]bool{"person": true, "group": true, "role": true, "on-call": true}

func forms(kinds []string) string {
	var all []string
	for _, one := range kinds {
		if naming[one] {
			one += ":…"
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

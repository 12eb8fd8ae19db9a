package connectortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/secret"
)

// saidBack: a system that repeats the credential where a text of its answer
// stood, one text after another, brings it neither to a ticket nor to a card nor
// into words about what went wrong (C24).
func (s *suite) saidBack(t *testing.T) {
	masked := 0
	for _, x := range s.shown() {
		texts := 0
		for i := range x.Exchanges {
			_, _, body := x.Exchanges[i].Response.Plain()
			var value any
			if json.Unmarshal(body, &value) != nil {
				continue
			}
			texts += countTexts(value)
		}
		for which := range texts {
			server := serve(t, repeating(x, which))
			out, err := s.engine.Run(t.Context(), s.call(x, server.URL))
			said := fmt.Sprint(out, err)
			if speaks(said) {
				t.Errorf("%s: text %d of the answers: %s", x.Op, which, said)
			}
			if err == nil && strings.Contains(said, secret.Redacted) {
				masked++
			}
			server.Close()
		}
	}
	if masked == 0 {
		t.Error("nothing that was said back came as far as an answer: nothing was shown")
	}
}

// repeating answers as the example recorded, with the credential for one of the
// texts of its answers.
func repeating(x *definition.Example, which int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, r *http.Request) {
		before := 0
		for i := range x.Exchanges {
			status, header, body := x.Exchanges[i].Response.Plain()
			var value any
			if json.Unmarshal(body, &value) == nil {
				left := which - before
				before += countTexts(value)
				if i == n%len(x.Exchanges) {
					value = swapped(value, &left, credentialOf(r))
					body, _ = json.Marshal(value)
				}
			}
			if i == n%len(x.Exchanges) {
				answer(w, status, header, body)
				return
			}
		}
	}
}

// credentialOf is the header that has the credential, "" without one.
func credentialOf(r *http.Request) string {
	for _, values := range r.Header {
		if slices.ContainsFunc(values, speaks) {
			return values[0]
		}
	}
	return ""
}

func countTexts(value any) (n int) {
	switch v := value.(type) {
	case string:
		return 1
	case []any:
		for _, one := range v {
			n += countTexts(one)
		}
	case map[string]any:
		for _, one := range v {
			n += countTexts(one)
		}
	}
	return n
}

// swapped is the value with another text for the one at left, counted from 0 in
// the order of the names.
func swapped(value any, left *int, text string) any {
	switch v := value.(type) {
	case string:
		*left--
		if *left == -1 {
			return text
		}
	case []any:
		for i := range v {
			v[i] = swapped(v[i], left, text)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = swapped(v[name], left, text)
		}
	}
	return value
}

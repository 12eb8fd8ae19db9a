package people_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

var (
	ctx  = context.Background()
	root = id.Local(0)
)

// company is a house with its people and who looks at it.
type company struct {
	housetest.Kaede
	home            *housetest.Home
	chika, aoi, ume *housetest.Visitor // administrator and operator; user; administrator of the customer
	nobody          *housetest.Visitor
}

func each(t *testing.T, f func(t *testing.T, c company)) {
	t.Helper()
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		f(t, company{
			Kaede: k, home: h, chika: h.As(t, k.Chika, k.Org), aoi: h.As(t, k.Aoi, k.Org), ume: h.As(t, k.Ume, k.Momiji),
			nobody: h.Nobody(t),
		})
	})
}

// decoded reads an answer into T.
func decoded[T any](t *testing.T, a housetest.Answer, status int) T {
	t.Helper()
	var out T
	if a.Status != status {
		t.Fatalf("%d, want %d: %s", a.Status, status, a.Body)
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil && a.Body != "" {
		t.Fatalf("%v: %s", err, a.Body)
	}
	return out
}

// problem is what the API says of a refusal.
type problem struct {
	Code   string
	Errors []struct{ Field, Code string }
}

func code(t *testing.T, a housetest.Answer) string {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		return http.StatusText(a.Status)
	}
	for _, e := range p.Errors {
		p.Code += " " + e.Field + "=" + e.Code
	}
	return p.Code
}

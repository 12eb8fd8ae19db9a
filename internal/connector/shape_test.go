package connector_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/secret"
)

// mirror is a definition that maps what the system says as it is.
const mirror = `apiVersion: sekisho/connector/v1
id: mirror
title: {en: Mirror}
zone: "+09:00"
settings: {base_url: {type: url, required: true}}
hosts: ["{base_url}"]
auth: {modes: [user], schemes: {header_token: {}}, headers: {X-Key: cred.token}}
operations:
  whoami:
    steps: [{id: u, request: {method: GET, path: "'/me'"}}]
    map: steps.u.body
  ticket.get:
    steps: [{id: t, request: {method: GET, path: "'/t/' + urlpath(arg.id)"}}]
    map: steps.t.body
  catalog.order:
    steps: [{id: o, request: {method: POST, path: "'/o/' + urlpath(arg.id)"}}]
    map: steps.o.body
`

// mirrored gives a call whose system answers with the value.
func mirrored(t *testing.T, value any) connector.Call {
	t.Helper()
	d, err := connector.Parse("mirror.yaml", []byte(mirror))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value)
	}))
	t.Cleanup(s.Close)
	return connector.Call{Definition: d, Settings: map[string]any{"base_url": s.URL}, Credential: connector.Credential{Token: secret.Of("key-of-mirror")}}
}

func TestATicketThatIsNotTheOneIsRefused(t *testing.T) {
	e := engine(t)
	for name, answer := range map[string]any{
		"A116 another ticket":        map[string]any{"id": "T-2", "title": "x", "state": "approved"},
		"A116 another case":          map[string]any{"id": "t-1", "title": "x", "state": "approved"},
		"A116 with a blank":          map[string]any{"id": "T-1 ", "title": "x", "state": "approved"},
		"A116 no id":                 map[string]any{"title": "x", "state": "approved"},
		"A116 an id that is a list":  map[string]any{"id": []string{"T-1"}, "state": "approved"},
		"A116 an id with a line end": map[string]any{"id": "T-1\n", "state": "approved"},
		"a requester that is a text": map[string]any{"id": "T-1", "requester": "alice"},
		"lines that are a map":       map[string]any{"id": "T-1", "assets": map[string]any{"a": 1}},
		"a time that is none":        map[string]any{"id": "T-1", "createdAt": "yesterday"},
		"a priority that is none":    map[string]any{"id": "T-1", "priority": "urgent"},
		"a list":                     []any{1},
		"nothing":                    nil,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := e.Ticket(t.Context(), mirrored(t, answer), "T-1"); connector.KindOf(err) != connector.Invalid || got.State != "" {
				t.Fatal(got, err)
			}
		})
	}
}

func TestTextOfTicketsIsHarmless(t *testing.T) {
	e := engine(t)
	for _, text := range []string{
		"<script>alert(1)</script>", "=cmd|' /C calc'!A0", "[x](javascript:alert(1))", "\u202etxt.exe", "\u2066x\u2069", "a\x00b\x1b[31m", "\ufeffx", "x\u200fy",
		strings.Repeat("あ", 30_000),
	} {
		t.Run(fmt.Sprintf("A129 %.12q", text), func(t *testing.T) {
			got, err := e.Ticket(t.Context(), mirrored(t, map[string]any{"id": "T-1", "title": text, "state": "open", "url": "javascript:alert(1)"}), "T-1")
			if err != nil || got.URL != "" || len(got.Title) > 20_010 || strings.ContainsAny(got.Title, "\u202e\u2066\u2069\u200f\ufeff\x00\x1b") || got.Title == "" {
				t.Fatalf("%.40q %v", got.Title, err)
			}
		})
	}
}

func TestStatesAndTimes(t *testing.T) {
	e := engine(t)
	for _, state := range []any{"", "pending", "APPROVED", "approved ", "yes", nil, true, 1} {
		got, err := e.Ticket(t.Context(), mirrored(t, map[string]any{"id": "T-1", "state": state}), "T-1")
		if err != nil || got.State != connector.Unmapped {
			t.Errorf("TRAP-C17: %v became %q, %v", state, got.State, err)
		}
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[any]time.Time{
		"1970-01-01T00:00:00Z": {}, "": {}, nil: {}, "2026-01-01T00:00:00Z": at, "2026-01-01 09:00:00": at, "2026-01-01T09:00:00+0900": at, 1767225600000: at,
	} {
		got, err := e.Ticket(t.Context(), mirrored(t, map[string]any{"id": "T-1", "state": "open", "createdAt": text}), "T-1")
		if err != nil || !got.CreatedAt.Equal(want) {
			t.Errorf("TRAP-C9: %v became %v, %v", text, got.CreatedAt, err)
		}
	}
}

func TestAnOrderWithoutANumberIsNone(t *testing.T) {
	e := engine(t)
	_, err := e.Order(t.Context(), mirrored(t, map[string]any{"id": "cart-1"}), connector.Wish{Item: "laptop"})
	if p, ok := err.(*connector.Problem); !ok || p.Kind != connector.NotApplied || !p.Sent {
		t.Fatal("C7", err)
	}
}

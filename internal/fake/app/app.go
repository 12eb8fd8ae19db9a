// Package app is a program that sends cards and hears what was decided, as an
// application of somebody's own would: it knows the address of the house, its
// own callback and the public keys, and believes nothing else.
package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/wire/httpsig"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// Options is what the program knows.
type Options struct {
	House    string // its address: the issuer
	Callback string // where the program is called, exactly
	Clock    clock.Clock
	// Keys reads what the house publishes at /keys/jwks.json.
	Keys func(ctx context.Context) ([]byte, error)
}

// Decision is one that was told, as the program believes it.
type Decision struct {
	ID            string            `json:"jti"`
	Issuer        string            `json:"iss"`
	Audience      string            `json:"aud"`
	Until         int64             `json:"exp"`
	Key           string            `json:"key"`
	SentCard      string            `json:"sent_card"`
	Card          string            `json:"card"`
	CardDigest    string            `json:"card_digest"`
	ContentDigest string            `json:"content_digest"`
	Decision      string            `json:"decision"`
	Inputs        map[string]string `json:"inputs"`
	Reason        string            `json:"reason"`
	Person        struct{ ID, Login, Name, Email string }
}

// App is the program.
type App struct {
	Options
	mu      sync.Mutex
	content map[string]string // of each message, its content digest
	done    map[string]bool   // by jti
	told    []Decision
	calls   []string // what came of each call
	answers []int
	message string
	raw     [][]byte
}

// New makes the program.
func New(o Options) *App {
	return &App{Options: o, content: map[string]string{}, done: map[string]bool{}}
}

// Expects tells the program what it has sent: a decision about anything else is
// refused.
func (a *App) Expects(message, contentDigest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.content[message] = contentDigest
}

// Answer lets the next calls that verify be answered with these statuses, saying
// message; afterwards with 200 again.
func (a *App) Answer(message string, statuses ...int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.message, a.answers = message, statuses
}

// Told returns the decisions that the program has done, once each.
func (a *App) Told() []Decision {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.told)
}

// Calls says what came of each call: "done", "again", "answered 503", or why it
// was refused.
func (a *App) Calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// Bodies are those of all calls.
func (a *App) Bodies() [][]byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.raw)
}

// ServeHTTP hears a decision.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	status, what := a.hear(r.Context(), r.Method, r.Header, body)
	a.mu.Lock()
	a.calls, a.raw = append(a.calls, what), append(a.raw, body)
	message := a.message
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// hear believes a decision once it is signed by the house for this address, not
// over, about something that was sent, and not done before.
func (a *App) hear(ctx context.Context, method string, header http.Header, body []byte) (int, string) {
	d, err := a.Verify(ctx, method, header, body)
	if err != nil {
		return http.StatusForbidden, err.Error()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.done[d.ID]:
		return http.StatusOK, "again"
	case a.content[d.SentCard] != d.ContentDigest:
		return http.StatusForbidden, errDigest.Error()
	case len(a.answers) > 0:
		status := a.answers[0]
		a.answers = a.answers[1:]
		return status, "answered " + strconv.Itoa(status)
	}
	a.message = ""
	a.done[d.ID] = true
	a.told = append(a.told, d)
	return http.StatusOK, "done"
}

var (
	errDigest = errors.New("app: it is not about what was sent")
	errOther  = errors.New("app: it is for somebody else, or from somebody else")
)

// leeway is how far the clocks of house and program may be apart.
const leeway = time.Minute

// Verify reads a call by public keys alone.
func (a *App) Verify(ctx context.Context, method string, header http.Header, body []byte) (d Decision, err error) {
	set, err := a.Keys(ctx)
	if err != nil {
		return d, err
	}
	keys, err := jws.ParseSet(set)
	if err != nil {
		return d, err
	}
	if header.Get("Content-Type") == "application/jwt" {
		claims, err := jws.Verify(string(body), keys, jws.Expect{
			Type: "sekisho-decision+jwt", Issuer: a.House, Audience: a.Callback, Now: a.Clock.Now(), Leeway: leeway, Life: 5 * time.Minute, ID: true,
		})
		if err != nil {
			return d, err
		}
		return d, json.Unmarshal(claims.Payload, &d)
	}
	m := httpsig.Message{Method: method, Target: a.Callback, Header: header, Body: body}
	if _, err := httpsig.Verify(m, keys, "sekisho-decision", a.Clock.Now(), leeway); err != nil {
		return d, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, err
	}
	if d.Issuer != a.House || d.Audience != a.Callback {
		return d, errOther
	}
	return d, nil
}

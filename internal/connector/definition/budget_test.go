package definition_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/secret"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// No request goes out before the system wants one again, whoever asks (C26).
func TestNothingIsAskedBeforeItsTime(t *testing.T) {
	d := parse(t, "limits: {rps: 100, burst: 100}\n")
	for _, c := range []struct {
		name    string
		headers []any
		wait    time.Duration
	}{
		{"C26 seconds", []any{429, "Retry-After", "120"}, 2 * time.Minute},
		{"C26 a date by the system's own clock", []any{429, "Date", "Thu, 01 Jan 2026 10:00:00 GMT", "Retry-After", "Thu, 01 Jan 2026 10:05:00 GMT"}, 5 * time.Minute},
		{"C26 a date that is over", []any{429, "Date", "Thu, 01 Jan 2026 10:00:00 GMT", "Retry-After", "Thu, 01 Jan 2026 09:00:00 GMT"}, time.Second},
		{"C26 a century", []any{429, "Retry-After", "3153600000"}, 24 * time.Hour},
		{"C26 503 with a time", []any{503, "Retry-After", "30"}, 30 * time.Second},
		{"C26 no time at all", []any{429}, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int64
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) == 1 {
					say(w, "", c.headers...)
					return
				}
				say(w, `{"id":"x"}`)
			})
			moved := clock.NewMoved(noon)
			e := runner(t, moved, "127.0.0.0/8")
			use := call(d, s.URL, "whoami", nil)
			use.Budget = definition.NewBudget(d.Limits, moved)
			if _, err := e.Run(t.Context(), use); err == nil {
				t.Fatal("the refusal went unseen")
			}
			moved.Advance(c.wait - 50*time.Millisecond)
			_, err := e.Run(t.Context(), use)
			if p := problem(t, err); calls.Load() != 1 || p.RetryAfter <= 0 {
				t.Fatal(err, calls.Load())
			}
			moved.Advance(c.wait/4 + 100*time.Millisecond)
			if _, err := e.Run(t.Context(), use); err != nil || calls.Load() != 2 {
				t.Fatal(err, calls.Load())
			}
		})
	}
}

func TestASystemThatDoesNotAnswerRests(t *testing.T) {
	d := parse(t, "limits: {rps: 100, burst: 100}\n")
	var calls atomic.Int64
	down := true
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1); down {
			say(w, "", 502)
			return
		}
		say(w, `{"id":"x"}`)
	})
	moved := clock.NewMoved(noon)
	e := runner(t, moved, "127.0.0.0/8")
	use := call(d, s.URL, "whoami", nil)
	use.Budget = definition.NewBudget(d.Limits, moved)
	for range 20 {
		if _, err := e.Run(t.Context(), use); definition.KindOf(err) != definition.Unavailable {
			t.Fatal(err)
		}
	}
	if calls.Load() != 5 {
		t.Fatalf("%d requests to a system that is down", calls.Load())
	}
	down = false
	moved.Advance(7 * time.Second)
	if _, err := e.Run(t.Context(), use); err != nil {
		t.Fatal(err)
	}
	if left, why := use.Budget.Resting(); left != 0 || why != "" {
		t.Fatal(left, why)
	}
}

// A hundred people over one connection never are more at once than it allows.
func TestAConnectionIsSharedWithinItsLimits(t *testing.T) {
	d := parse(t, "limits: {rps: 100, burst: 100, concurrency: 3}\n")
	var now, most atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		now.Add(-1)
		say(w, `{"id":"x"}`)
	})
	e := runner(t, clock.System(), "127.0.0.0/8")
	use := call(d, s.URL, "whoami", nil)
	use.Budget = definition.NewBudget(d.Limits, clock.System())
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if _, err := e.Run(context.Background(), use); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() > 3 {
		t.Fatalf("C26: %d requests at once", most.Load())
	}
}

func TestTokensRunOutAndComeBack(t *testing.T) {
	d := parse(t, "limits: {rps: 2, burst: 3}\n")
	var calls atomic.Int64
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); say(w, `{"id":"x"}`) })
	moved := clock.NewMoved(noon)
	e := runner(t, moved, "127.0.0.0/8")
	use := call(d, s.URL, "whoami", nil)
	use.Budget = definition.NewBudget(d.Limits, moved)
	done := make(chan error, 1)
	for range 3 {
		if _, err := e.Run(t.Context(), use); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		_, err := e.Run(context.Background(), use)
		done <- err
	}()
	for moved.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	if calls.Load() != 3 {
		t.Fatal(calls.Load())
	}
	moved.Advance(600 * time.Millisecond)
	if err := <-done; err != nil || calls.Load() != 4 {
		t.Fatal(err, calls.Load())
	}
}

// C24: the credential shows up nowhere, even where the system repeats it.
func TestACredentialIsSeenByItsHeaderAlone(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token "+canary {
			t.Error("the credential did not arrive")
		}
		say(w, `{"error":"bad `+r.Header.Get("Authorization")+` `+base64.StdEncoding.EncodeToString([]byte(canary))+`"}`, 403)
	})
	d := parse(t, "errors:\n  - {when: \"status == 403\", as: forbidden, message: body.error}\n")
	e := runner(t, clock.System(), "127.0.0.0/8")
	use := call(d, s.URL, "whoami", nil)
	use.Trace = &definition.Trace{}
	_, err := e.Run(t.Context(), use)
	seen, jsonErr := json.Marshal(use.Trace.Exchanges())
	if jsonErr != nil || len(use.Trace.Exchanges()) != 1 || !strings.Contains(string(seen), secret.Redacted) {
		t.Fatal(string(seen), jsonErr)
	}
	for _, text := range []string{string(seen), problem(t, err).Message, problem(t, err).Error()} {
		if strings.Contains(text, canary) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(canary))) {
			t.Errorf("TRAP-C24: %s", text)
		}
	}
	use.Credential = definition.Credential{}
	if _, err := e.Run(t.Context(), use); definition.KindOf(err) != definition.Unauthorized {
		t.Fatal(err)
	}
}

func TestWhetherSomethingWasSentIsKnown(t *testing.T) {
	write := `  ticket.comment:
    steps:
      - {id: g, request: {method: GET, path: "'/g'"}}
      - {id: c, request: {method: POST, path: "'/c'", json: {text: arg.text}}}
limits: {rps: 100, burst: 100, timeout: 200ms}
`
	d := parse(t, write)
	e := runner(t, clock.System(), "127.0.0.0/8")
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for _, c := range []struct {
		name     string
		get, put int
		slow     bool
		sent     bool
	}{
		{"the read before it failed", 502, 200, false, false},
		{"it was refused", 200, 403, false, false},
		{"the system broke over it", 200, 500, false, true},
		{"no answer came", 200, 0, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet:
					say(w, "{}", c.get)
				case c.slow:
					_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that nobody waits
					select {
					case <-stop:
					case <-r.Context().Done():
					}
				default:
					say(w, "{}", c.put)
				}
			})
			_, err := e.Run(t.Context(), call(d, s.URL, "ticket.comment", map[string]any{"text": "x"}))
			if p := problem(t, err); p.Sent != c.sent {
				t.Fatal(p, p.Sent)
			}
		})
	}
	t.Run("nobody was there", func(t *testing.T) {
		s := serve(t, func(http.ResponseWriter, *http.Request) {})
		base := s.URL
		s.Close()
		_, err := e.Run(t.Context(), call(d, base, "ticket.comment", nil))
		if p := problem(t, err); p.Kind != definition.Unavailable || p.Sent {
			t.Fatal(p, p.Sent)
		}
	})
}

func TestActingForSomebodyIsForServices(t *testing.T) {
	var as atomic.Value
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { as.Store(r.Header.Get("X-Act-As")); say(w, `{"id":"x"}`) })
	d := parse(t, "")
	e := runner(t, clock.System(), "127.0.0.0/8")
	use := call(d, s.URL, "whoami", nil)
	use.ActAs = "bob"
	for mode, want := range map[string]string{definition.ModeUser: "", definition.ModeService: "bob"} {
		use.Mode = mode
		if _, err := e.Run(t.Context(), use); err != nil || as.Load() != want {
			t.Fatal(mode, err, as.Load())
		}
	}
	use.Mode, use.ActAs = definition.ModeService, "bob\r\nX-Admin: yes"
	if _, err := e.Run(t.Context(), use); err == nil {
		t.Fatal("A146: a header was broken in two")
	}
}

func TestARingIsProvedAndNamesRecordsOnly(t *testing.T) {
	d, err := definition.Parse("x", []byte(strings.Replace(head, "settings:\n", "settings:\n  key: {type: secret}\n", 1)+
		"webhook: {verify: {type: hmac-sha256, header: X-Hub-Signature, prefix: sha256=, secretRef: key}, affected: \"[body.issue.key]\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"issue":{"key":"OPS-7"}}`
	key := secret.Of("it is a secret to everybody")
	mac := hmac.New(sha256.New, key.RevealBytes())
	mac.Write([]byte(body))
	ring := func(h http.Header, body string, key secret.Text) ([]string, error) {
		ids, _, err := d.Ring(t.Context(), definition.Ringing{Header: h, Raw: []byte(body), Secret: key})
		return ids, err
	}
	sum := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if ids, err := ring(http.Header{"X-Hub-Signature": {sum}}, body, key); err != nil || len(ids) != 1 || ids[0] != "OPS-7" {
		t.Fatal(ids, err)
	}
	for name, h := range map[string]http.Header{
		"TRAP-C18 unsigned": {}, "TRAP-C18 forged": {"X-Hub-Signature": {"sha256=" + strings.Repeat("0", 64)}}, "TRAP-C18 without the prefix": {"X-Hub-Signature": {sum[7:]}}, "TRAP-C18 no digits": {"X-Hub-Signature": {"sha256=xyz"}}, "TRAP-C18 empty": {"X-Hub-Signature": {"sha256="}},
	} {
		if ids, err := ring(h, body, key); err == nil || ids != nil {
			t.Errorf("%s: %v", name, ids)
		}
	}
	if ids, err := ring(http.Header{"X-Hub-Signature": {sum}}, body+" ", key); err == nil {
		t.Error("TRAP-C18 other bytes under the same signature", ids)
	}
	if ids, err := ring(http.Header{"X-Hub-Signature": {sum}}, body, secret.Of("")); err == nil {
		t.Error("TRAP-C18 no key at all", ids)
	}
}

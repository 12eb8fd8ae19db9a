package fake_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fault"
)

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:0", "example.org:80", "127.0.0.1"} {
		if l, err := fake.Listen(addr, http.NotFoundHandler()); err == nil {
			_ = l.Close()
			t.Errorf("listens on %s", addr)
		} else if code := fault.Code(err); code != "fake-listen" {
			t.Errorf("%s: %s", addr, code)
		}
	}
	l, err := fake.Listen("", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it only listened
	if other, err := fake.Listen(strings.TrimPrefix(l.URL, "http://"), http.NotFoundHandler()); fault.Code(err) != "fake-listen-refused" {
		_ = other
		t.Errorf("the same port twice: %v", err)
	}
	for host, want := range map[string]int{"": http.StatusTeapot, "localhost:1": http.StatusTeapot, "[::1]": http.StatusTeapot, "evil.example": http.StatusMisdirectedRequest, "127.0.0.1.evil.example": http.StatusMisdirectedRequest} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", host, answer.StatusCode, want)
		}
	}
}

func TestSwitches(t *testing.T) {
	var own struct {
		fake.Mischief
		Speed int `switch:"speed"`
	}
	if names := fake.Names(&own); !slices.Contains(names, "latency") || names[len(names)-1] != "speed" {
		t.Errorf("%v", names)
	}
	for setting, code := range map[string]string{
		"": "fake-switch-unknown", "Speed=1": "fake-switch-unknown", "speed=fast": "fake-switch-value", "latency=3": "fake-switch-value", "outage=maybe": "fake-switch-value",
		"speed=-4": "", "latency=3s": "", "outage": "", "only=/a=b": "", "broken": "",
	} {
		if err := fake.Turn(&own, setting); fault.Code(err) != code {
			t.Errorf("%q: %v, want %q", setting, err, code)
		}
	}
	if own.Speed != -4 || own.Latency != 3*time.Second || !own.Outage || own.Only != "/a=b" || own.Broken != 1 {
		t.Errorf("%+v", own)
	}
}

// What is due happens in the order of its times, also what it brings about.
func TestEffectsHappenInOrder(t *testing.T) {
	moved := clock.NewMoved(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	s := fake.NewStage(moved, &fake.Mischief{})
	var order []string
	s.Do(func() {
		s.In(3*time.Second, func() { order = append(order, "third") })
		s.In(time.Second, func() {
			order = append(order, "first")
			s.In(time.Second, func() { order = append(order, "second") })
		})
		s.In(0, func() { order = append(order, "at once") })
	})
	for range 3 {
		moved.Advance(time.Second)
		s.Do(func() {})
	}
	s.Do(func() {
		if got := strings.Join(order, ", "); got != "at once, first, second, third" {
			t.Error(got)
		}
		s.In(time.Hour, func() { t.Error("behind the end") })
	})
	s.Close()
	moved.Advance(time.Hour)
}

func TestTheCompanyIsComplete(t *testing.T) {
	people, err := fake.Company()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"": true}
	for _, p := range people {
		known[p.Login] = true
	}
	for _, p := range people {
		if !known[p.Manager] || p.Name == "" || !strings.HasSuffix(p.Email, ".example") || !p.Password.Empty() {
			t.Errorf("%+v", p)
		}
	}
}

package connector_test

import (
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
)

// dated is a rig on a moved clock, whose provider goes by a clock of its own.
func dated(t *testing.T, ahead time.Duration) (*rig, *clock.Moved) {
	t.Helper()
	c := clock.NewMoved(housetest.Epoch)
	r := newRig(t, housetest.SQLite(t), c)
	r.p.clock = func() time.Time { return c.Now().Add(ahead) }
	return r, c
}

func (r *rig) read(s connector.System, login string) error {
	r.t.Helper()
	x, err := r.desk.As(r.t.Context(), s.Org, s.ID, r.people[login])
	if err == nil {
		_, err = x.Ticket(r.t.Context(), "REQ1")
	}
	return err
}

// jwt is a token that is over, or not valid yet, by any clock.
func jwt(n int, claims string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(claims) + fmt.Sprintf(".canary-%d", n)
}

// TestLivesCountAndTimesDoNot: tokens are renewed by how long they live, as the
// system says it; a life that nobody can believe was not said, and what a token
// says within itself is the system's own affair.
func TestLivesCountAndTimesDoNot(t *testing.T) {
	for _, c := range []struct {
		name    string
		said    string
		shape   func(int) string
		expires time.Duration // 0: not known
		hour    int           // renewals in an hour in which it is used every minute
	}{
		{"a number", "1800", nil, 30 * time.Minute, 2},
		{"a text", `"1800"`, nil, 30 * time.Minute, 2},
		{"a fraction", "1800.9", nil, 30 * time.Minute, 2},
		{"nothing", "null", nil, 0, 0},
		{"zero", "0", nil, 0, 0},
		{"below zero", "-3600", nil, 0, 0},
		{"a word", `"soon"`, nil, 0, 0},
		{"a list", "[1800]", nil, 0, 0},
		{"huge", "1e300", nil, 0, 0},
		{"an hour of the day in 2026, for a life", "1795300000", nil, 0, 0},
		{"one of milliseconds", "1795300000000", nil, 0, 0},
		{"a second", "1", nil, time.Second, 60},
		{"a token that was over in 2001", "1800", func(n int) string { return jwt(n, `{"exp":1000000000}`) }, 30 * time.Minute, 2},
		{"a token that begins in 2099", "1800", func(n int) string { return jwt(n, `{"nbf":4070908800,"iat":4070908800,"exp":4070912400}`) }, 30 * time.Minute, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, moved := dated(t, 0)
			r.p.said, r.p.shape = c.said, c.shape
			s := r.add()
			made, err := r.connect(s, "aoi", "aoi")
			r.must(err)
			if left := made.Expires.Sub(moved.Now()); made.Expires.IsZero() != (c.expires == 0) || c.expires != 0 && left != c.expires {
				t.Errorf("it expires in %v, want %v", left, c.expires)
			}
			for range 20 { // at once: nothing was renewed a moment ago
				r.must(r.read(s, "aoi"))
			}
			if n := r.p.count(); n != 0 {
				t.Errorf("renewed %d times at once", n)
			}
			for range 60 {
				moved.Step(time.Minute)
				r.must(r.read(s, "aoi"))
				r.must(r.read(s, "aoi"))
			}
			if n := r.p.count(); n != c.hour {
				t.Errorf("renewed %d times in an hour, want %d", n, c.hour)
			}
			if got := r.state(s, "aoi"); got != connector.On {
				t.Errorf("aoi is %s", got)
			}
		})
	}
}

// TestASystemWhoseClocksDisagree: the authorization server gives tokens, and the
// API behind it, whose clock is hours away, does not take them yet. Nobody is
// asked to consent again, and tokens are not renewed over and over.
func TestASystemWhoseClocksDisagree(t *testing.T) {
	r, moved := dated(t, -3*time.Hour)
	s := r.add()
	r.p.refuses = true
	if _, err := r.connect(s, "botan", "botan"); fault.Code(err) != "connector-clock-differs" {
		t.Errorf("connecting: %v", err)
	}
	r.p.refuses = false
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	differs := func() {
		t.Helper()
		for range 10 {
			err := r.read(s, "aoi")
			wantKind(t, err, connector.Unavailable)
			if f := connector.FaultOf(err); f == nil || f.Code != "connector-clock-differs" || fmt.Sprint(f.Args["minutes"]) != "180" {
				t.Errorf("it is said as %v", err)
			}
		}
		if got := r.state(s, "aoi"); got != connector.On || r.told.count() != 0 {
			t.Fatalf("aoi is %s and was told %d times", got, r.told.count())
		}
	}
	r.p.refuses = true
	differs()
	if n := r.p.count(); n != 0 {
		t.Errorf("renewed %d times what was given a moment ago", n)
	}
	for hours := 1; hours <= 3; hours++ {
		moved.Step(time.Hour)
		differs()
		if n := r.p.count(); n != hours {
			t.Errorf("renewed %d times in %d hours", n, hours)
		}
	}
	r.p.refuses = false
	r.must(r.read(s, "aoi"))
	t.Run("clocks that agree explain nothing", func(t *testing.T) {
		r.p.clock = moved.Now
		r.must(r.read(s, "aoi"))
		r.p.refuses = true
		wantKind(t, r.read(s, "aoi"), connector.Unauthorized)
		if got := r.state(s, "aoi"); got != connector.Reconnect || r.told.count() != 1 {
			t.Errorf("aoi is %s and was told %d times", got, r.told.count())
		}
	})
}

// TestARefreshTokenThatIsOverAtOnce: a system whose clock runs ahead calls the
// refresh token that it gave over. It is asked once, and the person is told once.
func TestARefreshTokenThatIsOverAtOnce(t *testing.T) {
	r, moved := dated(t, 400*24*time.Hour)
	s := r.add()
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	r.must(r.read(s, "aoi"))
	r.p.mu.Lock()
	clear(r.p.refresh)
	r.p.mu.Unlock()
	moved.Step(time.Hour)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { wantCode(t, r.read(s, "aoi"), "connection-reconnect") })
	}
	all.Wait()
	if n := r.p.count(); n != 1 || r.told.count() != 1 || r.state(s, "aoi") != connector.Reconnect {
		t.Errorf("asked %d times, told %d times, %s", n, r.told.count(), r.state(s, "aoi"))
	}
}

// TestARenewalSendsTheNewestToken: of a system that forgets each refresh token
// with its use, within one piece of work.
func TestARenewalSendsTheNewestToken(t *testing.T) {
	r, moved := dated(t, 0)
	r.p.rotates = true
	s := r.add()
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	moved.Step(time.Hour)
	x, err := r.desk.As(t.Context(), r.kaede, s.ID, r.people["aoi"]) // renewed: it was over
	r.must(err)
	for want := 2; want <= 4; want++ {
		r.p.kill()
		if _, err := x.Ticket(t.Context(), "REQ1"); err != nil {
			t.Fatalf("TRAP-C3: %v", err)
		}
		if n := r.p.count(); n != want || r.state(s, "aoi") != connector.On {
			t.Errorf("TRAP-C3: renewed %d times, want %d; aoi is %s", n, want, r.state(s, "aoi"))
		}
	}
}

// TestAPageBeforeTheTokensEndsNothing: what stands before an authorization server
// says nothing about a grant.
func TestAPageBeforeTheTokensEndsNothing(t *testing.T) {
	r, moved := dated(t, 0)
	s := r.add()
	_, err := r.connect(s, "aoi", "aoi")
	r.must(err)
	moved.Step(time.Hour)
	r.p.page = true
	err = r.read(s, "aoi")
	if f := connector.FaultOf(err); f == nil || f.Code != "connector-endpoint-wrong" || r.state(s, "aoi") != connector.On || r.told.count() != 0 {
		t.Errorf("%v; aoi is %s and was told %d times", err, r.state(s, "aoi"), r.told.count())
	}
	r.p.page = false
	r.must(r.read(s, "aoi"))
}

// TestConnectingToOneSystemRestsNoOther: a system that asks to wait while somebody
// connects to it keeps nobody from another one.
func TestConnectingToOneSystemRestsNoOther(t *testing.T) {
	r, _ := dated(t, 0)
	busy := r.add()
	r.p.throttles = true
	_, err := r.connect(busy, "aoi", "aoi")
	wantKind(t, err, connector.Throttled)
	idle := r.p
	r.p = newProvider(t)
	other := r.add(func(w *connector.Wanted) { w.Name = "other" })
	if _, err := r.connect(other, "aoi", "aoi"); err != nil {
		t.Errorf("TRAP-C26: %v", err)
	}
	asked := idle.asked
	r.p = idle
	if _, err := r.connect(busy, "botan", "botan"); connector.KindOf(err) != connector.Throttled || idle.asked != asked {
		t.Errorf("TRAP-C26: %v, asked %d times more", err, idle.asked-asked)
	}
}

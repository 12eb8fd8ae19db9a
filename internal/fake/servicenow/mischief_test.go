package servicenow_test

import (
	"strconv"
	"testing"
	"time"
)

func TestMischief(t *testing.T) {
	const path = "/api/now/table/sys_user?sysparm_limit=1"
	d := open(t)
	call := func() answer { return d.call("botan", "GET", path, "") }
	call()
	t.Run("C26 throttled", func(t *testing.T) {
		d.turn("throttle=2")
		d.turn("retry-after=7s")
		for range 2 {
			a := call()
			reset := strconv.FormatInt(d.clock.Now().Add(7*time.Second).Unix(), 10)
			if a.status != 429 || a.header.Get("Retry-After") != "7" || a.header.Get("X-RateLimit-Reset") != reset || a.header.Get("X-RateLimit-Rule") == "" || at(a.body, "error", "message") == "" {
				t.Errorf("%d %v", a.status, a.header)
			}
		}
	})
	t.Run("broken", func(t *testing.T) {
		d.turn("broken")
		if a := call(); a.status != 500 || at(a.body, "status") != "failure" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("no JSON", func(t *testing.T) {
		d.turn("garbage")
		if a := call(); a.status != 200 || a.body != nil || a.header.Get("Content-Type") != "text/html" {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("outage", func(t *testing.T) {
		d.turn("outage")
		if a := call(); a.err == nil {
			t.Errorf("answered %d", a.status)
		}
		d.turn("only=/oauth")
		if a := call(); a.status != 200 {
			t.Errorf("struck outside: %v %d", a.err, a.status)
		}
		d.turn("only=")
		d.turn("outage=false")
	})
	slow := func(t *testing.T, setting string, wait time.Duration) answer {
		t.Helper()
		d.turn(setting)
		back := make(chan answer)
		waiting := d.clock.Waiting()
		go func() { back <- call() }()
		d.until(func() bool { return d.clock.Waiting() > waiting })
		select {
		case a := <-back:
			t.Fatalf("%s: answered %d at once", setting, a.status)
		default:
		}
		d.clock.Advance(wait)
		return <-back
	}
	t.Run("latency", func(t *testing.T) {
		if a := slow(t, "latency=2s", 2*time.Second); a.status != 200 {
			t.Errorf("%d %v", a.status, a.err)
		}
		d.turn("latency=0s")
	})
	t.Run("hangs for a minute", func(t *testing.T) {
		if a := slow(t, "hang", time.Minute); a.err == nil {
			t.Errorf("answered %d", a.status)
		}
	})
	t.Run("all is noted", func(t *testing.T) {
		calls := d.Stage().Calls()
		seen := map[int]int{}
		for _, c := range calls {
			seen[c.Status]++
		}
		if d.Stage().Count("GET", "/api/now/table/sys_user") != len(calls) || seen[429] != 2 || seen[500] != 1 || seen[0] != 2 || calls[0].Who != "botan" || calls[0].Query != "sysparm_limit=1" {
			t.Errorf("%d calls: %v", len(calls), seen)
		}
		d.Stage().Forget()
		if n := len(d.Stage().Calls()); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
	if a := call(); a.status != 200 {
		t.Errorf("it does not end: %d %v", a.status, a.err)
	}
}

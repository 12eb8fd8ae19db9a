package console_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

func each(t *testing.T, f func(t *testing.T, r *console.Room, s *store.Store, c *clock.Moved)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, once.Schema, console.Schema)
		r := console.New(console.Options{Store: s, Clock: c})
		run, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(run) })
		defer wg.Wait()
		defer cancel()
		f(t, r, s, c)
	})
}

// linkOf makes a link and returns its value.
func linkOf(t *testing.T, r *console.Room) secret.Text {
	t.Helper()
	link, err := r.NewSetupLink(ctx, "http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link.Reveal())
	if err != nil || u.Path != "/setup" || u.Host != "localhost:8080" {
		t.Fatalf("the link is %q (%v)", link.Reveal(), err)
	}
	return secret.Of(u.Query().Get("link"))
}

func soon(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for range 250 {
		if cond() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("not within 5 s: %s", what)
}

func TestSetupRefused(t *testing.T) {
	each(t, func(t *testing.T, r *console.Room, s *store.Store, c *clock.Moved) {
		value := linkOf(t, r)
		bad := map[string]secret.Text{
			"nothing": {}, "made up": secret.Random(32), "A021 cut": secret.Of(value.Reveal()[:len(value.Reveal())-1]),
			"A021 other case": secret.Of(strings.ToUpper(value.Reveal())),
		}
		for name, v := range bad {
			if err := r.SetupLinkOpen(ctx, v); fault.Code(err) != "setup-link-invalid" {
				t.Errorf("%s: looking said %v", name, err)
			}
			if _, _, err := r.RedeemSetup(ctx, v); fault.Code(err) != "setup-link-invalid" {
				t.Errorf("%s: redeeming said %v", name, err)
			}
		}
		if _, ok := r.SessionOf(secret.Random(32)); ok {
			t.Error("A037 a cookie that we did not make is a session")
		}
		second := linkOf(t, r)
		if _, _, err := r.RedeemSetup(ctx, value); fault.Code(err) != "setup-link-invalid" {
			t.Errorf("a link made before the last one: %v", err)
		}
		c.Advance(console.SetupLife)
		if _, _, err := r.RedeemSetup(ctx, second); fault.Code(err) != "setup-link-invalid" {
			t.Errorf("a link after its hour: %v", err)
		}
		for _, e := range housetest.Witnessed(t, s) {
			if e.Name != "setup.link-made" {
				t.Errorf("A151 a stranger wrote %v into the log", e)
			}
		}
	})
}

func TestSetup(t *testing.T) {
	each(t, func(t *testing.T, r *console.Room, s *store.Store, c *clock.Moved) {
		value := linkOf(t, r)
		for range 3 {
			if err := r.SetupLinkOpen(ctx, value); err != nil {
				t.Fatalf("A055 looking at a fresh link said %v", err)
			}
		}
		cookie, session, err := r.RedeemSetup(ctx, value)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.SessionOf(cookie); !ok || !r.SessionStands(session.Principal()) {
			t.Error("the session is not open at once")
		}
		if _, _, err := r.RedeemSetup(ctx, value); fault.Code(err) != "setup-link-invalid" {
			t.Errorf("the second redemption said %v", err)
		}
		c.Advance(console.SetupLife)
		if _, ok := r.SessionOf(cookie); ok || r.SessionStands(session.Principal()) {
			t.Error("the session outlives its hour")
		}
		cookie, _, err = r.RedeemSetup(ctx, linkOf(t, r))
		if err != nil {
			t.Fatal(err)
		}
		soon(t, "the second session opens", func() bool { _, ok := r.SessionOf(cookie); return ok })
		linkOf(t, r) // a restart
		soon(t, "a new link ends older sessions", func() bool { _, ok := r.SessionOf(cookie); return !ok })
		cookie, session, err = r.RedeemSetup(ctx, linkOf(t, r))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.EndSession(ctx, session.Principal()); err != nil {
			t.Fatal(err)
		}
		soon(t, "signing out ends it", func() bool { _, ok := r.SessionOf(cookie); return !ok })
		kept := false
		for _, e := range housetest.Witnessed(t, s) {
			for _, v := range e.Fields {
				kept = kept || strings.Contains(v, cookie.Reveal())
			}
		}
		if kept {
			t.Error("A161 the cookie's value is in the witness")
		}
	})
}

func TestRedeemSetupAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *console.Room, _ *store.Store, _ *clock.Moved) {
		value := linkOf(t, r)
		var won atomic.Int64
		codes := make(chan string, 64)
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, _, err := r.RedeemSetup(ctx, value); err == nil {
					won.Add(1)
				} else {
					codes <- fault.Code(err)
				}
			})
		}
		wg.Wait()
		close(codes)
		others := map[string]bool{}
		for code := range codes {
			others[code] = true
		}
		delete(others, "store-busy") // PostgreSQL may give up serialising 64 of them
		if diff := cmp.Diff(map[string]bool{"setup-link-invalid": true}, others); won.Load() != 1 || diff != "" {
			t.Errorf("%d of 64 won, want 1; the others: %s", won.Load(), diff)
		}
	})
}

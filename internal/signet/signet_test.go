package signet_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

var (
	ctx = context.Background()
	by  = id.Local(0)
)

// each runs a test on a case of a whole house, so that its keys are sealed for
// real, with a clock that the test moves.
func each(t *testing.T, f func(t *testing.T, h *housetest.Home, c *signet.Case, now *clock.Moved)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		now := clock.NewMoved(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC))
		h := housetest.House(t, housetest.On(url), housetest.OnClock(now))
		f(t, h, h.Signet(), now)
	})
}

func signing(t *testing.T, c *signet.Case, alg jws.Alg) (now, before string) {
	t.Helper()
	a, b, err := c.Signers(ctx, alg)
	if err != nil {
		t.Fatal(err)
	}
	if b != nil {
		before = b.KID()
	}
	return a.KID(), before
}

func published(t *testing.T, c *signet.Case, alg jws.Alg) (all []string) {
	t.Helper()
	keys, err := c.Published(ctx, alg)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		all = append(all, k.KID)
	}
	return all
}

// A key is made when it is needed first, by one of many who ask at once; it is
// sealed, and the same for every node.
func TestTheFirstKey(t *testing.T) {
	each(t, func(t *testing.T, h *housetest.Home, c *signet.Case, now *clock.Moved) {
		if all, err := c.Keys(ctx); err != nil || len(all) != 0 {
			t.Fatalf("before anybody asked: %v %v", all, err)
		}
		if _, _, err := c.Signers(ctx, jws.HS256); fault.Code(err) != "signature-unknown" {
			t.Errorf("a shared secret: %v", err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		kids := map[string]bool{}
		for range 8 {
			wg.Go(func() {
				other := signet.New(signet.Options{Store: h.Store(), Clock: now, Ring: h.Signet().Ring})
				k, _, err := other.Signers(ctx, jws.ES256)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				kids[k.KID()] = true
			})
		}
		wg.Wait()
		if len(kids) != 1 {
			t.Errorf("%d first keys", len(kids))
		}
		err := h.Store().House().Read(ctx, func(v *store.View) error {
			var sealed []byte
			if err := v.Row("SELECT sealed FROM signet_key").Scan(&sealed); err != nil {
				return err
			}
			if _, err := jws.Parse(sealed); err == nil {
				t.Error("the key stands in clear")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A key is published an hour before it signs, and the one before for a day after;
// then its private half is erased.
func TestAKeyFollowsAnother(t *testing.T) {
	each(t, func(t *testing.T, _ *housetest.Home, c *signet.Case, now *clock.Moved) {
		first, _ := signing(t, c, jws.ES256)
		next, err := c.Follow(ctx, by, jws.ES256, first, false)
		if err != nil {
			t.Fatal(err)
		}
		for name, again := range map[string]error{"two presses": second(c, first), "another key": second(c, next.ID)} {
			if fault.Code(again) != "signing-key-followed" {
				t.Errorf("%s: %v", name, again)
			}
		}
		if at, _ := signing(t, c, jws.ES256); at != first || len(published(t, c, jws.ES256)) != 2 {
			t.Error("the next key signs before everybody knows it, or is not published")
		}
		now.Advance(signet.Ahead)
		if at, before := signing(t, c, jws.ES256); at != next.ID || before != first {
			t.Errorf("an hour later %s signs, %s was before", at, before)
		}
		now.Advance(signet.Kept)
		if at, before := signing(t, c, jws.ES256); at != next.ID || before != "" || len(published(t, c, jws.ES256)) != 1 {
			t.Errorf("a day later %s signs, %s was before", at, before)
		}
		for range 200 { // the house itself looks after its keys
			now.Advance(time.Minute)
			if all, err := c.Keys(ctx); err == nil && state(all, first, now) == signet.Gone && erased(t, c, first) {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if !erased(t, c, first) {
			t.Error("the private half of a key that is gone stays")
		}
	})
}

func second(c *signet.Case, after string) error {
	_, err := c.Follow(ctx, by, jws.ES256, after, false)
	return err
}

func state(all []signet.Key, which string, now *clock.Moved) signet.State {
	for _, k := range all {
		if k.ID == which {
			return k.State(all, now.Now())
		}
	}
	return ""
}

func erased(t *testing.T, c *signet.Case, which string) (gone bool) {
	t.Helper()
	err := c.Store.House().Read(ctx, func(v *store.View) error {
		var n int
		err := v.Row("SELECT length(sealed) FROM signet_key WHERE id = $1", which).Scan(&n)
		gone = n == 0
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return gone
}

// A key that somebody else may have counts no more at once.
func TestAKeyIsReplacedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, _ *housetest.Home, c *signet.Case, now *clock.Moved) {
		first, _ := signing(t, c, jws.RS256)
		waiting, err := c.Follow(ctx, by, jws.RS256, first, false)
		if err != nil {
			t.Fatal(err)
		}
		now.Advance(time.Minute)
		k, err := c.Follow(ctx, by, jws.RS256, first, true)
		if err != nil {
			t.Fatal(err)
		}
		if at, before := signing(t, c, jws.RS256); at != k.ID || before != "" {
			t.Errorf("%s signs, %s was before", at, before)
		}
		if all := strings.Join(published(t, c, jws.RS256), " "); all != k.ID || strings.Contains(all, waiting.ID) {
			t.Errorf("published: %s", all)
		}
	})
}

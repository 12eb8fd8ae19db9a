package once_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	link      = once.Declare(once.Kind{Name: "test-link", Life: time.Hour, Size: 32})
	code      = once.Declare(once.Kind{Name: "test-code", Life: time.Minute, Size: 32, Bound: true, Keep: time.Hour})
	challenge = once.Declare(once.Kind{Name: "test-challenge", Life: 5 * time.Minute, Size: 16, Bound: true, Tries: 5})
	card      = once.Declare(once.Kind{Name: "test-card", Life: time.Hour, Size: 32, Keep: 24 * time.Hour, Tells: true})
	login     = once.Declare(once.Kind{Name: "test-login", Life: 10 * time.Minute, Size: 16, Most: 20})
	kinds     = []once.Kind{link, code, challenge, card, login}
)

// boundOf is what a value of the kind is bound to in these tests.
func boundOf(k once.Kind) string {
	if k.Bound {
		return "right"
	}
	return ""
}

func event(name string) store.Event { return store.Event{Name: name, By: id.Anonymous} }

// mint stores a fresh value and returns it.
func mint(t testing.TB, s *store.Store, k once.Kind, slip once.Slip) secret.Text {
	t.Helper()
	value := k.New()
	if err := tryMint(s, k, value, slip); err != nil {
		t.Fatal(err)
	}
	return value
}

func tryMint(s *store.Store, k once.Kind, value secret.Text, slip once.Slip) error {
	slip.Bound = boundOf(k)
	return s.House().Write(context.Background(), func(tx *store.Tx) store.End {
		if err := once.Mint(tx, k, value, slip); err != nil {
			return store.Abort(err)
		}
		return store.Done(event("minted"))
	})
}

// redeem does what a door does: commit the refusal, so that its try counts.
func redeem(s *store.Store, k once.Kind, value secret.Text, bound string) (once.Found, error) {
	return redeemBy(s.House(), k, value, bound)
}

func redeemBy(h store.Handle, k once.Kind, value secret.Text, bound string) (found once.Found, err error) {
	err = h.Write(context.Background(), func(tx *store.Tx) store.End {
		var err error
		found, err = once.Redeem(tx, k, value, bound)
		if f := fault.As(err); f != nil {
			return store.Refused(f, event("refused"))
		} else if err != nil {
			return store.Abort(err)
		}
		return store.Done(event("redeemed"))
	})
	return found, err
}

func peek(s *store.Store, k once.Kind, value secret.Text) (found once.Found, err error) {
	err = s.House().Read(context.Background(), func(v *store.View) error {
		found, err = once.Peek(v, k, value)
		return err
	})
	return found, err
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Errorf("got %v, want %q", err, code)
	}
}

// each runs f on both engines with a moved clock.
func each(t *testing.T, f func(t *testing.T, s *store.Store, c *clock.Moved)) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		f(t, housetest.Open(t, url, c, once.Schema), c)
	})
}

func TestKindRefusals(t *testing.T) {
	for name, k := range map[string]once.Kind{
		"no name":           {Life: time.Hour, Size: 16},
		"no life":           {Name: "x", Size: 16},
		"guessable":         {Name: "x", Life: time.Hour, Size: 15},
		"huge":              {Name: "x", Life: time.Hour, Size: 65},
		"tries of nothing":  {Name: "x", Life: time.Hour, Size: 16, Tries: 5},
		"tells what is not": {Name: "x", Life: time.Hour, Size: 16, Tells: true},
		"negative cap":      {Name: "x", Life: time.Hour, Size: 16, Most: -1},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("declared")
				}
			}()
			once.Declare(k)
		})
	}
}

func TestMintRefusals(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		for name, f := range map[string]func(tx *store.Tx) error{
			"a short value":        func(tx *store.Tx) error { return once.Mint(tx, link, secret.Of("123456"), once.Slip{}) },
			"bound, kind is not":   func(tx *store.Tx) error { return once.Mint(tx, link, link.New(), once.Slip{Bound: "x"}) },
			"not bound, kind is":   func(tx *store.Tx) error { return once.Mint(tx, code, code.New(), once.Slip{}) },
			"another organization": func(tx *store.Tx) error { return once.Mint(tx, link, link.New(), once.Slip{Org: "other"}) },
			"revoke nobody's":      func(tx *store.Tx) error { _, err := once.Revoke(tx, ""); return err },
			"record, kind forgets": func(tx *store.Tx) error { return once.Record(tx, link, link.New(), []byte("x")) },
			"record of nothing":    func(tx *store.Tx) error { return once.Record(tx, card, card.New(), []byte("x")) },
			"one value a second time": func(tx *store.Tx) error {
				value := link.New()
				if err := once.Mint(tx, link, value, once.Slip{Org: "mine"}); err != nil {
					t.Error(err)
				}
				return once.Mint(tx, link, value, once.Slip{Org: "mine"})
			},
		} {
			t.Run(name, func(t *testing.T) {
				var refused error
				_ = s.Org("mine").Write(context.Background(), func(tx *store.Tx) store.End {
					refused = f(tx)
					return store.Abort(errors.New("only looking"))
				})
				if refused == nil {
					t.Error("done")
				}
			})
		}
	})
}

// TestKindMatrix: A020, R1: a value of one kind means nothing to another.
func TestKindMatrix(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		for _, of := range kinds {
			value := mint(t, s, of, once.Slip{})
			for _, at := range kinds {
				if at.Name == of.Name {
					continue
				}
				t.Run("R1 A020 "+of.Name+" as "+at.Name, func(t *testing.T) {
					_, err := redeem(s, at, value, boundOf(at))
					wantCode(t, err, "once-invalid")
					_, err = peek(s, at, value)
					wantCode(t, err, "once-invalid")
				})
			}
			if _, err := redeem(s, of, value, boundOf(of)); err != nil {
				t.Errorf("%s as itself: %v", of.Name, err)
			}
		}
	})
}

// TestRedeemOnlyOnce: R1, A017: of 64 at once exactly one.
func TestRedeemOnlyOnce(t *testing.T) {
	values := 1000
	if testing.Short() {
		values = 20
	}
	housetest.EachURL(t, func(t *testing.T, url string) {
		s := housetest.Open(t, url, clock.System(), once.Schema)
		for _, k := range kinds {
			t.Run("R1 A017 "+k.Name, func(t *testing.T) {
				for i := range values {
					value := mint(t, s, k, once.Slip{Payload: []byte("p")})
					if n := atOnce(t, s, k, value); n != 1 {
						t.Fatalf("value %d: %d redemptions", i, n)
					}
				}
			})
		}
	})
}

func atOnce(t *testing.T, s *store.Store, k once.Kind, value secret.Text) int64 {
	var won atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 64 {
		all.Go(func() {
			<-start
			switch _, err := redeem(s, k, value, boundOf(k)); fault.Code(err) {
			case "once-invalid", "once-used":
			default:
				if err != nil {
					t.Errorf("neither redeemed nor refused: %v", err)
					return
				}
				won.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return won.Load()
}

func TestReplay(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, c *clock.Moved) {
		t.Run("A016 code: same answer, but the caller learns what to take back", func(t *testing.T) {
			value := mint(t, s, code, once.Slip{Org: "o", Subject: "person:x", Payload: []byte("grant 7")})
			if _, err := redeem(s, code, value, "right"); err != nil {
				t.Fatal(err)
			}
			c.Advance(time.Second)
			found, err := redeem(s, code, value, "right")
			wantCode(t, err, "once-invalid")
			if !found.Replay || string(found.Payload) != "grant 7" || found.Org != "o" || found.Subject != "person:x" {
				t.Errorf("got %+v", found)
			}
			found, err = redeem(s, code, value, "wrong")
			wantCode(t, err, "once-invalid")
			if found.Replay || found.Payload != nil {
				t.Errorf("told to the wrong one: %+v", found)
			}
		})
		t.Run("A110 card: the second shows the recorded decision, after the end too", func(t *testing.T) {
			value := mint(t, s, card, once.Slip{})
			err := s.House().Write(context.Background(), func(tx *store.Tx) store.End {
				if _, err := once.Redeem(tx, card, value, ""); err != nil {
					return store.Abort(err)
				}
				if err := once.Record(tx, card, value, []byte("approved")); err != nil {
					return store.Abort(err)
				}
				return store.Done(event("decided"))
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				found, err := redeem(s, card, value, "")
				wantCode(t, err, "once-used")
				if string(found.Outcome) != "approved" {
					t.Errorf("got %q", found.Outcome)
				}
				found, err = peek(s, card, value)
				wantCode(t, err, "once-used")
				if string(found.Outcome) != "approved" {
					t.Errorf("peek got %q", found.Outcome)
				}
				c.Advance(2 * time.Hour)
			}
		})
		t.Run("link: forgotten when redeemed", func(t *testing.T) {
			value := mint(t, s, link, once.Slip{Payload: []byte("p")})
			if found, err := redeem(s, link, value, ""); err != nil || string(found.Payload) != "p" {
				t.Fatalf("%+v, %v", found, err)
			}
			found, err := redeem(s, link, value, "")
			wantCode(t, err, "once-invalid")
			if found.Replay {
				t.Error("a replay was told")
			}
		})
	})
}

func TestExpiryAtTheEdge(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, c *clock.Moved) {
		for _, k := range kinds {
			t.Run("A018 "+k.Name, func(t *testing.T) {
				early, late := mint(t, s, k, once.Slip{}), mint(t, s, k, once.Slip{})
				c.Advance(k.Life - time.Microsecond)
				if _, err := peek(s, k, early); err != nil {
					t.Errorf("peek a microsecond before: %v", err)
				}
				if _, err := redeem(s, k, early, boundOf(k)); err != nil {
					t.Errorf("a microsecond before: %v", err)
				}
				c.Advance(time.Microsecond)
				_, err := redeem(s, k, late, boundOf(k))
				wantCode(t, err, "once-invalid")
				_, err = peek(s, k, late)
				wantCode(t, err, "once-invalid")
			})
		}
	})
}

func TestExactTries(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		for wrong := range 7 {
			t.Run(fmt.Sprintf("%d wrong", wrong), func(t *testing.T) {
				value := mint(t, s, challenge, once.Slip{})
				for i := range wrong {
					_, err := redeem(s, challenge, value, fmt.Sprintf("%06d", i))
					wantCode(t, err, "once-invalid")
				}
				_, err := redeem(s, challenge, value, "right")
				if (err == nil) != (wrong < 5) {
					t.Errorf("after %d wrong ones: %v", wrong, err)
				}
			})
		}
		t.Run("64 wrong ones at once burn it", func(t *testing.T) {
			value := mint(t, s, challenge, once.Slip{})
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() { _, _ = redeem(s, challenge, value, fmt.Sprint(i)) })
			}
			all.Wait()
			_, err := redeem(s, challenge, value, "right")
			wantCode(t, err, "once-invalid")
		})
		t.Run("peek neither consumes nor counts", func(t *testing.T) {
			value := mint(t, s, challenge, once.Slip{Payload: []byte("p")})
			for range 10 {
				if found, err := peek(s, challenge, value); err != nil || string(found.Payload) != "p" {
					t.Fatalf("%+v, %v", found, err)
				}
			}
			if _, err := redeem(s, challenge, value, "right"); err != nil {
				t.Error(err)
			}
		})
	})
}

// TestMutations: A021: 256 changes of a value, none of them counts.
func TestMutations(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		value := mint(t, s, card, once.Slip{})
		mutants := mutate(value.Reveal())
		if len(mutants) < 256 {
			t.Fatalf("only %d mutations", len(mutants))
		}
		for mutant := range mutants {
			_, err := redeem(s, card, secret.Of(mutant), "")
			if fault.Code(err) != "once-invalid" {
				t.Errorf("A021 %q: %v", mutant, err)
			}
		}
		if _, err := redeem(s, card, value, ""); err != nil {
			t.Errorf("the value itself: %v", err)
		}
	})
}

func mutate(v string) map[string]bool {
	all := map[string]bool{}
	for i := range v {
		all[v[:i]] = true
		all[v[i+1:]] = true
		all[v[:i]+v[i+1:]] = true
		all[v[:i]+"A"+v[i:]] = true
		for _, flip := range []byte{1, 2, 4, 32, 128} {
			all[v[:i]+string([]byte{v[i] ^ flip})+v[i+1:]] = true
		}
	}
	for _, pad := range []string{"=", "==", "\x00", "\n", " ", "%00", "."} {
		all[v+pad] = true
		all[pad+v] = true
	}
	all[strings.ToUpper(v)], all[strings.ToLower(v)] = true, true
	all[v+v] = true
	all[strings.Repeat(v, 100)] = true
	all[strings.NewReplacer("-", "+", "_", "/").Replace(v)+"="] = true
	delete(all, v)
	return all
}

func TestRevoke(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		hers, his, other := mint(t, s, link, once.Slip{Subject: "person:her"}), mint(t, s, link, once.Slip{Subject: "person:him"}),
			mint(t, s, card, once.Slip{Subject: "person:her"})
		revoke := func(kinds ...once.Kind) (n int64) {
			err := s.House().Write(context.Background(), func(tx *store.Tx) store.End {
				var err error
				if n, err = once.Revoke(tx, "person:her", kinds...); err != nil {
					return store.Abort(err)
				}
				return store.Done(event("revoked"))
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := revoke(link); n != 1 {
			t.Errorf("revoked %d links", n)
		}
		_, err := redeem(s, link, hers, "")
		wantCode(t, err, "once-invalid")
		if _, err := peek(s, card, other); err != nil {
			t.Errorf("another kind went with it: %v", err)
		}
		if n := revoke(); n != 1 {
			t.Errorf("revoked %d others", n)
		}
		_, err = redeem(s, card, other, "")
		wantCode(t, err, "once-invalid")
		if _, err := redeem(s, link, his, ""); err != nil {
			t.Errorf("somebody else's went with it: %v", err)
		}
	})
}

func TestOrganizations(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		value := mint(t, s, card, once.Slip{Org: "mine"})
		_, err := redeemBy(s.Org("other"), card, value, "")
		wantCode(t, err, "once-invalid")
		if _, err := redeemBy(s.Org("mine"), card, value, ""); err != nil {
			t.Errorf("R4 the refusal burned it: %v", err)
		}
		found, err := redeemBy(s.Org("other"), card, value, "")
		wantCode(t, err, "once-invalid")
		if found.Replay {
			t.Error("R4 told to another organization")
		}
	})
}

// TestCap: A151: rows that nobody known asked for are bounded, the living are
// not pushed out, and the places come free again.
func TestCap(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, c *clock.Moved) {
		var living []secret.Text
		for range 500 {
			value := login.New()
			switch err := tryMint(s, login, value, once.Slip{}); fault.Code(err) {
			case "once-full":
			default:
				if err != nil {
					t.Fatal(err)
				}
				living = append(living, value)
			}
		}
		if n := rows(t, s); n > login.Most || n != len(living) {
			t.Errorf("A151 %d rows for %d values, cap %d", n, len(living), login.Most)
		}
		if _, err := redeem(s, login, living[0], ""); err != nil {
			t.Errorf("A151 a living one was pushed out: %v", err)
		}
		c.Advance(login.Life)
		for range 100 {
			_ = tryMint(s, login, login.New(), once.Slip{})
		}
		if n := rows(t, s); n > login.Most {
			t.Errorf("A151 %d rows after the first ended", n)
		}
	})
}

func rows(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT count(*) FROM once_value").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweep(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, c *clock.Moved) {
		if n, err := once.Sweep(context.Background(), s, c); n != 0 || err != nil {
			t.Errorf("empty: %d, %v", n, err)
		}
		if events := housetest.Witnessed(t, s); len(events) != 0 {
			t.Errorf("nothing was swept, and yet: %v", events)
		}
		mint(t, s, link, once.Slip{})
		kept := mint(t, s, card, once.Slip{})
		if _, err := redeem(s, card, kept, ""); err != nil {
			t.Fatal(err)
		}
		c.Advance(link.Life)
		if n, err := once.Sweep(context.Background(), s, c); n != 1 || err != nil {
			t.Errorf("at the end of the link: %d, %v", n, err)
		}
		_, err := redeem(s, card, kept, "")
		wantCode(t, err, "once-used")
		c.Advance(card.Keep)
		if n, err := once.Sweep(context.Background(), s, c); n != 1 || err != nil {
			t.Errorf("at the end of keeping: %d, %v", n, err)
		}
	})
}

// TestNothingInClear: R9: the database holds neither value nor binding.
func TestNothingInClear(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, _ *clock.Moved) {
		value := mint(t, s, code, once.Slip{})
		var row [3]string
		err := s.House().Read(context.Background(), func(v *store.View) error {
			return v.Row("SELECT hash, bound, kind FROM once_value").Scan(&row[0], &row[1], &row[2])
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range row {
			if strings.Contains(cell, value.Reveal()) || strings.Contains(cell, "right") {
				t.Errorf("R9 in clear: %q", cell)
			}
		}
	})
}

package signin_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

// tryFrom tries a password and claims to come from an address.
func tryFrom(v factortest.Visitor, address, login, pw string) (status int, body string) {
	v.R.Helper()
	got := v.Send(http.MethodPost, "/signin/password", url.Values{"login": {login}, "password": {pw}}.Encode(), http.Header{
		"Origin": {v.R.Home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-For": {address},
	})
	return got.Status, factortest.Told(got)
}

func TestIdsChange(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		app := r.App(r.K.Aoi)
		v := r.Visitor()
		planted := http.Header{
			"Origin": {r.Home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"},
			"Cookie": {"sekisho=" + strings.Repeat("A", 43) + "; sekisho-step=" + strings.Repeat("B", 43) + "; sekisho-device=" + strings.Repeat("C", 43)},
		}
		form := url.Values{"login": {"aoi"}, "password": {factortest.Right}}.Encode()
		if got := v.Send(http.MethodPost, "/signin/password", form, planted); got.Status != http.StatusSeeOther {
			r.Fatal(got.Status, factortest.Told(got))
		}
		step := v.Cookie("sekisho-step")
		if step == strings.Repeat("B", 43) || step == "" {
			r.Errorf("A037 the planted step stays: %q", step)
		}
		r.Led(v.Second("totp", r.CodeOf(app)), "/")
		session, device := v.Cookie("sekisho"), v.Cookie("sekisho-device")
		if session == strings.Repeat("A", 43) || strings.HasPrefix(device, strings.Repeat("C", 43)) || v.Cookie("sekisho-step") != "" {
			r.Errorf("A037 planted ids stay: %v", v.Cookies())
		}
		for _, value := range []string{strings.Repeat("A", 43), step} {
			if _, err := r.Room.Authenticate(context.Background(), secret.Of(value)); err == nil {
				r.Error("A037 a planted id is a session")
			}
		}
		r.Run("A037 step-up", func(t *testing.T) {
			r := r.In(t)
			r.Clock.Advance(time.Minute)
			r.Led(v.Post("/signin/again", url.Values{"password": {factortest.Right}, "code": {r.CodeOf(app)}, "back": {"/settings"}}), "/settings")
			if v.Cookie("sekisho") == session {
				t.Error("the cookie did not change")
			}
			if _, err := r.Room.Authenticate(context.Background(), secret.Of(session)); err == nil {
				t.Error("the old cookie counts")
			}
		})
		r.Run("A037 the next sign-in", func(t *testing.T) {
			r, before := r.In(t), v.Cookie("sekisho")
			r.Clock.Advance(time.Minute)
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Led(v.Second("totp", r.CodeOf(app)), "/settings")
			if _, err := r.Room.Authenticate(context.Background(), secret.Of(before)); err == nil || v.Cookie("sekisho") == before {
				t.Error("the session before counts")
			}
		})
	})
}

func TestASharedBrowser(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		r.Password(r.K.Botan, false)
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/settings")
		first := v.Cookie("sekisho")
		r.Led(v.Try("botan", factortest.Right), "/settings") // without signing out
		if who := v.Who(); who.Person.ID != r.K.Botan {
			r.Errorf("A038 signed in as %s", who.Person.Login)
		}
		if _, err := r.Room.Authenticate(context.Background(), secret.Of(first)); err == nil {
			r.Error("A038 the session of the one before stands")
		}
		second := v.Cookie("sekisho")
		r.Led(v.Post("/signout", nil), "/")
		v.Nobody()
		if _, err := r.Room.Authenticate(context.Background(), secret.Of(second)); err == nil {
			r.Error("A039 the cookie counts after signing out")
		}
		if marks := strings.Split(v.Cookie("sekisho-device"), "."); len(marks) != 2 {
			r.Errorf("%d marks", len(marks))
		}
	})
}

func TestAStepUpTakesWhatIsStrongest(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		key := r.Passkey(r.K.Aoi)
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/settings")
		if who := v.Who(); !who.Session.Strong.IsZero() {
			r.Error("A040 a password is fresh proof for who has a passkey")
		}
		r.Says(v.Post("/signin/again", url.Values{"password": {factortest.Right}}), http.StatusUnprocessableEntity, "does not prove enough")
		r.Says(v.Post("/signin/again", url.Values{"password": {factortest.Right}, "code": {"123456"}}), http.StatusUnprocessableEntity, "does not count")
		if page := factortest.Told(v.Get("/signin/again")); strings.Contains(page, `type="password"`) || !strings.Contains(page, "Use a passkey") {
			r.Errorf("A040 what is offered: %s", page)
		}
		foreign := r.Passkey(r.K.Botan)
		form := r.Visitor().Ceremony(foreign, "/signin/passkey/options")
		r.Says(v.Post("/signin/again", form), http.StatusUnprocessableEntity, "passkey was not accepted")
		r.Led(v.ByPasskey(key, "/signin/again/options", "/signin/again", nil), "/settings")
		if who := v.Who(); who.Session.Strong.IsZero() || who.Session.ACR() != factor.AAL2 {
			r.Errorf("%+v", who.Session)
		}
	})
}

func TestThePageOfAStepUp(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Chika, false)
	v := r.Visitor()
	r.Led(v.Try("chika", factortest.Right), "/settings")
	r.Clock.Advance(20 * time.Minute)
	got := v.Post("/settings/security/password", nil) // asks for a fresh proof, if it exists
	if got.Status == http.StatusUnauthorized && !strings.Contains(got.Body, "You signed in with a password") {
		t.Errorf("it does not say why: %s", factortest.Told(got))
	}
	r.Says(v.Get("/signin/again?back=/admin"), http.StatusOK, "20 minutes ago")
	r.Says(r.Visitor().Get("/admin"), http.StatusUnauthorized, `name="back" value="/admin"`)
}

func TestCodesAreNotGuessed(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		app := r.App(r.K.Aoi)
		key := r.Passkey(r.K.Aoi)
		if _, err := r.Factors.MakeRecovery(context.Background(), r.K.Aoi); err != nil {
			r.Fatal(err)
		}
		guess := func(v factortest.Visitor) {
			bad := "000000"
			if r.CodeOf(app) == bad {
				bad = "000001"
			}
			v.Second("totp", bad)
		}
		r.Run("A041 five tries a step", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			for range 5 {
				guess(v)
			}
			r.Says(v.Second("totp", r.CodeOf(app)), http.StatusUnprocessableEntity, "begun too long ago")
		})
		r.Run("A041 ten an hour of the second step, whatever the step and the method", func(t *testing.T) {
			r := r.In(t)
			for range 3 {
				v := r.Visitor()
				r.Led(v.Try("aoi", factortest.Right), "/signin/second")
				guess(v)
				v.Second("recovery", "aaaaa-aaaaa-aaaaa")
			}
			v := r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Says(v.Second("totp", r.CodeOf(app)), http.StatusUnprocessableEntity, "Too many codes")
			r.Says(v.Second("recovery", "aaaaa-aaaaa-aaaaa"), http.StatusUnprocessableEntity, "Too many codes")
			r.Led(v.ByPasskey(key, "/signin/second/options", "/signin/second", url.Values{"method": {"passkey"}}), "/settings")
		})
		r.Run("the hour ends", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			r.Clock.Advance(61 * time.Minute)
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Led(v.Second("totp", r.CodeOf(app)), "/settings")
		})
	})
}

func TestACodeCountsOnce(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		app := r.App(r.K.Aoi)
		code := r.CodeOf(app)
		for _, spelling := range []string{" " + code, code[:3] + " " + code[3:], full(code), code[:2] + "-" + code[2:]} {
			v := r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			got := v.Second("totp", spelling)
			if spelling == " "+code {
				r.Led(got, "/settings")
				continue
			}
			if got.Status != http.StatusUnprocessableEntity {
				r.Errorf("A042 %q after the same code: %d", spelling, got.Status)
			}
		}
		r.Run("A042 R1 one of 64 at once", func(t *testing.T) {
			r := r.In(t)
			r.Clock.Advance(2 * time.Hour)
			code, won, v := r.CodeOf(app), atomic.Int64{}, r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			step := v.Cookie("sekisho-step")
			spellings := []string{code, full(code), code[:3] + " " + code[3:], " " + code + " "}
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					_, err := r.Room.Second(context.Background(), signin.Browser{Source: "127.0.0.1"}, secret.Of(step), factor.Answer{Method: factor.ByTOTP, Text: secret.Of(spellings[i%4])})
					if err == nil {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%d of 64 signed in", won.Load())
			}
		})
	})
}

// full writes digits in full width.
func full(code string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, code)
}

func TestSpellingsShareACounter(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		spellings := []string{
			"aoi", "AOI", "Aoi", " aoi", "aoi ", "ａｏｉ", "ＡＯＩ", "aOi", "aoi@kaede.example", "AOI@KAEDE.EXAMPLE", "Aoi@Kaede.Example", "\u3000aoi",
		}
		for login, all := range map[string][]string{"aoi": spellings, "nobody": {"nobody", "NOBODY", " nobody", "ｎobody", "nobody@kaede.example", "Nobody"}} {
			slowed := 0
			for i, spelling := range all {
				status, _ := tryFrom(r.Visitor(), "127.0.0.1", spelling, factortest.Wrong)
				if status == http.StatusTooManyRequests {
					slowed++
				} else if i > 5 {
					r.Errorf("A043 %q is not slowed down: %d", spelling, status)
				}
			}
			if want := len(all) - 5; slowed != want {
				r.Errorf("A043 %s: %d of %d were slowed down, want %d", login, slowed, len(all), want)
			}
		}
		status, page := tryFrom(r.Visitor(), "127.0.0.1", "aoi", factortest.Right)
		if status != http.StatusTooManyRequests || !strings.Contains(page, "A passkey works at once") {
			r.Errorf("the factortest.Right password while it is slowed down: %d %s", status, page)
		}
		r.Clock.Advance(2 * time.Second)
		if status, _ := tryFrom(r.Visitor(), "127.0.0.1", "aoi", factortest.Right); status != http.StatusSeeOther {
			r.Errorf("after the pause: %d", status)
		}
	})
}

// An attacker who tries 10⁴ passwords from one source, for a day and from many
// sources after that, shuts the victim out nowhere that counts.
func TestNobodyIsShutOut(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Chika, false)
		r.Password(r.K.Botan, false)
		key := r.Passkey(r.K.Chika)
		known := r.Visitor()
		r.Led(known.Try("chika", factortest.Right), "/settings")
		mark := known.Cookie("sekisho-device")
		r.Led(known.Post("/signout", nil), "/")
		ctx := context.Background()
		flood := func(address string, n int, pause time.Duration) {
			for range n {
				_, _ = r.Room.Password(ctx, signin.Browser{Source: address}, "chika", secret.Of(factortest.Wrong), "/")
				r.Clock.Advance(pause)
			}
		}
		many := 10_000
		if testing.Short() || r.Home.Store().Engine() == "postgres" {
			many = 1000
		}
		flood("192.0.2.7", many-200, 0)
		flood("192.0.2.7", 200, 7*time.Minute)
		r.Run("A044 from another source", func(t *testing.T) {
			out, err := r.Room.Password(ctx, signin.Browser{Source: "198.51.100.9"}, "chika", secret.Of(factortest.Right), "/")
			if err != nil || out.Opening == nil {
				t.Errorf("%+v %v", out, err)
			}
		})
		for i := range 30 {
			flood(fmt.Sprintf("203.0.%d.5", i), 5, 0)
		}
		r.Run("locked for who guesses", func(t *testing.T) {
			if _, err := r.Room.Password(ctx, signin.Browser{Source: "198.51.100.9"}, "chika", secret.Of(factortest.Right), "/"); err == nil {
				t.Error("150 factortest.Wrong ones from everywhere lock nothing")
			}
		})
		r.Run("A044 by passkey", func(t *testing.T) {
			r := r.In(t)
			r.Led(r.Visitor().ByPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), "/settings")
		})
		for i := range 30 {
			flood(fmt.Sprintf("203.0.%d.5", 100+i), 5, 0)
		}
		r.Run("A044 in a known browser, at the attacker's own address", func(t *testing.T) {
			r := r.In(t)
			out, err := r.Room.Password(ctx, signin.Browser{Source: "192.0.2.7", Marks: secret.Of(mark)}, "chika", secret.Of(factortest.Right), "/")
			if err != nil || out.Opening == nil {
				t.Errorf("%+v %v", out, err)
			}
			r.Led(r.Visitor().Try("chika", factortest.Right), "/settings") // the count began anew
		})
		r.Run("A044 another's mark is none", func(t *testing.T) {
			r := r.In(t)
			for i := range 30 {
				for range 5 {
					_, _ = r.Room.Password(ctx, signin.Browser{Source: fmt.Sprintf("203.0.%d.5", i)}, "botan", secret.Of(factortest.Wrong), "/")
				}
			}
			_, err := r.Room.Password(ctx, signin.Browser{Source: "198.51.100.9", Marks: secret.Of(mark)}, "botan", secret.Of(factortest.Right), "/")
			if err == nil {
				t.Error("a mark of chika lifts the lock of botan")
			}
		})
	})
}

func TestFakeNamesEvictNoCounter(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Aoi, false)
	for range 6 {
		r.Visitor().Try("aoi", factortest.Wrong)
	}
	insertStrangers(t, r.Home.Store(), 100_000, r.Clock.Now())
	if err := r.Room.SweepAttempts(context.Background(), r.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if got := r.Visitor().Try("aoi", factortest.Wrong); got.Status != http.StatusTooManyRequests {
		t.Errorf("A045 the counter is gone: %d", got.Status)
	}
	left := count(t, r.Home.Store(), "SELECT COUNT(*) FROM attempt")
	if left > 1<<16+8 {
		t.Errorf("A045 %d rows are kept", left)
	}
	r.Run("A045 the address that a stranger claims is not believed", func(t *testing.T) {
		for i := range 20 {
			status, _ := tryFrom(r.Visitor(), fmt.Sprintf("203.0.113.%d", i), "botan", factortest.Wrong)
			if i >= 5 && status != http.StatusTooManyRequests {
				t.Errorf("try %d: %d", i, status)
			}
		}
	})
}

func insertStrangers(t *testing.T, s *store.Store, n int, now time.Time) {
	t.Helper()
	for from := 0; from < n; from += 1000 {
		err := s.House().Append(context.Background(), func(tx *store.Tx) store.End {
			for i := from; i < from+1000; i++ {
				_, err := tx.Exec("INSERT INTO attempt (person, source, fails, first, last, until) VALUES ($1, '', 1, $2, $2, 0)", fmt.Sprintf("?%d", i), store.Micros(now)+int64(i))
				if err != nil {
					return store.Abort(err)
				}
			}
			return store.Quietly(store.QuietCount)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func count(t *testing.T, s *store.Store, query string) (n int64) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error { return v.Row(query).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRefusalsAreWitnessed(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		ctx := context.Background()
		for i := range 40 {
			_, _ = r.Room.Password(ctx, signin.Browser{Source: fmt.Sprintf("203.0.%d.5", i)}, "aoi", secret.Of(factortest.Wrong), "/")
		}
		n := 0
		for range 300 {
			if n = records(r.T, r.Home.Store(), "signin-refused"); n >= 20 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n != 20 {
			r.Errorf("%d refusals of one person in a minute are recorded singly, want 20", n)
		}
	})
}

var streamAt = regexp.MustCompile(`hx-sse:connect="([^"]+)"`)

// Signing out ends what is open in other windows too.
func TestSigningOutEndsOpenStreams(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		v := h.As(t, k.Chika, k.Org)
		at := streamAt.FindStringSubmatch(v.Get("/admin/notices").Body)
		if at == nil {
			t.Fatal("the page follows nothing")
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL()+html.UnescapeString(at[1]), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range v.Cookies() {
			request.AddCookie(c)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // a test's
		if answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
		ended := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, answer.Body)
			close(ended)
		}()
		if got := v.Post("/signout", nil); got.Status != http.StatusSeeOther {
			t.Fatal(got.Status)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second): // 5 s, on a machine that is busy
			t.Error("A039 the stream outlives the session")
		}
	})
}

func TestTwoValuesAreNone(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Aoi, false)
	r.App(r.K.Aoi)
	v := r.Visitor()
	r.Led(v.Try("aoi", factortest.Right), "/signin/second")
	got := v.R.Home.Nobody(t).Send(http.MethodGet, "/signin/second", "", http.Header{
		"Cookie": {"sekisho-step=" + v.Cookie("sekisho-step") + "; sekisho-step=" + strings.Repeat("A", 43)},
	})
	r.Says(got, http.StatusUnprocessableEntity, "begun too long ago") // A175: one of the two was planted
}

// records counts the records of the log that hold a word.
func records(t *testing.T, s *store.Store, word string) (n int) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error {
		rows, err := v.Query("SELECT body FROM audit_record")
		bodies, err := store.Collect(rows, err, func(scan func(...any) error) (body []byte, err error) { return body, scan(&body) })
		n = 0
		for _, body := range bodies {
			n += min(1, strings.Count(string(body), word))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Of any number of factortest.Right answers at once, one counts.
func TestRightAnswersAtOnce(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		ctx, b := context.Background(), signin.Browser{Source: "127.0.0.1"}
		r.Password(r.K.Aoi, false)
		r.App(r.K.Aoi)
		codes, err := r.Factors.MakeRecovery(ctx, r.K.Aoi)
		if err != nil {
			r.Fatal(err)
		}
		r.Run("R1 a recovery code in several steps", func(t *testing.T) {
			var steps []secret.Text
			for range 5 {
				out, err := r.Room.Password(ctx, b, "aoi", secret.Of(factortest.Right), "/")
				if err != nil {
					t.Fatal(err)
				}
				steps = append(steps, out.Step)
			}
			if won := atOnce(64, func(i int) error {
				_, err := r.Room.Second(ctx, b, steps[i%5], factor.Answer{Method: factor.ByRecovery, Text: codes[0]})
				return err
			}); won != 1 {
				t.Errorf("%d of 64 signed in", won)
			}
		})
		r.Run("R1 a code by mail", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			code := askCode(v, "botan")
			// Ten an hour are looked at; more at once would burn the code.
			if won := atOnce(10, func(int) error {
				_, err := r.Room.Code(ctx, b, secret.Of(v.Cookie("sekisho-code")), secret.Of(code), "/")
				return err
			}); won != 1 {
				t.Errorf("%d of 10 signed in", won)
			}
		})
		r.Run("R1 a passkey's answer", func(t *testing.T) {
			r := r.In(t)
			form := r.Visitor().Ceremony(r.Passkey(r.K.Chika), "/signin/passkey/options")
			if won := atOnce(64, func(int) error {
				a := factor.Answer{Method: factor.ByPasskey, Ticket: form.Get("ticket"), Passkey: []byte(form.Get("answer"))}
				_, err := r.Room.Passkey(ctx, b, a, "/")
				return err
			}); won != 1 {
				t.Errorf("%d of 64 signed in", won)
			}
		})
		r.Run("A043 factortest.Wrong passwords at once are all counted", func(t *testing.T) {
			slow := atOnce(64, func(int) error {
				_, err := r.Room.Password(ctx, signin.Browser{Source: "192.0.2.9"}, "daichi", secret.Of(factortest.Wrong), "/")
				if fault.Code(err) == "too-many-attempts" {
					return nil
				}
				return errors.New("looked at")
			})
			if slow < 64-5 {
				t.Errorf("%d of 64 were looked at", 64-slow)
			}
		})
	}, housetest.WithMail())
}

// atOnce calls f from n goroutines and counts those that succeed.
func atOnce(n int, f func(i int) error) (won int64) {
	var count atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if f(i) == nil {
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return count.Load()
}

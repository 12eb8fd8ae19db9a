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

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

// tryFrom tries a password and claims to come from an address.
func (v visitor) tryFrom(address, login, pw string) (status int, body string) {
	v.r.Helper()
	got := v.Send(http.MethodPost, "/signin/password", url.Values{"login": {login}, "password": {pw}}.Encode(), http.Header{
		"Origin": {v.r.home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-For": {address},
	})
	return got.Status, told(got)
}

func TestIdsChange(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		app := r.app(r.k.Aoi)
		v := r.visitor()
		planted := http.Header{
			"Origin": {r.home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"},
			"Cookie": {"sekisho=" + strings.Repeat("A", 43) + "; sekisho-step=" + strings.Repeat("B", 43) + "; sekisho-device=" + strings.Repeat("C", 43)},
		}
		form := url.Values{"login": {"aoi"}, "password": {right}}.Encode()
		if got := v.Send(http.MethodPost, "/signin/password", form, planted); got.Status != http.StatusSeeOther {
			r.Fatal(got.Status, told(got))
		}
		step := v.cookie("sekisho-step")
		if step == strings.Repeat("B", 43) || step == "" {
			r.Errorf("A037 the planted step stays: %q", step)
		}
		r.led(v.second("totp", r.codeOf(app)), "/")
		session, device := v.cookie("sekisho"), v.cookie("sekisho-device")
		if session == strings.Repeat("A", 43) || strings.HasPrefix(device, strings.Repeat("C", 43)) || v.cookie("sekisho-step") != "" {
			r.Errorf("A037 planted ids stay: %v", v.Cookies())
		}
		for _, value := range []string{strings.Repeat("A", 43), step} {
			if _, err := r.room.Authenticate(context.Background(), secret.Of(value)); err == nil {
				r.Error("A037 a planted id is a session")
			}
		}
		r.Run("A037 step-up", func(t *testing.T) {
			r := r.in(t)
			r.clock.Advance(time.Minute)
			r.led(v.Post("/signin/again", url.Values{"password": {right}, "code": {r.codeOf(app)}, "back": {"/settings"}}), "/settings")
			if v.cookie("sekisho") == session {
				t.Error("the cookie did not change")
			}
			if _, err := r.room.Authenticate(context.Background(), secret.Of(session)); err == nil {
				t.Error("the old cookie counts")
			}
		})
		r.Run("A037 the next sign-in", func(t *testing.T) {
			r, before := r.in(t), v.cookie("sekisho")
			r.clock.Advance(time.Minute)
			r.led(v.try("aoi", right), "/signin/second")
			r.led(v.second("totp", r.codeOf(app)), "/settings")
			if _, err := r.room.Authenticate(context.Background(), secret.Of(before)); err == nil || v.cookie("sekisho") == before {
				t.Error("the session before counts")
			}
		})
	})
}

func TestASharedBrowser(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		r.password(r.k.Botan, false)
		v := r.visitor()
		r.led(v.try("aoi", right), "/settings")
		first := v.cookie("sekisho")
		r.led(v.try("botan", right), "/settings") // without signing out
		if who := v.who(); who.Person.ID != r.k.Botan {
			r.Errorf("A038 signed in as %s", who.Person.Login)
		}
		if _, err := r.room.Authenticate(context.Background(), secret.Of(first)); err == nil {
			r.Error("A038 the session of the one before stands")
		}
		second := v.cookie("sekisho")
		r.led(v.Post("/signout", nil), "/")
		v.nobody()
		if _, err := r.room.Authenticate(context.Background(), secret.Of(second)); err == nil {
			r.Error("A039 the cookie counts after signing out")
		}
		if marks := strings.Split(v.cookie("sekisho-device"), "."); len(marks) != 2 {
			r.Errorf("%d marks", len(marks))
		}
	})
}

func TestAStepUpTakesWhatIsStrongest(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		key := r.passkey(r.k.Aoi)
		v := r.visitor()
		r.led(v.try("aoi", right), "/settings")
		if who := v.who(); !who.Session.Strong.IsZero() {
			r.Error("A040 a password is fresh proof for who has a passkey")
		}
		r.says(v.Post("/signin/again", url.Values{"password": {right}}), http.StatusUnprocessableEntity, "does not prove enough")
		r.says(v.Post("/signin/again", url.Values{"password": {right}, "code": {"123456"}}), http.StatusUnprocessableEntity, "does not count")
		if page := told(v.Get("/signin/again")); strings.Contains(page, `type="password"`) || !strings.Contains(page, "Use a passkey") {
			r.Errorf("A040 what is offered: %s", page)
		}
		foreign := r.passkey(r.k.Botan)
		form := r.visitor().ceremony(foreign, "/signin/passkey/options")
		r.says(v.Post("/signin/again", form), http.StatusUnprocessableEntity, "passkey was not accepted")
		r.led(v.byPasskey(key, "/signin/again/options", "/signin/again", nil), "/settings")
		if who := v.who(); who.Session.Strong.IsZero() || who.Session.ACR() != signin.AAL2 {
			r.Errorf("%+v", who.Session)
		}
	})
}

func TestThePageOfAStepUp(t *testing.T) {
	r := newRig(t)
	r.password(r.k.Chika, false)
	v := r.visitor()
	r.led(v.try("chika", right), "/settings")
	r.clock.Advance(20 * time.Minute)
	got := v.Post("/settings/security/password", nil) // asks for a fresh proof, if it exists
	if got.Status == http.StatusUnauthorized && !strings.Contains(got.Body, "You signed in with a password") {
		t.Errorf("it does not say why: %s", told(got))
	}
	r.says(v.Get("/signin/again?back=/admin"), http.StatusOK, "20 minutes ago")
	r.says(r.visitor().Get("/admin"), http.StatusUnauthorized, `name="back" value="/admin"`)
}

func TestCodesAreNotGuessed(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		app := r.app(r.k.Aoi)
		key := r.passkey(r.k.Aoi)
		if _, err := r.room.MakeRecovery(context.Background(), r.k.Aoi); err != nil {
			r.Fatal(err)
		}
		guess := func(v visitor) {
			bad := "000000"
			if r.codeOf(app) == bad {
				bad = "000001"
			}
			v.second("totp", bad)
		}
		r.Run("A041 five tries a step", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			for range 5 {
				guess(v)
			}
			r.says(v.second("totp", r.codeOf(app)), http.StatusUnprocessableEntity, "begun too long ago")
		})
		r.Run("A041 ten an hour of the second step, whatever the step and the method", func(t *testing.T) {
			r := r.in(t)
			for range 3 {
				v := r.visitor()
				r.led(v.try("aoi", right), "/signin/second")
				guess(v)
				v.second("recovery", "aaaaa-aaaaa-aaaaa")
			}
			v := r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			r.says(v.second("totp", r.codeOf(app)), http.StatusUnprocessableEntity, "Too many codes")
			r.says(v.second("recovery", "aaaaa-aaaaa-aaaaa"), http.StatusUnprocessableEntity, "Too many codes")
			r.led(v.byPasskey(key, "/signin/second/options", "/signin/second", url.Values{"method": {"passkey"}}), "/settings")
		})
		r.Run("the hour ends", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			r.clock.Advance(61 * time.Minute)
			r.led(v.try("aoi", right), "/signin/second")
			r.led(v.second("totp", r.codeOf(app)), "/settings")
		})
	})
}

func TestACodeCountsOnce(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		app := r.app(r.k.Aoi)
		code := r.codeOf(app)
		for _, spelling := range []string{" " + code, code[:3] + " " + code[3:], full(code), code[:2] + "-" + code[2:]} {
			v := r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			got := v.second("totp", spelling)
			if spelling == " "+code {
				r.led(got, "/settings")
				continue
			}
			if got.Status != http.StatusUnprocessableEntity {
				r.Errorf("A042 %q after the same code: %d", spelling, got.Status)
			}
		}
		r.Run("A042 R1 one of 64 at once", func(t *testing.T) {
			r := r.in(t)
			r.clock.Advance(2 * time.Hour)
			code, won, v := r.codeOf(app), atomic.Int64{}, r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			step := v.cookie("sekisho-step")
			spellings := []string{code, full(code), code[:3] + " " + code[3:], " " + code + " "}
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					_, err := r.room.Second(context.Background(), signin.Browser{Source: "127.0.0.1"}, secret.Of(step), signin.Answer{Method: signin.ByTOTP, Text: secret.Of(spellings[i%4])})
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
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		spellings := []string{
			"aoi", "AOI", "Aoi", " aoi", "aoi ", "ａｏｉ", "ＡＯＩ", "aOi", "aoi@kaede.example", "AOI@KAEDE.EXAMPLE", "Aoi@Kaede.Example", "\u3000aoi",
		}
		for login, all := range map[string][]string{"aoi": spellings, "nobody": {"nobody", "NOBODY", " nobody", "ｎobody", "nobody@kaede.example", "Nobody"}} {
			slowed := 0
			for i, spelling := range all {
				status, _ := r.visitor().tryFrom("127.0.0.1", spelling, wrong)
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
		status, page := r.visitor().tryFrom("127.0.0.1", "aoi", right)
		if status != http.StatusTooManyRequests || !strings.Contains(page, "A passkey works at once") {
			r.Errorf("the right password while it is slowed down: %d %s", status, page)
		}
		r.clock.Advance(2 * time.Second)
		if status, _ := r.visitor().tryFrom("127.0.0.1", "aoi", right); status != http.StatusSeeOther {
			r.Errorf("after the pause: %d", status)
		}
	})
}

// An attacker who tries 10⁴ passwords from one source, for a day and from many
// sources after that, shuts the victim out nowhere that counts.
func TestNobodyIsShutOut(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Chika, false)
		r.password(r.k.Botan, false)
		key := r.passkey(r.k.Chika)
		known := r.visitor()
		r.led(known.try("chika", right), "/settings")
		mark := known.cookie("sekisho-device")
		r.led(known.Post("/signout", nil), "/")
		ctx := context.Background()
		flood := func(address string, n int, pause time.Duration) {
			for range n {
				_, _ = r.room.Password(ctx, signin.Browser{Source: address}, "chika", secret.Of(wrong), "/")
				r.clock.Advance(pause)
			}
		}
		many := 10_000
		if testing.Short() || r.home.Store().Engine() == "postgres" {
			many = 1000
		}
		flood("192.0.2.7", many-200, 0)
		flood("192.0.2.7", 200, 7*time.Minute)
		r.Run("A044 from another source", func(t *testing.T) {
			out, err := r.room.Password(ctx, signin.Browser{Source: "198.51.100.9"}, "chika", secret.Of(right), "/")
			if err != nil || out.Opening == nil {
				t.Errorf("%+v %v", out, err)
			}
		})
		for i := range 30 {
			flood(fmt.Sprintf("203.0.%d.5", i), 5, 0)
		}
		r.Run("locked for who guesses", func(t *testing.T) {
			if _, err := r.room.Password(ctx, signin.Browser{Source: "198.51.100.9"}, "chika", secret.Of(right), "/"); err == nil {
				t.Error("150 wrong ones from everywhere lock nothing")
			}
		})
		r.Run("A044 by passkey", func(t *testing.T) {
			r := r.in(t)
			r.led(r.visitor().byPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), "/settings")
		})
		for i := range 30 {
			flood(fmt.Sprintf("203.0.%d.5", 100+i), 5, 0)
		}
		r.Run("A044 in a known browser, at the attacker's own address", func(t *testing.T) {
			r := r.in(t)
			out, err := r.room.Password(ctx, signin.Browser{Source: "192.0.2.7", Marks: secret.Of(mark)}, "chika", secret.Of(right), "/")
			if err != nil || out.Opening == nil {
				t.Errorf("%+v %v", out, err)
			}
			r.led(r.visitor().try("chika", right), "/settings") // the count began anew
		})
		r.Run("A044 another's mark is none", func(t *testing.T) {
			r := r.in(t)
			for i := range 30 {
				for range 5 {
					_, _ = r.room.Password(ctx, signin.Browser{Source: fmt.Sprintf("203.0.%d.5", i)}, "botan", secret.Of(wrong), "/")
				}
			}
			_, err := r.room.Password(ctx, signin.Browser{Source: "198.51.100.9", Marks: secret.Of(mark)}, "botan", secret.Of(right), "/")
			if err == nil {
				t.Error("a mark of chika lifts the lock of botan")
			}
		})
	})
}

func TestFakeNamesEvictNoCounter(t *testing.T) {
	r := newRig(t)
	r.password(r.k.Aoi, false)
	for range 6 {
		r.visitor().try("aoi", wrong)
	}
	insertStrangers(t, r.home.Store(), 100_000, r.clock.Now())
	if err := r.room.SweepAttempts(context.Background(), r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if got := r.visitor().try("aoi", wrong); got.Status != http.StatusTooManyRequests {
		t.Errorf("A045 the counter is gone: %d", got.Status)
	}
	left := count(t, r.home.Store(), "SELECT COUNT(*) FROM attempt")
	if left > 1<<16+8 {
		t.Errorf("A045 %d rows are kept", left)
	}
	r.Run("A045 the address that a stranger claims is not believed", func(t *testing.T) {
		for i := range 20 {
			status, _ := r.visitor().tryFrom(fmt.Sprintf("203.0.113.%d", i), "botan", wrong)
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
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		ctx := context.Background()
		for i := range 40 {
			_, _ = r.room.Password(ctx, signin.Browser{Source: fmt.Sprintf("203.0.%d.5", i)}, "aoi", secret.Of(wrong), "/")
		}
		house, n := r.home.AsSetup(r), 0
		for range 200 {
			got := house.Get("/api/v1/audit/records?limit=100&name=refused&target=" + url.QueryEscape(string(id.OfPerson(r.k.Aoi))))
			if n = strings.Count(got.Body, `"code":"signin-refused"`); n >= 20 {
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
	r := newRig(t)
	r.password(r.k.Aoi, false)
	r.app(r.k.Aoi)
	v := r.visitor()
	r.led(v.try("aoi", right), "/signin/second")
	got := v.r.home.Nobody(t).Send(http.MethodGet, "/signin/second", "", http.Header{
		"Cookie": {"sekisho-step=" + v.cookie("sekisho-step") + "; sekisho-step=" + strings.Repeat("A", 43)},
	})
	r.says(got, http.StatusUnprocessableEntity, "begun too long ago") // A175: one of the two was planted
}

func TestSetupSessionsSignOut(t *testing.T) {
	h := housetest.House(t)
	v := h.AsSetup(t)
	if got := v.Post("/signout", nil); got.Status != http.StatusSeeOther {
		t.Fatal(got.Status)
	}
	if got := v.Get("/admin"); got.Status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", got.Status)
	}
}

// Of any number of right answers at once, one counts.
func TestRightAnswersAtOnce(t *testing.T) {
	eachRig(t, func(r *rig) {
		ctx, b := context.Background(), signin.Browser{Source: "127.0.0.1"}
		r.password(r.k.Aoi, false)
		r.app(r.k.Aoi)
		codes, err := r.room.MakeRecovery(ctx, r.k.Aoi)
		if err != nil {
			r.Fatal(err)
		}
		r.Run("R1 a recovery code in several steps", func(t *testing.T) {
			var steps []secret.Text
			for range 5 {
				out, err := r.room.Password(ctx, b, "aoi", secret.Of(right), "/")
				if err != nil {
					t.Fatal(err)
				}
				steps = append(steps, out.Step)
			}
			if won := atOnce(64, func(i int) error {
				_, err := r.room.Second(ctx, b, steps[i%5], signin.Answer{Method: signin.ByRecovery, Text: codes[0]})
				return err
			}); won != 1 {
				t.Errorf("%d of 64 signed in", won)
			}
		})
		r.Run("R1 a code by mail", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			code := v.askCode("botan")
			if won := atOnce(64, func(int) error {
				_, err := r.room.Code(ctx, b, secret.Of(v.cookie("sekisho-code")), secret.Of(code), "/")
				return err
			}); won != 1 {
				t.Errorf("%d of 64 signed in", won)
			}
		})
		r.Run("R1 a passkey's answer", func(t *testing.T) {
			r := r.in(t)
			form := r.visitor().ceremony(r.passkey(r.k.Chika), "/signin/passkey/options")
			if won := atOnce(64, func(int) error {
				a := signin.Answer{Method: signin.ByPasskey, Ticket: form.Get("ticket"), Passkey: []byte(form.Get("answer"))}
				_, err := r.room.Passkey(ctx, b, a, "/")
				return err
			}); won != 1 {
				t.Errorf("%d of 64 signed in", won)
			}
		})
		r.Run("A043 wrong passwords at once are all counted", func(t *testing.T) {
			slow := atOnce(64, func(int) error {
				_, err := r.room.Password(ctx, signin.Browser{Source: "192.0.2.9"}, "daichi", secret.Of(wrong), "/")
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

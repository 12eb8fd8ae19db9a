package house_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fake/push"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// TestABrowserIsToldUntilItsSessionIsEnded: a push goes to the browsers in which
// its person signed in, those that were left alone too, until somebody ends the
// session (TRAP-H23).
func TestABrowserIsToldUntilItsSessionIsEnded(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		moved := clock.NewMoved(clock.System().Now().UTC().Truncate(time.Second))
		service, err := push.Start(moved)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = service.Close() })
		h := housetest.House(t, housetest.On(database), housetest.OnClock(moved), func(o *housetest.Options) {
			o.Config.Push.Hosts = []string{service.URL()}
			o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8")
		})
		k := h.People(t)
		in := func() *housetest.Visitor { return signedInAt(t, h, moved, k) }
		subscribe := func(v *housetest.Visitor) *push.Browser {
			t.Helper()
			_, key, _ := strings.Cut(v.Get("/api/v1/me/push-devices").Body, `"key":"`)
			key, _, _ = strings.Cut(key, `"`)
			b, err := service.Subscribe(key)
			if err != nil {
				t.Fatal(err)
			}
			body := map[string]any{"endpoint": b.Endpoint, "keys": map[string]string{"p256dh": b.P256DH, "auth": b.Auth}}
			got := v.Call(http.MethodPost, "/api/v1/me/push-devices", body)
			for range 200 { // after a jump of the clock the keys are looked after first
				if got.Status != http.StatusServiceUnavailable {
					break
				}
				time.Sleep(20 * time.Millisecond)
				got = v.Call(http.MethodPost, "/api/v1/me/push-devices", body)
			}
			if got.Status >= 300 {
				t.Fatalf("subscribe: %d %s", got.Status, got.Body)
			}
			return b
		}
		// told has a test sent to all browsers of who asks, and says which got it.
		told := func(v *housetest.Visitor, want int) map[string]bool {
			t.Helper()
			before := len(service.Messages())
			if got := v.Post("/settings/push/test", nil); got.Status != http.StatusSeeOther {
				t.Fatalf("test: %d %.300s", got.Status, got.Body)
			}
			for range 400 {
				if len(service.Messages()) >= before+want && devices(v) == want {
					break
				}
				time.Sleep(10 * time.Millisecond)
				moved.Advance(100 * time.Millisecond)
			}
			got := map[string]bool{}
			for _, m := range service.Messages()[before:] {
				got[m.Browser.Endpoint] = true
			}
			return got
		}
		desk := in()
		first := subscribe(desk)
		if got := told(desk, 1); !got[first.Endpoint] {
			t.Fatal("the first browser was not told while its session stands")
		}
		moved.Advance(13 * time.Hour) // left alone: a phone is told overnight
		phone := in()
		second := subscribe(phone)
		if got := told(phone, 2); !got[first.Endpoint] || !got[second.Endpoint] || len(got) != 2 {
			t.Errorf("a session that was left alone: told %v", got)
		}
		fourth := in()
		last := subscribe(fourth)
		if got := phone.Post("/signout", nil); got.Status != http.StatusSeeOther {
			t.Fatalf("sign out: %d", got.Status)
		}
		if got := told(fourth, 2); !got[last.Endpoint] || !got[first.Endpoint] || len(got) != 2 {
			t.Errorf("after the sign-out of one: told %v", got)
		}
	})
}

func devices(v *housetest.Visitor) int {
	return strings.Count(v.Get("/api/v1/me/push-devices").Body, `"service"`)
}

// signedInAt is Botan in another browser, signed in by the moved clock.
func signedInAt(t *testing.T, h *housetest.Home, moved *clock.Moved, k housetest.Kaede) *housetest.Visitor {
	t.Helper()
	v, room := h.Nobody(t), h.SignIn()
	o := room.NewOpening(k.Botan, []factor.Proof{{Method: factor.ByPasskey, At: moved.Now()}}, "test", "127.0.0.1")
	o.Session.Org = k.Org
	err := h.Store().Self(k.Botan).Write(context.Background(), func(tx *store.Tx) store.End {
		event, err := room.Open(tx, admit.Path{Name: "test"}, o, true, "")
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		t.Fatal(err)
	}
	v.SetCookies([]*http.Cookie{{Name: "sekisho", Value: o.Cookie.Reveal(), Path: "/"}})
	return v
}

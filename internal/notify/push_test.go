package notify_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fake/push"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/notify/webpush"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

var waiting = fstest.MapFS{
	"words/en.yaml": {Data: []byte("room.wait.push: Something waits\nroom.wait.push.text: \"{n} waiting\"\n")},
	"words/ja.yaml": {Data: []byte("room.wait.push: お知らせ\nroom.wait.push.text: \"{n}件お待ちです\"\n")},
}

const (
	botan = id.Person("01jd9m7r0000000000000b0tan")
	chika = id.Person("01jd9m7r0000000000000chkaa")
)

// company is who there is.
type company map[id.Person]org.Person

func (c company) People(_ context.Context, which []id.Person) (map[id.Person]org.Person, error) {
	found := map[id.Person]org.Person{}
	for _, who := range which {
		if p, there := c[who]; there {
			found[who] = p
		}
	}
	return found, nil
}

type pagerRig struct {
	t       *testing.T
	clock   *clock.Moved
	store   *store.Store
	desk    *job.Desk
	service *push.Server
	people  company
	pager   *notify.Pager
}

func eachPager(t *testing.T, f func(r *pagerRig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		r := &pagerRig{t: t, clock: c, people: company{
			botan: {ID: botan, State: org.Active, Locale: "ja"}, chika: {ID: chika, State: org.Active, Locale: "en"},
		}}
		r.store = housetest.Open(t, url, c, seal.Schema, job.Schema, notify.Schema)
		keys, _ := ring(t, r.store, c, "")
		var err error
		if r.service, err = push.Start(c); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.service.Close() })
		out, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		if err != nil {
			t.Fatal(err)
		}
		pusher, err := webpush.New(webpush.Options{Egress: out, Clock: c})
		if err != nil {
			t.Fatal(err)
		}
		book, err := words.Load(notify.Words, mailaddr.Words, waiting)
		if err != nil {
			t.Fatal(err)
		}
		r.pager = notify.NewPager(notify.PagerOptions{
			Store: r.store, Clock: c, Book: book, Ring: keys, People: r.people, BaseURL: base,
			Contact: "mailto:ops@kaede.example", Hosts: append([]string{r.service.URL()}, notify.Services...), Pusher: pusher,
		})
		r.desk = job.New(job.Options{Store: r.store, Clock: c, Log: housetest.Log(t)})
		if err := r.desk.Register(r.pager.Driver()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.desk.Stop(context.WithoutCancel(t.Context())) })
		f(r)
	})
}

func (r *pagerRig) subscribe(who id.Person, session string) *push.Browser {
	r.t.Helper()
	key, err := r.pager.Key(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	b, err := r.service.Subscribe(key)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.pager.Add(r.t.Context(), who, session, "Chromium", subscription(b)); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func subscription(b *push.Browser) (s notify.Subscription) {
	s.Endpoint, s.Keys.P256DH, s.Keys.Auth = b.Endpoint, b.P256DH, b.Auth
	return s
}

func (r *pagerRig) nudge(who ...id.Person) int {
	r.t.Helper()
	var all []notify.Nudge
	for _, p := range who {
		all = append(all, notify.Nudge{
			To: p, Kind: "room.wait", Args: map[string]string{"n": "2"}, Path: "/cards", Topic: "cards", Badge: 2, By: by,
		})
	}
	n, err := r.pager.Prepare(r.t.Context(), all...)
	if err != nil {
		r.t.Fatal(err)
	}
	err = r.store.House().Write(r.t.Context(), func(tx *store.Tx) store.End {
		if err := n.Queue(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "mail.swept", By: by})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n.Len()
}

// until waits for what another goroutine does; a test that never sees it fails.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for ctx := within(t); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it never came about")
}

// settle waits until so many pushes are in a state.
func (r *pagerRig) settle(want job.State, n int) {
	r.t.Helper()
	until(r.t, func() bool {
		all, err := job.Search(r.t.Context(), r.store, job.Filter{Everywhere: true, State: want})
		return err == nil && len(all) == n
	})
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		b, err := r.service.Subscribe("k")
		if err != nil {
			t.Fatal(err)
		}
		good := subscription(b)
		for name, change := range map[string]func(s *notify.Subscription){
			"TRAP-H21 a host of nobody":         func(s *notify.Subscription) { s.Endpoint = "https://attacker.example/x" },
			"TRAP-H21 this machine":             func(s *notify.Subscription) { s.Endpoint = "https://127.0.0.1/x" },
			"TRAP-H21 metadata of a cloud":      func(s *notify.Subscription) { s.Endpoint = "http://169.254.169.254/latest" },
			"TRAP-H21 in the clear":             func(s *notify.Subscription) { s.Endpoint = "http://fcm.googleapis.com/fcm/send/x" },
			"TRAP-H21 another port":             func(s *notify.Subscription) { s.Endpoint = "https://fcm.googleapis.com:22/x" },
			"TRAP-H21 a name that ends alike":   func(s *notify.Subscription) { s.Endpoint = "https://evilpush.apple.com.evil.example/x" },
			"TRAP-H21 a suffix without its dot": func(s *notify.Subscription) { s.Endpoint = "https://xpush.apple.com/x" },
			"TRAP-H21 a user before the host":   func(s *notify.Subscription) { s.Endpoint = "https://fcm.googleapis.com@evil.example/x" },
			"nothing":                           func(s *notify.Subscription) { s.Endpoint = "" },
			"a long endpoint":                   func(s *notify.Subscription) { s.Endpoint += strings.Repeat("x", 1000) },
			"keys of another form":              func(s *notify.Subscription) { s.Keys.P256DH = "AAAA" },
			"an authentication secret short":    func(s *notify.Subscription) { s.Keys.Auth = "AAAA" },
		} {
			s := good
			change(&s)
			_, err := r.pager.Add(t.Context(), botan, "s1", "Chromium", s)
			f := fault.As(err)
			if f == nil || f.Kind != fault.Invalid || len(f.Fields) != 1 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if all, err := r.pager.Devices(t.Context(), botan); err != nil || len(all) != 0 {
			t.Errorf("something was kept: %v, %v", all, err)
		}
	})
}

func TestPeopleAreToldInTheirBrowsers(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		phone, desk := r.subscribe(botan, "s1"), r.subscribe(botan, "s2")
		r.subscribe(chika, "s3")
		if n := r.nudge(botan); n != 2 {
			t.Fatalf("%d pushes, want one for each browser", n)
		}
		if err := r.desk.Start(); err != nil {
			t.Fatal(err)
		}
		r.settle(job.Done, 2)
		got := r.service.Messages()
		if len(got) != 2 {
			t.Fatalf("%d messages", len(got))
		}
		seen := map[*push.Browser]bool{}
		for _, m := range got {
			seen[m.Browser] = true
			var said struct {
				WebPush      int `json:"web_push"`
				Notification struct{ Title, Body, Navigate, Lang, Tag string }
				Badge        int `json:"app_badge"`
			}
			if err := json.Unmarshal(m.Text, &said); err != nil {
				t.Fatal(err)
			}
			n := said.Notification
			if said.WebPush != 8030 || n.Title != "お知らせ" || n.Body != "2件お待ちです" || n.Lang != "ja" || n.Navigate != base+"/cards" || said.Badge != 2 {
				t.Errorf("said %s", m.Text)
			}
			if m.Topic != "cards" || m.Urgency != "normal" || m.TTL != notify.Life {
				t.Errorf("topic %q, urgency %q, TTL %s", m.Topic, m.Urgency, m.TTL)
			}
		}
		if !seen[phone] || !seen[desk] {
			t.Error("a browser was left out")
		}
		all, err := r.pager.Devices(t.Context(), botan)
		if err != nil || len(all) != 2 || all[0].ToldAt.IsZero() {
			t.Errorf("devices %+v, %v", all, err)
		}
	})
}

func TestABrowserHasOneOwner(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		b := r.subscribe(botan, "s1")
		if _, err := r.pager.Add(t.Context(), chika, "s2", "Chromium", subscription(b)); err != nil {
			t.Fatal(err)
		}
		if n := r.nudge(botan); n != 0 {
			t.Errorf("what is botan's is pushed to %d browsers that chika uses now", n)
		}
		if n := r.nudge(chika); n != 1 {
			t.Errorf("chika is told in %d browsers", n)
		}
	})
}

func TestWhoIsNotTold(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		r.subscribe(botan, "s1")
		r.subscribe(botan, "s2")
		devices, err := r.pager.Devices(t.Context(), botan)
		if err != nil || len(devices) != 2 {
			t.Fatal(devices, err)
		}
		if err := r.pager.Drop(t.Context(), chika, devices[0].ID); fault.As(err) == nil || fault.As(err).Kind != fault.NotFound {
			t.Errorf("R4: somebody else's browser was dropped: %v", err)
		}
		end := func(only, but string) {
			err := r.store.House().Write(t.Context(), func(tx *store.Tx) store.End {
				if err := r.pager.Leave(tx, botan, only, but); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "session.ended", By: by})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		end("s1", "")
		if n := r.nudge(botan); n != 1 {
			t.Errorf("%d pushes after the sign-out of one browser, want 1", n)
		}
		r.subscribe(botan, "s3")
		end("", "s3")
		if n := r.nudge(botan); n != 1 {
			t.Errorf("%d pushes after all other sessions ended, want 1", n)
		}
		who := r.people[botan]
		who.State = org.Disabled
		r.people[botan] = who
		if err := r.desk.Start(); err != nil {
			t.Fatal(err)
		}
		r.settle(job.Done, 2)
		if got := r.service.Calls(); got != 0 {
			t.Errorf("TRAP-H23: a disabled person's browser got %d calls", got)
		}
	})
}

func TestTheServiceSaysNo(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		b := r.subscribe(botan, "s1")
		r.service.Make(push.Trouble{Status: 429, RetryAfter: "120"})
		r.nudge(botan)
		if err := r.desk.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool {
			all, err := job.Search(t.Context(), r.store, job.Filter{Everywhere: true, State: job.Intended})
			return err == nil && len(all) == 1 && r.service.Calls() == 1
		})
		r.service.Make(push.Trouble{})
		r.clock.Advance(119 * time.Second)
		if got := r.service.Calls(); got != 1 {
			t.Errorf("%d calls before the service wanted to be called again", got)
		}
		r.clock.Advance(2 * time.Second)
		r.settle(job.Done, 1)
		if len(r.service.Messages()) != 1 {
			t.Errorf("%d messages", len(r.service.Messages()))
		}

		before := r.service.Calls()
		r.service.Make(push.Trouble{Status: 307, Redirect: r.service.URL() + "/wpush/1"})
		r.nudge(botan)
		until(t, func() bool { return r.service.Calls() > before })
		if got := r.service.Calls() - before; got != 1 {
			t.Errorf("TRAP-H21: a redirect was followed: %d calls", got)
		}
		r.service.Make(push.Trouble{Status: 403})
		until(t, func() bool {
			// Past the rest and the breaker, but never past a call that is on
			// its way: its fence would refuse what it found out.
			if rests, err := job.Search(t.Context(), r.store, job.Filter{Everywhere: true, State: job.Intended}); err == nil && len(rests) == 1 {
				r.clock.Advance(time.Minute)
			}
			all, err := job.Search(t.Context(), r.store, job.Filter{Everywhere: true, State: job.Done})
			return err == nil && len(all) == 2
		})
		all, err := r.pager.Devices(t.Context(), botan)
		if err != nil || len(all) != 1 || all[0].Refused != 403 {
			t.Errorf("a refusal is not shown: %+v, %v", all, err)
		}

		r.service.Make(push.Trouble{})
		r.service.Forget(b)
		r.nudge(botan)
		r.settle(job.Done, 3)
		if all, err := r.pager.Devices(t.Context(), botan); err != nil || len(all) != 0 {
			t.Errorf("a subscription that is gone is kept: %+v, %v", all, err)
		}
	})
}

func TestOneKeyForEver(t *testing.T) {
	eachPager(t, func(r *pagerRig) {
		keys := make(chan string, 16)
		for range cap(keys) {
			go func() {
				key, err := r.pager.Key(context.Background())
				if err != nil {
					t.Error(err)
				}
				keys <- key
			}()
		}
		first := <-keys
		for range cap(keys) - 1 {
			if key := <-keys; key != first || key == "" {
				t.Errorf("keys %q and %q: browsers would lose their subscriptions", first, key)
			}
		}
	})
}

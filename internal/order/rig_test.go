package order_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/secret"
)

var ctx = context.Background()

// rig is a house beside a simulated ServiceNow, at which Aoi and Botan are
// connected, on one clock.
type rig struct {
	t      *testing.T
	h      *housetest.Home
	k      housetest.Kaede
	sn     *servicenow.System
	clock  *clock.Moved
	system id.Connector
	base   string
	secret string

	mu    sync.Mutex
	calls map[string]int // by method and path
	lose  int            // so many orders never reach the system
}

func newRig(t *testing.T, url string, more ...func(*housetest.Options)) *rig {
	t.Helper()
	return newRigAhead(t, url, 0, more...)
}

// newRigAhead is one whose ServiceNow has a clock that is so far ahead of ours.
func newRigAhead(t *testing.T, url string, ahead time.Duration, more ...func(*housetest.Options)) *rig {
	t.Helper()
	r := &rig{t: t, clock: clock.NewMoved(time.Now().UTC().Truncate(time.Second)), calls: map[string]int{}, secret: "a word between the two"}
	sn, err := servicenow.New(servicenow.Options{Clock: skewed{r.clock, ahead}})
	if err != nil {
		t.Fatal(err)
	}
	r.sn = sn
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.calls[q.Method+" "+q.URL.Path]++
		lost := r.lose > 0 && strings.HasSuffix(q.URL.Path, "/order_now")
		if lost {
			r.lose--
		}
		r.mu.Unlock()
		if lost {
			panic(http.ErrAbortHandler)
		}
		sn.ServeHTTP(w, q)
	}))
	t.Cleanup(func() { site.Close(); sn.Close() })
	r.base = site.URL
	options := append([]func(*housetest.Options){housetest.On(url), housetest.OnClock(r.clock), func(o *housetest.Options) {
		o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8")
	}}, more...)
	r.h = housetest.House(t, options...)
	r.k = r.h.People(t)
	r.system = r.add(map[string]any{"definition": "servicenow", "name": "servicenow", "title": "ServiceNow"})
	r.connect(r.system, r.k.Aoi, "aoi")
	return r
}

// skewed is a clock that is wrong by as much.
type skewed struct {
	clock.Clock
	by time.Duration
}

func (s skewed) Now() time.Time { return s.Clock.Now().Add(s.by) }

func each(t *testing.T, f func(r *rig), more ...func(*housetest.Options)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, url, more...)) })
}

// add adds a system that reaches the simulator.
func (r *rig) add(more map[string]any) id.Connector {
	r.t.Helper()
	body := map[string]any{
		"settings": map[string]any{"base_url": r.base}, "mode": "user", "scheme": "oauth2_code", "client_id": "sekisho",
		"set_secrets": map[string]string{"client_secret": r.secret}, "enabled": true, "networks": []string{"127.0.0.0/8"},
	}
	maps.Copy(body, more)
	got := r.h.As(r.t, r.k.Chika, r.k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(r.k.Org)+"/systems", body)
	var s struct {
		ID          id.Connector
		CallbackURL string `json:"callback_url"`
	}
	if err := json.Unmarshal([]byte(got.Body), &s); err != nil || s.ID == "" {
		r.t.Fatalf("add the system: %d %s", got.Status, got.Body)
	}
	r.sn.PutClient(servicenow.Client{ID: "sekisho", Secret: secret.Of(r.secret), Name: "Sekisho", Redirects: []string{s.CallbackURL}})
	return s.ID
}

// connect is somebody who consents at the simulator.
func (r *rig) connect(system id.Connector, who id.Person, login string) {
	r.t.Helper()
	v := r.h.As(r.t, who, r.k.Org)
	begun := v.Get("/connect/" + string(system) + "/start")
	at, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || begun.Status != http.StatusSeeOther {
		r.t.Fatalf("start: %d %s", begun.Status, begun.Body)
	}
	q := at.Query()
	back := url.Values{"state": {q.Get("state")}, "code": {r.sn.Code(login, "sekisho", q.Get("redirect_uri"), q.Get("code_challenge"))}}
	if got := v.Get("/connect/" + string(system) + "/callback?" + back.Encode()); got.Status >= 400 {
		r.t.Fatalf("come back: %d %s", got.Status, got.Body)
	}
}

// wish is Aoi's order of an item as it is shown now.
func (r *rig) wish(item string, change ...func(*order.Wish)) order.Wish {
	r.t.Helper()
	room := r.h.Orders()
	offer, err := room.Offer(ctx, r.k.Aoi, r.system, r.sn.SysID(item))
	if err != nil {
		r.t.Fatalf("the offer of %s: %v", item, err)
	}
	w := order.Wish{System: r.system, Item: offer.Item.ID, Quantity: 1, Key: room.NewKey(), Digest: offer.Digest, Values: map[string]string{}}
	for _, f := range change {
		f(&w)
	}
	return w
}

func (r *rig) order(w order.Wish) order.Request {
	r.t.Helper()
	q, err := r.h.Orders().Order(ctx, r.k.Aoi, w)
	if err != nil {
		r.t.Fatalf("order: %v", err)
	}
	return q
}

func (r *rig) get(which id.Order) order.Request {
	r.t.Helper()
	q, err := r.h.Orders().Get(ctx, r.k.Aoi, which)
	if err != nil {
		r.t.Fatal(err)
	}
	return q
}

// until waits for something; the clock moves on meanwhile.
func (r *rig) until(what string, there func() bool) {
	r.t.Helper()
	for range 2000 {
		if there() {
			return
		}
		time.Sleep(5 * time.Millisecond)
		r.clock.Advance(500 * time.Millisecond)
	}
	r.t.Fatalf("it did not come: %s", what)
}

// going lets the clock go on until it is told to stop: who calls a system waits
// by that clock for their turn there.
func (r *rig) going() (stop func()) {
	over, all := make(chan struct{}), sync.WaitGroup{}
	all.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
				r.clock.Advance(100 * time.Millisecond)
			}
		}
	})
	return func() { close(over); all.Wait() }
}

// leap moves the clock on by hours, and waits until the keys were read since.
func (r *rig) leap(d time.Duration) {
	r.t.Helper()
	r.clock.Advance(d)
	r.until("the keys are fresh", func() bool {
		_, err := r.h.Systems().As(ctx, r.k.Org, r.system, r.k.Aoi)
		return code(err) != "seal-stale"
	})
}

// there waits until an order is one that its system has.
func (r *rig) there(which id.Order) order.Request {
	r.t.Helper()
	r.until("the order is there", func() bool { return r.get(which).Way == order.There })
	return r.get(which)
}

// read reads Aoi's requests, as a poll does.
func (r *rig) read() {
	r.t.Helper()
	if err := r.h.Orders().Read(ctx, order.Tie{Org: r.k.Org, System: r.system, Title: "ServiceNow", Person: r.k.Aoi}); err != nil {
		r.t.Fatal(err)
	}
}

// counted are the calls that f makes the house do.
func (r *rig) counted(f func()) (n int) {
	r.mu.Lock()
	before := maps.Clone(r.calls)
	r.mu.Unlock()
	f()
	r.mu.Lock()
	defer r.mu.Unlock()
	for path, count := range r.calls {
		if strings.Contains(path, "/api/") {
			n += count - before[path]
		}
	}
	return n
}

func (r *rig) recorded(name string) (n int) {
	r.t.Helper()
	records, err := r.h.Records(ctx, r.clock.Now().AddDate(-1, 0, 0))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, one := range records {
		if one.Name == name {
			n++
		}
	}
	return n
}

func code(err error) string { return fault.Code(err) }

// told are the mails to Aoi that have the text.
func (r *rig) told(text string) []string { return r.mailed("aoi@kaede.example", text) }

func (r *rig) mailed(to, text string) (all []string) {
	for _, m := range r.h.Mail.Messages() {
		if slices.Contains(m.To, to) && strings.Contains(m.Text, text) {
			all = append(all, m.Subject)
		}
	}
	return all
}

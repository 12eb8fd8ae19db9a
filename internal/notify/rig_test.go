package notify_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/notify/smtp"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	base  = "https://sekisho.example.com"
	kaede = id.Org("01jd9m7r0000000000000kaede")
	by    = id.Principal("local:0")
)

// invitation is what a room that sends mails has in its words files.
var invitation = fstest.MapFS{
	"words/en.yaml": {Data: []byte(`room.mail.subject: "{by} invites you to {org}"
room.mail.text: |
  Hello {name},

  {by} has invited you to {org}.
  You have until {until}.
room.mail.action: See the invitation
room.mail.after: The invitation counts once.
room.code.subject: Your code
room.code.text: Type this code.
`)},
	"words/ja.yaml": {Data: []byte(`room.mail.subject: "{by}さんから{org}への招待"
room.mail.text: |
  {name} 様

  {by}さんから{org}への招待が届いています。
  期限は{until}です。
room.mail.action: 招待を確認する
room.mail.after: この招待は一度だけ使えます。
room.code.subject: 確認コード
room.code.text: 次のコードを入力してください。
`)},
}

// rig is a post with everything below it, for real.
type rig struct {
	t     *testing.T
	clock *clock.Moved
	store *store.Store
	ring  *seal.Ring
	desk  *job.Desk
	post  *notify.Post
	relay *mail.Server
	key   string
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, url, clock.NewMoved(housetest.Epoch), "", mail.Options{})) })
}

// newRig founds a ring with a key file, or opens it again.
func newRig(t *testing.T, url string, c *clock.Moved, key string, o mail.Options) *rig {
	t.Helper()
	relay, err := mail.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = relay.Close() })
	r := rigAt(t, url, c, key, relay.URL())
	r.relay = relay
	return r
}

// rigAt is a rig at a relay that runs already.
func rigAt(t *testing.T, url string, c *clock.Moved, key, relay string) *rig {
	t.Helper()
	r := &rig{t: t, clock: c}
	r.store = housetest.Open(t, url, c, seal.Schema, job.Schema, notify.Schema)
	r.ring, r.key = ring(t, r.store, c, key)
	r.post = post(t, r.store, c, r.ring, relay)
	r.desk = job.New(job.Options{Store: r.store, Clock: c, Log: housetest.Log(t)})
	if err := r.desk.Register(r.post.Driver()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.desk.Stop(context.WithoutCancel(t.Context())) })
	return r
}

func ring(t testing.TB, s *store.Store, c clock.Clock, key string) (*seal.Ring, string) {
	t.Helper()
	ring := seal.New(seal.Options{Store: s, Clock: c, Log: housetest.Log(t)}, notify.Sealed{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done; ring.Close() })
	if key == "" {
		key = filepath.Join(t.TempDir(), "unseal.key")
	}
	founded, err := ring.Founded(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if founded {
		if err := ring.Unseal(ctx, by, seal.KeyFile(key)); err != nil {
			t.Fatal(err)
		}
	} else {
		kit, err := ring.Found(ctx, by, seal.KeyFile(key))
		if err != nil {
			t.Fatal(err)
		}
		kit.Wipe()
	}
	go func() { defer close(done); _ = ring.Run(ctx) }()
	return ring, key
}

func post(t testing.TB, s *store.Store, c clock.Clock, ring *seal.Ring, url string) *notify.Post {
	t.Helper()
	out, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	relay, err := smtp.ParseRelay(url)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := smtp.New(smtp.Options{Relay: relay, Egress: out})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	book, err := words.Load(notify.Words, mailaddr.Words, invitation)
	if err != nil {
		t.Fatal(err)
	}
	from, _ := mailaddr.ParseMailbox("Sekisho <no-reply@example.com>")
	p, err := notify.New(notify.Options{Store: s, Clock: c, Book: book, Ring: ring, BaseURL: base, From: from, Sender: sender})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func message(to, ref string) notify.Message {
	address, err := mailaddr.Parse(to)
	if err != nil {
		panic(err)
	}
	return notify.Message{
		To: address, Lang: words.English, Kind: "room.mail", Org: kaede, Ref: ref, By: by,
		Args: map[string]string{"by": "Chika", "org": "Kaede Trading", "name": "Aoi", "until": "2026-11-23 09:00 UTC"},
		Link: secret.Of(base + "/invitation?link=canary-link"),
	}
}

// queue writes a message as a room does.
func (r *rig) queue(m notify.Message) {
	r.t.Helper()
	queue(r.t, r.store, r.post, m)
}

func queue(t testing.TB, s *store.Store, p *notify.Post, m notify.Message) {
	t.Helper()
	envelope, err := p.Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Org(m.Org).Write(context.Background(), func(tx *store.Tx) store.End {
		if err := envelope.Queue(tx); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "room.invited", Org: m.Org, By: m.By})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) start() {
	r.t.Helper()
	if err := r.desk.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// until lets time pass, but not under a call, until the delivery is as wanted.
func (r *rig) until(ref string, states ...notify.State) notify.Delivery {
	r.t.Helper()
	late := 0
	for range 5000 {
		d, found, err := r.post.Delivery(context.Background(), kaede, ref)
		if err != nil || !found {
			r.t.Fatal(found, err)
		}
		for _, state := range states {
			if d.State == state {
				return d
			}
		}
		if !d.Next.IsZero() && !r.clock.Now().Before(d.Next) && late < 1000 {
			late++ // it is due: its turn comes before time goes on
			time.Sleep(3 * time.Millisecond)
			continue
		}
		late = 0
		r.pass(10 * time.Second)
	}
	d, _, _ := r.post.Delivery(context.Background(), kaede, ref)
	r.t.Fatalf("%s is %+v and not %v", ref, d, states)
	return d
}

func (r *rig) pass(d time.Duration) {
	time.Sleep(3 * time.Millisecond)
	for _, standing := range r.desk.Standings() {
		if standing.Running > 0 {
			return
		}
	}
	r.clock.Advance(d)
}

func within(t *testing.T) context.Context {
	t.Helper()
	limited, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return limited
}

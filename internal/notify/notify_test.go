package notify_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

var ctx = context.Background()

func TestSealRefuses(t *testing.T) {
	r := newRig(t, housetest.SQLite(t), clock.NewMoved(housetest.Epoch), "", mail.Options{})
	for name, spoil := range map[string]func(*notify.Message){
		"no address":            func(m *notify.Message) { m.To = mailaddr.Address{} },
		"no reference":          func(m *notify.Message) { m.Ref = "" },
		"nobody":                func(m *notify.Message) { m.By = "" },
		"no sentence":           func(m *notify.Message) { m.Kind = "room.gone" },
		"link without a label":  func(m *notify.Message) { m.Kind = "room.code" },
		"another house":         func(m *notify.Message) { m.Link = secret.Of("https://evil.example/invitation") },
		"a house that looks so": func(m *notify.Message) { m.Link = secret.Of(base + ".evil.example/") },
		"user in the link":      func(m *notify.Message) { m.Link = secret.Of("https://sekisho.example.com@evil.example/") },
		"javascript":            func(m *notify.Message) { m.Link = secret.Of("javascript:alert(1)") },
		"A181 line break":       func(m *notify.Message) { m.Link = secret.Of(base + "/x\r\nBcc: y@z.example") },
		"code with markup":      func(m *notify.Message) { m.Code = secret.Of("<b>1") },
	} {
		t.Run(name, func(t *testing.T) {
			m := message("aoi@kaede.example", "x")
			spoil(&m)
			if _, err := r.post.Seal(m); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v", err)
			}
		})
	}
	off := *r.post
	off.Sender = nil
	if _, err := off.Seal(message("aoi@kaede.example", "x")); off.Enabled() || fault.Code(err) != "mail-off" {
		t.Errorf("a house without mail: %v", err)
	}
}

func TestQueueRefuses(t *testing.T) {
	each(t, func(r *rig) {
		envelope, err := r.post.Seal(message("aoi@kaede.example", "x"))
		if err != nil {
			r.t.Fatal(err)
		}
		for name, c := range map[string]struct {
			envelope notify.Envelope
			handle   store.Handle
		}{
			"R4 another organization": {envelope, r.store.Org("01jd9m7r0000000000000other")},
			"not sealed":              {notify.Envelope{}, r.store.Org(kaede)},
		} {
			err := c.handle.Write(ctx, func(tx *store.Tx) store.End {
				if err := c.envelope.Queue(tx); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "room.invited", By: by})
			})
			if err == nil {
				r.t.Errorf("%s was queued", name)
			}
		}
		// The decision is undone, and so is the message.
		err = r.store.Org(kaede).Write(ctx, func(tx *store.Tx) store.End {
			if err := envelope.Queue(tx); err != nil {
				return store.Abort(err)
			}
			return store.Abort(fault.New(fault.Conflict, "cursor-malformed"))
		})
		if _, found, _ := r.post.Delivery(ctx, kaede, "x"); err == nil || found {
			r.t.Errorf("%v, found %v", err, found)
		}
	})
}

// What the relay says of an address is shown to whoever sent the mail.
func TestBadAddressIsShown(t *testing.T) {
	each(t, func(r *rig) {
		r.queue(message("bounce@kaede.example", "invitation:1"))
		r.queue(message("aoi@kaede.example", "invitation:2"))
		r.start()
		d := r.until("invitation:1", notify.Refused, notify.Sent)
		want := notify.Answer{Code: 550, Enhanced: "5.1.1", Text: "<bounce@kaede.example>: no such user here"}
		if d.State != notify.Refused || d.Answer != want || d.To != "bounce@kaede.example" || d.At.IsZero() || !d.Failed() {
			r.t.Errorf("got %+v", d)
		}
		said := r.post.Book.Say(words.English, d.Key(), d.Args())
		if said != "bounce@kaede.example was refused: 550 5.1.1 <bounce@kaede.example>: no such user here. Check the address." {
			r.t.Errorf("said %q", said)
		}
		if d := r.until("invitation:2", notify.Sent); d.Failed() {
			r.t.Errorf("got %+v", d)
		}
		if names := events(r); !slices.Contains(names, "mail.refused") || slices.Contains(names, "effect.parked") {
			r.t.Errorf("events %v", names)
		}
		if counts, err := job.Counts(ctx, r.store); err != nil || len(counts) != 0 {
			r.t.Errorf("R8 left open: %v, %v", counts, err)
		}
		erased(r)
	})
}

func events(r *rig) (names []string) {
	for _, e := range housetest.Witnessed(r.t, r.store) {
		names = append(names, e.Name)
	}
	return names
}

// erased: what a mail said is gone with its end.
func erased(r *rig) {
	r.t.Helper()
	var left int
	err := r.store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT count(*) FROM notify_message WHERE length(sealed) > 0").Scan(&left)
	})
	if err != nil || left != 0 {
		r.t.Errorf("%d messages still say something, %v", left, err)
	}
}

// No secret stands in the clear while a mail waits (R9, A161).
func TestSecretsLieSealed(t *testing.T) {
	each(t, func(r *rig) {
		m := message("aoi@kaede.example", "x")
		m.Code, m.Args["name"] = secret.Of("canary-code"), "canary-name"
		r.queue(m)
		var dump strings.Builder
		err := r.store.House().Read(ctx, func(v *store.View) error {
			for _, query := range []string{"SELECT payload || result || line || why FROM job_effect", "SELECT sealed FROM notify_message", "SELECT id || ref || said || kind FROM notify_message"} {
				rows, err := v.Query(query)
				all, err := store.Collect(rows, err, func(scan func(...any) error) (b []byte, err error) { err = scan(&b); return b, err })
				if err != nil {
					return err
				}
				for _, b := range all {
					dump.Write(b)
				}
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
		fmt.Fprintf(&dump, "%v %+v", housetest.Witnessed(r.t, r.store), m)
		if strings.Contains(dump.String(), "canary-link") || strings.Contains(dump.String(), "canary-code") {
			r.t.Error("R9 A161 a canary stands in the clear")
		}
		var cells int
		err = r.store.House().Read(ctx, func(v *store.View) error {
			all, err := (notify.Sealed{}).Next(v, "", 10)
			for _, cell := range all {
				if plain, err := r.ring.Open(cell.Place, cell.Sealed); err != nil || !strings.Contains(string(plain), "canary-link") {
					r.t.Errorf("a cell opens as %d bytes, %v", len(plain), err)
				}
			}
			cells = len(all)
			return err
		})
		if err != nil || cells != 1 {
			r.t.Errorf("%d cells, %v", cells, err)
		}
	})
}

func TestRelayAsksToComeBack(t *testing.T) {
	each(t, func(r *rig) {
		r.relay.Set(func(b *mail.Behaviour) { b.Defer = 3 })
		r.queue(message("aoi@kaede.example", "x"))
		r.start()
		d := r.until("x", notify.Deferred, notify.Sent)
		if d.State != notify.Deferred || d.Answer.Code != 451 || !d.Next.After(r.clock.Now().Add(-time.Minute)) || d.Failed() {
			r.t.Errorf("got %+v", d)
		}
		d = r.until("x", notify.Sent, notify.GivenUp)
		// 1, 5 and 15 minutes, and the steps of the test
		if took := d.At.Sub(d.QueuedAt); d.State != notify.Sent || took < 21*time.Minute || took > 25*time.Minute {
			r.t.Errorf("got %+v after %v", d, took)
		}
		if n := len(r.relay.Messages()); n != 1 {
			r.t.Errorf("%d mails", n)
		}
	})
}

func TestGivenUpInTime(t *testing.T) {
	each(t, func(r *rig) {
		r.relay.Set(func(b *mail.Behaviour) { b.Defer = 100 })
		m := message("aoi@kaede.example", "x")
		m.Until = r.clock.Now().Add(30 * time.Minute)
		r.queue(m)
		r.start()
		d := r.until("x", notify.GivenUp, notify.Sent)
		if d.State != notify.GivenUp || d.Answer.Code != 451 || d.At.After(m.Until) {
			r.t.Errorf("got %+v", d)
		}
		if names := events(r); !slices.Contains(names, "mail.given-up") {
			r.t.Errorf("events %v", names)
		}
		erased(r)
	})
}

// A mail may arrive twice rather than never, and three times at most.
func TestNoAnswerBehindAMail(t *testing.T) {
	each(t, func(r *rig) {
		r.relay.Set(func(b *mail.Behaviour) { b.Cut = 1 })
		r.queue(message("aoi@kaede.example", "once"))
		r.start()
		d := r.until("once", notify.Sent, notify.Unknown)
		mails := r.relay.Messages()
		if d.State != notify.Sent || len(mails) != 2 || mails[0].Header.Get("Message-Id") != mails[1].Header.Get("Message-Id") {
			r.t.Errorf("R8 got %+v and %d mails", d, len(mails))
		}
		r.relay.Set(func(b *mail.Behaviour) { b.Cut = 100 })
		r.queue(message("botan@kaede.example", "never"))
		d = r.until("never", notify.Sent, notify.Unknown)
		if n := len(r.relay.Messages()) - 2; d.State != notify.Unknown || n != 3 || !d.Failed() {
			r.t.Errorf("R8 got %+v and %d mails", d, n)
		}
	})
}

// What an operator must look at parks the effect, with a code that says where.
func TestOperatorsTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		options mail.Options
		spoil   func(*mail.Behaviour)
		want    string
	}{
		"A182 password wanted": {mail.Options{Username: "x", Password: "y"}, nil, "mail-sender-refused"},
		"sender refused":       {mail.Options{}, func(b *mail.Behaviour) { b.Sender = 550 }, "mail-sender-refused"},
		"relay refused":        {mail.Options{}, func(b *mail.Behaviour) { b.Greet = 554 }, "mail-relay-refused"},
		"A145 certificate":     {mail.Options{Security: mail.Implicit}, nil, "egress-certificate-refused"},
	} {
		t.Run(name, func(t *testing.T) {
			housetest.EachURL(t, func(t *testing.T, url string) {
				r := newRig(t, url, clock.NewMoved(housetest.Epoch), "", c.options)
				if c.spoil != nil {
					r.relay.Set(c.spoil)
				}
				r.queue(message("aoi@kaede.example", "x"))
				r.start()
				d := r.until("x", notify.Stopped, notify.Sent, notify.Refused)
				if d.State != notify.Stopped || d.Why != c.want || len(r.relay.Messages()) != 0 {
					t.Errorf("got %+v", d)
				}
			})
		})
	}
}

// A relay that is away for an hour costs nothing but the hour.
func TestRelayAway(t *testing.T) {
	each(t, func(r *rig) {
		r.relay.Set(func(b *mail.Behaviour) { b.Greet = 421 })
		r.queue(message("aoi@kaede.example", "x"))
		r.start()
		for range 200 {
			r.pass(10 * time.Second)
		}
		if d, _, err := r.post.Delivery(ctx, kaede, "x"); err != nil || d.State != notify.Queued || d.Why != "job-target-away" {
			r.t.Errorf("got %+v, %v", d, err)
		}
		r.relay.Set(func(b *mail.Behaviour) { b.Greet = 0 })
		r.until("x", notify.Sent)
	})
}

// The last message of a reference counts, and each organization sees its own.
func TestDeliveries(t *testing.T) {
	each(t, func(r *rig) {
		r.queue(message("bounce@kaede.example", "ref:0"))
		r.start()
		r.until("ref:0", notify.Refused)
		r.clock.Advance(time.Millisecond)
		r.queue(message("aoi@kaede.example", "ref:0"))
		refs := []string{"ref:0", "nobody"}
		for i := 1; i < 45; i++ {
			refs = append(refs, fmt.Sprintf("ref:%d", i))
			r.queue(message("aoi@kaede.example", refs[len(refs)-1]))
		}
		for _, ref := range refs {
			if ref != "nobody" {
				r.until(ref, notify.Sent)
			}
		}
		got, err := r.post.Deliveries(ctx, kaede, refs...)
		if err != nil || len(got) != 45 || got["ref:44"].State != notify.Sent {
			r.t.Errorf("%d of 45, %v", len(got), err)
		}
		for _, other := range []notify.Message{{Org: "01jd9m7r0000000000000other"}, {}} {
			if got, err := r.post.Deliveries(ctx, other.Org, refs...); err != nil || len(got) != 0 {
				r.t.Errorf("R4 organization %q sees %d, %v", other.Org, len(got), err)
			}
		}
		if got, err := r.post.Deliveries(ctx, kaede); err != nil || len(got) != 0 {
			r.t.Errorf("of nothing: %v, %v", got, err)
		}
		r.clock.Advance(91 * 24 * time.Hour)
		if n, err := r.post.Sweep(ctx, 90*24*time.Hour); err != nil || n != 46 {
			r.t.Errorf("swept %d, %v", n, err)
		}
	})
}

// A mail that an operator gives up, or forgets, does not keep its secrets.
func TestLeftByOperators(t *testing.T) {
	each(t, func(r *rig) {
		r.relay.Set(func(b *mail.Behaviour) { b.Sender = 550 })
		r.queue(message("aoi@kaede.example", "skipped"))
		r.clock.Advance(time.Millisecond) // effects are found in the order of their ids
		r.queue(message("aoi@kaede.example", "forgotten"))
		r.start()
		r.until("skipped", notify.Stopped)
		r.until("forgotten", notify.Stopped)
		parked, err := job.Search(ctx, r.store, job.Filter{Org: kaede, State: job.Parked})
		if err != nil || len(parked) != 2 {
			r.t.Fatal(parked, err)
		}
		operate := func(act func(*store.Tx) (store.Event, error)) {
			r.t.Helper()
			if err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
				event, err := act(tx)
				if err != nil {
					return store.Abort(err)
				}
				return store.Done(event)
			}); err != nil {
				r.t.Fatal(err)
			}
		}
		operate(func(tx *store.Tx) (store.Event, error) { return job.Skip(tx, kaede, parked[0].ID, by, "no") })
		if d := r.until("skipped", notify.GivenUp, notify.Sent); d.At.IsZero() || !d.Failed() {
			r.t.Errorf("skipped: %+v", d)
		}
		r.clock.Advance(notify.Life + 25*time.Hour)
		if _, err := r.post.Sweep(ctx, 90*24*time.Hour); err != nil {
			r.t.Error(err)
		}
		if d := r.until("forgotten", notify.GivenUp, notify.Stopped); d.State != notify.GivenUp {
			r.t.Errorf("forgotten: %+v", d)
		}
		erased(r)
		operate(func(tx *store.Tx) (store.Event, error) { return job.Retry(tx, kaede, parked[1].ID, by) })
		for range 50 {
			r.pass(time.Second)
		}
		if counts, err := job.Counts(ctx, r.store); err != nil || len(counts) != 0 || len(r.relay.Messages()) != 0 {
			r.t.Errorf("tried again: %v, %v, %d mails", counts, err, len(r.relay.Messages()))
		}
	})
}

// Many at once: each mail arrives once.
func TestManyAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		const many = 64
		for i := range many {
			r.queue(message(fmt.Sprintf("p%d@kaede.example", i), fmt.Sprintf("ref:%d", i)))
		}
		r.start()
		for i := range many {
			r.until(fmt.Sprintf("ref:%d", i), notify.Sent)
		}
		seen := map[string]int{}
		for _, m := range r.relay.Messages() {
			seen[m.To[0]]++
		}
		if len(seen) != many || len(r.relay.Messages()) != many {
			r.t.Errorf("%d mails to %d people, want %d each", len(r.relay.Messages()), len(seen), many)
		}
		if n := r.relay.Connections(); n > 30 {
			r.t.Errorf("%d connections for %d mails", n, many)
		}
	})
}

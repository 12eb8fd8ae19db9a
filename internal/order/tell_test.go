package order_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/order"
)

// at moves the clock on to an hour of Aoi's day, which is UTC here.
func (r *rig) at(hour int) {
	now := r.clock.Now().UTC()
	next := time.Date(now.Year(), now.Month(), now.Day(), hour, 0, 0, 0, time.UTC)
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	r.leap(next.Sub(now))
}

// move has a request of Aoi's rejected, or approved, and read.
func (r *rig) move(item, to string) order.Request {
	r.t.Helper()
	made, err := r.sn.Order("aoi", item, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	r.readAt()
	if err := r.sn.Decide(made.Approvals[0].ID, "botan", to, "no"); err != nil {
		r.t.Fatal(err)
	}
	r.clock.Advance(2 * time.Second)
	r.readAt()
	list, _, err := r.h.Orders().List(ctx, r.k.Aoi, to == "rejected", "", 10)
	if err != nil || len(list) == 0 {
		r.t.Fatal(list, err)
	}
	return list[0]
}

// readAt reads as a poll does, and once more after one that had no patience: a
// clock that leaps ends what is on its way. It goes on slowly meanwhile, for what
// waits by it.
func (r *rig) readAt() {
	r.t.Helper()
	ended := make(chan error, 1)
	read := func() {
		ended <- r.h.Orders().Read(ctx, order.Tie{Org: r.k.Org, System: r.system, Title: "ServiceNow", Person: r.k.Aoi})
	}
	go read()
	for range 3000 {
		select {
		case err := <-ended:
			if err == nil {
				return
			}
			go read()
		case <-time.After(20 * time.Millisecond):
			r.clock.Advance(100 * time.Millisecond)
		}
	}
	r.t.Fatal("her requests cannot be read")
}

// still reports after a while whether nothing was sent: the clock stands, and what
// was queued would have gone.
func (r *rig) still(text string) bool {
	r.t.Helper()
	canary := r.recorded("order.changed")
	time.Sleep(300 * time.Millisecond)
	return len(r.told(text)) == 0 && canary == r.recorded("order.changed")
}

// TestMailsKeepQuietHours: a mail about a request waits for the end of quiet
// hours, and for the daily hour of who wants one mail a day; several are one; who
// wants none gets none (K6).
func TestMailsKeepQuietHours(t *testing.T) {
	prefer := func(r *rig, mail, from, until string) {
		r.t.Helper()
		form := url.Values{"mail": {mail}, "quiet_from": {from}, "quiet_until": {until}, "digest_at": {"09:00"}, "urgent": {"yes"}}
		if got := r.h.As(r.t, r.k.Aoi, r.k.Org).Post("/settings/cards", form); got.Status != http.StatusSeeOther {
			r.t.Fatalf("how she wants to be told: %d %s", got.Status, got.Body)
		}
	}
	each(t, func(r *rig) {
		p, err := r.h.Register().Person(ctx, r.k.Aoi)
		if err == nil {
			p.TimeZone, p.Locale = "UTC", "en"
			_, err = r.h.Register().ChangePerson(ctx, "local:0", p)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		t := r.t
		prefer(r, "off", "", "")
		off := r.move("iPhone", "rejected")

		prefer(r, "each", "22:00", "07:00")
		r.at(23)
		first := r.move("iPhone", "rejected")
		second := r.move("iPhone", "rejected")
		if !r.still(first.Number) || !r.still("requests in outside systems") {
			t.Errorf("CAP-K6 told in quiet hours: %q", r.told(""))
		}
		r.at(7)
		r.until("told in the morning", func() bool { return len(r.told("2 of your requests")) == 1 })
		if h := r.clock.Now().UTC().Hour(); h < 7 || h > 8 {
			t.Errorf("CAP-K6 told at %d", h)
		}

		prefer(r, "digest", "", "")
		r.at(12)
		third := r.move("iPhone", "rejected")
		if !r.still(third.Number) {
			t.Errorf("CAP-K6 told before the daily hour: %q", r.told(""))
		}
		r.at(9)
		r.until("told once a day", func() bool { return len(r.told(third.Number)) == 1 })

		if n := len(r.told(off.Number)) + len(r.told(second.Number)); n != 0 || len(r.told("")) != 2 {
			t.Errorf("CAP-K6 she has %q", r.told(""))
		}
	}, housetest.WithMail())
}

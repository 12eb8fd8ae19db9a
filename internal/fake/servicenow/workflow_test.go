package servicenow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

// states are those of a request and of its approvers' rows.
func states(q servicenow.Request) []string {
	out := []string{q.Approval}
	for _, row := range q.Approvals {
		out = append(out, row.Approver+" "+row.State)
	}
	return out
}

func (d *desk) wants(q servicenow.Request, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(want, states(d.now(q.Number))); diff != "" {
		d.t.Error(diff)
	}
}

func TestTheRowsStateIsNotTheRequestsApproval(t *testing.T) {
	d := open(t, "workflow=30s")
	q := d.ask()
	a := d.decide("botan", q.Approvals[0].ID, "approved", "")
	want := map[string]any{"sys_id": q.Approvals[0].ID, "state": "approved", "comments": ""}
	if diff := cmp.Diff(want, a.one()); diff != "" || a.status != 200 {
		t.Error(diff)
	}
	d.wants(q, "requested", "botan approved")
	d.clock.Advance(29 * time.Second)
	d.wants(q, "requested", "botan approved")
	d.clock.Advance(time.Second)
	d.wants(q, "approved", "botan approved")
	if now := d.now(q.Number); now.State != "2" || now.Items[0].Stage != "fulfillment" {
		t.Errorf("%+v", now)
	}
	if rows := d.list("aoi", "sc_task", "request="+q.ID).result(); len(rows) != 1 {
		t.Errorf("tasks: %v", rows)
	}
}

func TestRejection(t *testing.T) {
	d := open(t, "approvers=botan,daichi")
	q := d.ask()
	row := q.Approvals[0].ID
	if a := d.decide("botan", row, "rejected", " "); a.status != 403 || at(a.body, "error", "detail") != "Data Policy Exception: The following fields are mandatory: Comments" {
		t.Errorf("%d %s", a.status, a.text)
	}
	d.wants(q, "requested", "botan requested", "daichi requested")
	if a := d.decide("botan", row, "rejected", "Too dear"); a.status != 200 || at(a.one(), "comments") != "Too dear" {
		t.Errorf("%s", a.text)
	}
	d.wants(q, "rejected", "botan rejected", "daichi cancelled")
	if now := d.now(q.Number); now.Approvals[0].Comments != "Too dear" || now.State != "4" {
		t.Errorf("%+v", now)
	}
	t.Run("where comments are optional", func(t *testing.T) {
		d.turn("comment-optional")
		q := d.ask()
		d.decide("botan", q.Approvals[0].ID, "rejected", "")
		d.wants(q, "rejected", "botan rejected", "daichi cancelled")
	})
}

func TestSeveralApprovers(t *testing.T) {
	d := open(t, "approvers=botan,daichi")
	t.Run("any", func(*testing.T) {
		q := d.ask()
		d.decide("daichi", q.Approvals[1].ID, "approved", "")
		d.wants(q, "approved", "botan not_required", "daichi approved")
	})
	t.Run("all", func(*testing.T) {
		d.turn("need=all")
		q := d.ask()
		d.decide("daichi", q.Approvals[1].ID, "approved", "")
		d.wants(q, "requested", "botan requested", "daichi approved")
		d.decide("botan", q.Approvals[0].ID, "approved", "")
		d.wants(q, "approved", "botan approved", "daichi approved")
	})
	t.Run("of a change", func(*testing.T) {
		q := d.Open("change_request", "aoi", servicenow.Row{"short_description": "New disks", "cmdb_ci": "db01"})
		if err := d.Ask(q.Number, "any", "botan"); err != nil {
			t.Fatal(err)
		}
		row := d.now(q.Number).Approvals[0]
		if err := d.Decide(row.ID, "botan", "approved", ""); err != nil {
			t.Fatal(err)
		}
		d.wants(q, "approved", "botan approved")
		if err := d.Decide(row.ID, "botan", "rejected", ""); err == nil {
			t.Error("decided twice")
		}
	})
}

// What is final stays, and the answer is 200: only reading back tells.
func TestADecisionCountsOnce(t *testing.T) {
	d := open(t)
	q := d.ask()
	row := q.Approvals[0].ID
	d.decide("botan", row, "approved", "")
	if a := d.decide("botan", row, "rejected", "No"); a.status != 200 || at(a.one(), "state") != "approved" {
		t.Errorf("%s", a.text)
	}
	if a := d.decide("botan", row, "perhaps", ""); a.status != 200 || at(a.one(), "state") != "approved" {
		t.Errorf("%s", a.text)
	}
	d.wants(q, "approved", "botan approved")
	t.Run("C12 decided elsewhere", func(t *testing.T) {
		q := d.ask()
		d.turn("elsewhere=rejected")
		if a := d.decide("botan", q.Approvals[0].ID, "approved", ""); a.status != 200 || at(a.one(), "state") != "rejected" {
			t.Errorf("%s", a.text)
		}
		d.wants(q, "rejected", "botan rejected")
	})
	t.Run("at once", func(*testing.T) {
		q := d.ask()
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() { d.decide("botan", q.Approvals[0].ID, []string{"approved", "rejected"}[i%2], "x") })
		}
		all.Wait()
		now := d.now(q.Number)
		if now.Approval != now.Approvals[0].State {
			t.Errorf("%v", states(now))
		}
		tasks := d.list("chika", "sc_task", "request="+q.ID).result()
		if want := map[string]int{"approved": 1, "rejected": 0}[now.Approval]; len(tasks) != want {
			t.Errorf("%s: %d tasks", now.Approval, len(tasks))
		}
	})
}

func TestSuccessCodesThatLie(t *testing.T) {
	d := open(t)
	q := d.ask()
	row := q.Approvals[0].ID
	t.Run("C1 fields are dropped", func(t *testing.T) {
		d.turn("acl-drop")
		if a := d.decide("botan", row, "approved", "fine"); a.status != 200 || at(a.one(), "state") != "requested" || at(a.one(), "comments") != "" {
			t.Errorf("%s", a.text)
		}
		d.wants(q, "requested", "botan requested")
		d.turn("acl-drop=false")
	})
	t.Run("C1 the answer shows what did not happen", func(t *testing.T) {
		d.turn("lie")
		if a := d.decide("botan", row, "approved", ""); a.status != 200 || at(a.one(), "state") != "approved" {
			t.Errorf("%s", a.text)
		}
		d.wants(q, "requested", "botan requested")
		writes := d.Stage().Writes()
		if last := writes[len(writes)-1]; !last.Landed.IsZero() || last.By != "botan" || last.Object != row {
			t.Errorf("%+v", last)
		}
		d.turn("lie")
		a := d.call("aoi", "POST", "/api/sn_sc/servicecatalog/items/"+d.SysID("iPhone")+"/order_now", `{}`)
		if _, err := d.Request(at(a.one(), "number")); err == nil || a.status != 200 {
			t.Errorf("%s was ordered", a.text)
		}
	})
	t.Run("the honest one", func(*testing.T) {
		d.decide("botan", row, "approved", "")
		d.wants(q, "approved", "botan approved")
	})
}

// until waits for another goroutine to wait for the clock.
func (d *desk) until(what func() bool) {
	d.t.Helper()
	for range 2000 {
		if what() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	d.t.Fatal("it never came to it")
}

func TestEffectsThatLandLate(t *testing.T) {
	d := open(t)
	t.Run("C22 whether or not the caller still lives", func(t *testing.T) {
		q := d.ask()
		d.turn("late=5s")
		ctx, cancel := context.WithCancel(t.Context())
		d.Grant("botan", d.client.ID)
		access, _ := d.Grant("botan", d.client.ID)
		r, err := http.NewRequestWithContext(ctx, http.MethodPatch, d.url+"/api/now/table/sysapproval_approver/"+q.Approvals[0].ID, jsonBody(`{"state":"approved"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+access.Reveal())
		gone := make(chan error)
		go func() { gone <- d.send(r).err }()
		d.until(func() bool { return len(d.Stage().Writes()) == 1 })
		cancel()
		if err := <-gone; err == nil {
			t.Error("an answer came before the effect")
		}
		d.wants(q, "requested", "botan requested")
		d.clock.Advance(5 * time.Second)
		d.wants(q, "approved", "botan approved")
		w := d.Stage().Writes()[0]
		if w.Landed.Sub(w.At) != 5*time.Second {
			t.Errorf("%+v", w)
		}
		d.turn("late=0s")
	})
	t.Run("each by another time", func(t *testing.T) {
		d.Stage().Forget()
		d.turn("late-up-to=10m")
		var all sync.WaitGroup
		for range 8 {
			row := d.ask().Approvals[0].ID
			all.Go(func() { d.decide("botan", row, "approved", "") })
		}
		d.until(func() bool { return len(d.Stage().Writes()) == 8 })
		d.turn("late-up-to=0s")
		for range 10 {
			d.clock.Advance(time.Minute)
			d.Stage().Do(func() {}) // what is due lands now, and not at the end
		}
		all.Wait()
		times := map[time.Duration]bool{}
		for _, w := range d.Stage().Writes() {
			if took := w.Landed.Sub(w.At); took <= 10*time.Minute {
				times[took] = true
			}
		}
		if len(times) < 2 {
			t.Errorf("they took %v", times)
		}
	})
	t.Run("answered before", func(t *testing.T) {
		q := d.ask()
		d.turn("eventual=5s")
		if a := d.decide("botan", q.Approvals[0].ID, "approved", ""); at(a.one(), "state") != "approved" {
			t.Errorf("%s", a.text)
		}
		d.wants(q, "requested", "botan requested")
		d.clock.Advance(5 * time.Second)
		d.wants(q, "approved", "botan approved")
		d.turn("eventual=0s")
	})
	t.Run("and nobody hears of it", func(t *testing.T) {
		q := d.ask()
		d.turn("cut")
		if a := d.decide("botan", q.Approvals[0].ID, "approved", ""); a.err == nil {
			t.Errorf("answered %d", a.status)
		}
		d.wants(q, "approved", "botan approved")
	})
}

func jsonBody(text string) io.Reader { return strings.NewReader(text) }

func TestDoorbell(t *testing.T) {
	type ring struct{ token, table, operation, state, number string }
	rings := make(chan ring, 10)
	bell := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		rings <- ring{r.Header.Get("Authorization"), body["table"], body["operation"], body["state"], body["number"]}
	}))
	defer bell.Close()
	d := open(t, "doorbell="+bell.URL, "doorbell-token=tring")
	q := d.ask()
	if diff := cmp.Diff(fmt.Sprint(ring{"Bearer tring", "sysapproval_approver", "insert", "requested", q.Number}), fmt.Sprint(<-rings)); diff != "" {
		t.Error(diff)
	}
	d.turn("doorbell-delay=10s")
	d.decide("botan", q.Approvals[0].ID, "approved", "")
	select {
	case early := <-rings:
		t.Errorf("rang at once: %v", early)
	default:
	}
	d.clock.Advance(10 * time.Second)
	if diff := cmp.Diff(fmt.Sprint(ring{"Bearer tring", "sysapproval_approver", "update", "approved", q.Number}), fmt.Sprint(<-rings)); diff != "" {
		t.Error(diff)
	}
}

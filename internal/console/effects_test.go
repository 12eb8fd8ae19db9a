package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// parked writes an effect of an organization that waits for an operator.
func parked(t *testing.T, h *housetest.Home, in id.Org, target string) id.Effect {
	t.Helper()
	e := job.Effect{
		ID: id.New[id.Effect](time.Now()), Org: in, Driver: "ticket", Target: target, By: id.Local(0),
		Payload: json.RawMessage(`{"text":"hello","auth":{"client_secret":"hunter2"},"list":[{"Password":"hunter3"}]}`),
	}
	err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		if err := job.Intend(tx, e); err != nil {
			return store.Abort(err)
		}
		if _, err := tx.Exec("UPDATE job_effect SET state = 'parked', why = 'job-outcome-unknown' WHERE id = $1", string(e.ID)); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "test.parked", By: id.Local(0)})
	})
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func stateOf(t *testing.T, h *housetest.Home, in id.Org, which id.Effect) (s job.Status) {
	t.Helper()
	err := h.Store().House().Read(ctx, func(v *store.View) (err error) {
		s, err = job.Look(v, in, which)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Effects are seen and settled by who looks after them in the organization that
// they are of, and by operators.
func TestR4WhoseEffects(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		ours, theirs, houses := parked(t, h, k.Org, "ours"), parked(t, h, k.Momiji, "theirs"), parked(t, h, "", "houses")
		chika, ume, aoi := h.As(t, newcomer(t, h, "shimei", k.Org, org.Administrator), k.Org), h.As(t, k.Ume, k.Momiji), h.As(t, k.Aoi, k.Org)
		operator := h.As(t, newcomer(t, h, "unyo2", k.Org, org.Operator), k.Org)
		missing := string(id.New[id.Effect](time.Now()))

		t.Run("R4 refusals", func(t *testing.T) {
			for _, path := range []string{"/admin/effects", "/admin/effects/" + string(ours), "/api/v1/effects", "/admin/state", "/admin/keys", "/api/v1/state", "/api/v1/seal/keys"} {
				if got := aoi.Get(path); got.Status != http.StatusForbidden {
					t.Errorf("a member without a role: %s answers %d", path, got.Status)
				}
			}
			for _, path := range []string{"/admin/state", "/admin/keys", "/api/v1/state", "/api/v1/seal/keys"} {
				if got := chika.Get(path); got.Status != http.StatusForbidden {
					t.Errorf("an administrator: %s answers %d", path, got.Status)
				}
			}
			for _, which := range []id.Effect{theirs, houses} {
				for _, path := range []string{"/admin/effects/%", "/api/v1/effects/%"} {
					there, never := chika.Get(strings.Replace(path, "%", string(which), 1)), chika.Get(strings.Replace(path, "%", missing, 1))
					if there.Status != http.StatusNotFound || len(there.Body) != len(never.Body) {
						t.Errorf("%s: %d, a missing one %d", path, there.Status, never.Status)
					}
				}
				for _, act := range []string{"/retry", "/skip"} {
					form := url.Values{"reason": {"not mine"}}
					if got := chika.Post("/admin/effects/"+string(which)+act, form); got.Status != http.StatusNotFound {
						t.Errorf("page %s of a foreign one: %d", act, got.Status)
					}
					if got := chika.Call(http.MethodPost, "/api/v1/effects/"+string(which)+act, map[string]string{"reason": "not mine"}); got.Status != http.StatusNotFound {
						t.Errorf("api %s of a foreign one: %d %s", act, got.Status, got.Body)
					}
				}
			}
			if got := stateOf(t, h, k.Momiji, theirs); got.State != job.Parked {
				t.Errorf("the foreign one is %s now", got.State)
			}
			for _, query := range []string{"", "?org=" + string(k.Momiji), "?target=theirs", "?target=houses", "?state=parked"} {
				got := chika.Get("/api/v1/effects" + query)
				if strings.Contains(got.Body, string(theirs)) || strings.Contains(got.Body, string(houses)) {
					t.Errorf("%q lists a foreign one: %s", query, got.Body)
				}
				if page := chika.Get("/admin/effects" + query); strings.Contains(page.Body, string(theirs)) || strings.Contains(page.Body, ">ticket houses<") {
					t.Errorf("page %q shows a foreign one", query)
				}
			}
		})
		t.Run("R4 everybody sees their own", func(t *testing.T) {
			for who, one := range map[*housetest.Visitor]id.Effect{chika: ours, ume: theirs} {
				if got := who.Get("/admin/effects"); got.Status != http.StatusOK || !strings.Contains(got.Body, string(one)) {
					t.Errorf("%d, without their own", got.Status)
				}
			}
			for _, one := range []id.Effect{ours, theirs, houses} {
				for _, path := range []string{"/admin/effects", "/api/v1/effects", "/admin/effects/" + string(one)} {
					if got := operator.Get(path); got.Status != http.StatusOK || !strings.Contains(got.Body, string(one)) {
						t.Errorf("the operator does not see %s on %s: %d", one, path, got.Status)
					}
				}
			}
		})
		t.Run("R9 nobody sees what looks like a secret", func(t *testing.T) {
			for _, path := range []string{"/admin/effects/" + string(ours), "/api/v1/effects/" + string(ours), "/api/v1/effects"} {
				if got := operator.Get(path); strings.Contains(got.Body, "hunter") || !strings.Contains(got.Body, "hello") && path != "/api/v1/effects" {
					t.Errorf("%s: %s", path, got.Body)
				}
			}
		})
		t.Run("giving up needs a reason, and keeps what was typed", func(t *testing.T) {
			for reason, want := range map[string]string{"": "Required", " \n": "Required", strings.Repeat("長", 501): strings.Repeat("長", 501)} {
				got := chika.Post("/admin/effects/"+string(ours)+"/skip", url.Values{"reason": {reason}})
				if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, want) {
					t.Errorf("%.10q: %d", reason, got.Status)
				}
			}
			if got := stateOf(t, h, k.Org, ours); got.State != job.Parked {
				t.Errorf("it is %s", got.State)
			}
		})
		t.Run("many clicks at once retry once", func(t *testing.T) {
			var done, refused atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					switch got := chika.Post("/admin/effects/"+string(ours)+"/retry", nil); got.Status {
					case http.StatusSeeOther:
						done.Add(1)
					case http.StatusConflict:
						refused.Add(1)
					default:
						t.Errorf("%d %s", got.Status, got.Body)
					}
				})
			}
			wg.Wait()
			if done.Load() != 1 || refused.Load() != 7 {
				t.Errorf("%d retried, %d refused", done.Load(), refused.Load())
			}
			if got := chika.Post("/admin/effects/"+string(ours)+"/skip", url.Values{"reason": {"the ticket is gone"}}); got.Status != http.StatusSeeOther {
				t.Errorf("skip: %d %s", got.Status, got.Body)
			}
			if got := records(t, chika, "?name=effect.skipped"); len(got) != 1 || got[0].Fields["reason"] != "the ticket is gone" {
				t.Errorf("the log: %+v", got)
			}
		})
		if got := operator.Get("/admin/effects?state=lost"); got.Status != http.StatusBadRequest {
			t.Errorf("an unknown state: %d", got.Status)
		}
	})
}

// The pages of keys and of the system are for operators, and a rotation is asked
// for once, with a fresh proof.
func TestKeysAndSystem(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		operator := h.As(t, newcomer(t, h, "unyo3", k.Org, org.Operator), k.Org)
		for path, want := range map[string]string{"/admin/keys": "All values are sealed under key 1", "/admin/state": "Database", "/api/v1/state": `"health"`, "/api/v1/seal/keys": `"audit_key"`} {
			if got := operator.Get(path); got.Status != http.StatusOK || !strings.Contains(got.Body, want) {
				t.Errorf("%s: %d without %q", path, got.Status, want)
			}
		}
		rotate := func(key string) int { return operator.Post("/admin/keys/rotate", url.Values{"key": {key}}).Status }
		if got := h.As(t, k.Aoi, k.Org).Post("/admin/keys/rotate", url.Values{"key": {"1"}}); got.Status != http.StatusForbidden {
			t.Errorf("a member rotates: %d", got.Status)
		}
		for _, key := range []string{"", "2", "x"} {
			if got := rotate(key); got != http.StatusConflict {
				t.Errorf("rotate of key %q: %d", key, got)
			}
		}
		var done atomic.Int64
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if got := rotate("1"); got == http.StatusSeeOther {
					done.Add(1)
				} else if got != http.StatusConflict {
					t.Errorf("%d", got)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 {
			t.Errorf("%d rotations by six clicks", done.Load())
		}
		if got := operator.Get("/admin/keys"); !strings.Contains(got.Body, "Writes") || !strings.Contains(got.Body, "Reads") && !strings.Contains(got.Body, "Closing") && !strings.Contains(got.Body, "Destroyed") {
			t.Error("the old key is not shown")
		}
		t.Run("a node says that it is there", func(t *testing.T) {
			for range 300 {
				var state struct {
					Nodes []struct {
						Gone    bool
						Version string
					}
				}
				got := operator.Get("/api/v1/state")
				if err := json.Unmarshal([]byte(got.Body), &state); err != nil {
					t.Fatal(err)
				}
				if len(state.Nodes) == 1 && !state.Nodes[0].Gone {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Error("no node in the list")
		})
	})
}

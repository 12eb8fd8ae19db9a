package chain_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/app"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/sender"
)

// held stands before an app: while it holds, a decision arrives and its answer
// does not come back; does says whether the app does what it is told meanwhile.
type held struct {
	app     *app.App
	holds   atomic.Bool
	does    atomic.Bool
	arrived atomic.Int64
}

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.holds.Load() {
		h.app.ServeHTTP(w, r)
		return
	}
	if h.does.Load() {
		h.app.ServeHTTP(httptest.NewRecorder(), r)
	}
	h.arrived.Add(1)
	<-r.Context().Done()
}

// TestKilledBetweenTheAnswerAndTheCommit: the process dies while an app is told of
// a decision, before the app has done it and between its answer and our commit. The
// app is told again under the same identifier and does it once, and the card ends
// once (R8).
func TestKilledBetweenTheAnswerAndTheCommit(t *testing.T) {
	housetest.Long(t)
	housetest.EachURL(t, func(t *testing.T, database string) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		f := newFleet(t, database)
		f.nodes = f.nodes[:1]
		h := &held{}
		l, err := fake.Listen("", h)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		h.app = app.New(app.Options{House: f.base, Callback: l.URL + "/decided", Clock: clock.System(), Keys: func(ctx context.Context) ([]byte, error) {
			var keys json.RawMessage
			err := f.get(ctx, actor{}, sender.SetPath, &keys)
			return keys, err
		}})
		before := f.here(t)
		k := before.People(t)
		botan := actor{k.Botan, before.As(t, k.Botan, k.Org).Cookies()}
		letters := post(t, before, k, h.app.Callback, 2)
		if err := before.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		for _, one := range letters {
			h.app.Expects(one.ID, one.Digest)
		}
		f.live(ctx, jobtest.Fenced)
		var list struct{ Items []struct{ ID, Digest string } }
		until(ctx, t, "both cards are there", func() bool {
			return f.get(ctx, botan, "/api/v1/cards", &list) == nil && len(list.Items) == 2
		})
		for i, does := range []bool{true, false} {
			h.holds.Store(true)
			h.does.Store(does)
			arrived := h.arrived.Load()
			verdict := map[string]string{"digest": list.Items[i].Digest, "decision": "approve"}
			if err := f.call(ctx, botan, http.MethodPost, "/api/v1/cards/"+list.Items[i].ID+"/decide", verdict, nil); err != nil {
				t.Fatalf("decide: %v", err)
			}
			until(ctx, t, "the app is told", func() bool { return h.arrived.Load() > arrived })
			f.nodes[0].kill(ctx)
			h.holds.Store(false)
			until(ctx, t, "the card says so", func() bool {
				var c struct{ State string }
				return f.get(ctx, botan, "/api/v1/cards/"+list.Items[i].ID, &c) == nil && c.State == "applied"
			})
		}
		f.nodes[0].end()
		calls, told := h.app.Calls(), h.app.Told()
		if done := count(calls, "done"); done != 2 || len(told) != 2 || told[0].ID == told[1].ID || !slices.Contains(calls, "again") {
			t.Errorf("R8 the app was called %q and told %+v", calls, told)
		}
		records, err := f.here(t).Records(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]int{}
		for _, one := range records {
			if one.Name == "card.applied" || one.Name == "card.decided" || one.Name == "effect.done" && one.Fields["driver"] == "sender.callback" {
				names[one.Name]++
			}
		}
		if names["card.decided"] != 2 || names["card.applied"] != 2 || names["effect.done"] != 2 {
			t.Errorf("R8 recorded %v of two decisions", names)
		}
	})
}

func count(all []string, what string) (n int) {
	for _, one := range all {
		if one == what {
			n++
		}
	}
	return n
}

// post adds an app and has it send so many cards to Botan.
func post(t *testing.T, h *housetest.Home, k housetest.Kaede, callback string, n int) (all []sender.Letter) {
	t.Helper()
	room := h.Senders()
	s, err := room.Put(t.Context(), id.Local(0), sender.Sender{
		Org: k.Org, Name: "deploy", Callback: callback, Audience: sender.Audience{People: []id.Person{k.Botan}}, Enabled: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		l, err := room.Send(t.Context(), s, string(rune('a'+i)), sender.Asked{
			To: sender.To{People: []string{"botan"}}, Content: sender.Content{Title: "Deploy web", Comment: "never"},
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

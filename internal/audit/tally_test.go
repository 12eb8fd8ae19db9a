package audit_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// tallyNames are what the traffic of these tests is made of.
var tallyNames = []string{"session.begun", "signin.refused", "refused", "refused.counted", "member.added"}

type countedAs struct {
	Org, Name, Detail string
	Hour              int64
}

// recount counts the log record by record.
func (h *house) recount() map[countedAs]int64 {
	h.t.Helper()
	sums := map[countedAs]int64{}
	details := map[string]string{"refused": "code", "refused.counted": "code", "signin.refused": "code", "session.begun": "path"}
	for _, name := range tallyNames {
		for q := (audit.Query{Name: name, House: true, Limit: 500}); ; {
			page, err := h.Search(background, admin, q)
			must(h.t, err)
			for _, r := range page.Records {
				if r.Name != name {
					continue
				}
				n := int64(1)
				if name == "refused.counted" {
					n, err = strconv.ParseInt(r.Fields["count"], 10, 64)
					must(h.t, err)
				}
				for _, org := range []string{string(r.Org), string(audit.Everywhere)} {
					sums[countedAs{org, r.Name, r.Fields[details[name]], r.At.Unix() / 3600}] += n
				}
			}
			if q.Cursor = page.Cursor; q.Cursor == "" {
				break
			}
		}
	}
	return sums
}

// tallies reads the tally hour by hour.
func (h *house) tallies(hours int, orgs ...id.Org) map[countedAs]int64 {
	h.t.Helper()
	var moments []time.Time
	for i := range hours + 1 {
		moments = append(moments, start.Truncate(time.Hour).Add(time.Duration(i)*time.Hour))
	}
	sums := map[countedAs]int64{}
	for _, org := range append(orgs, "", audit.Everywhere) {
		all, err := h.Tallies(background, org, moments, tallyNames...)
		must(h.t, err)
		for _, t := range all {
			sums[countedAs{string(org), t.Name, t.Detail, moments[t.Stretch].Unix() / 3600}] += t.N
		}
	}
	return sums
}

// traffic is some records of every kind.
func (h *house) traffic(random *rand.Rand, n int) {
	h.t.Helper()
	for range n {
		org := []id.Org{"", "kaede", "momiji"}[random.IntN(3)]
		switch random.IntN(5) {
		case 0:
			h.one(store.Event{Name: "session.begun", Org: org, By: aoi, Fields: map[string]string{"path": []string{"password", "passkey"}[random.IntN(2)]}})
		case 1:
			h.one(store.Event{Name: "signin.refused", Org: org, By: aoi, Fields: map[string]string{"code": "signin-refused"}})
		case 2:
			h.one(store.Event{Name: "member.added", Org: org, By: aoi, Fields: map[string]string{"code": "not counted apart"}})
		case 3:
			must(h.t, h.Refuse(background, audit.Refusal{Subject: string(aoi), By: aoi, Org: org, Code: "not-permitted", Source: "192.0.2.7"}))
		default:
			for range 1 + random.IntN(9) {
				must(h.t, h.Refuse(background, audit.Refusal{Code: "signin-refused", Source: fmt.Sprintf("198.51.100.%d", random.IntN(200))}))
			}
		}
	}
}

// The tally is what a recount of the log says, whatever was killed when.
func TestTallyIsTheLog(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(start)
		s := housetest.Open(t, url, c, audit.Schema)
		random := rand.New(rand.NewPCG(1, 2))
		fixedKey := func(o *audit.Options) { o.Sealer = fixed }
		var h *house
		for round := range 12 {
			h = attach(t, s, c, fixedKey) // the one before was killed
			h.traffic(random, 30)
			must(t, h.CountNow(background))
			for range 6 { // takes the seat of the dead
				if _, err := h.Step(background, true); err == nil {
					break
				}
			}
			h.traffic(random, 10)
			switch round % 4 {
			case 1:
				h.byOlder()
			case 2:
				must(t, h.Integrate(background))
				h.forget()
			case 3:
				must(t, h.CatchUp(background, 1)) // and is killed in its midst
			}
			c.Advance(25 * time.Minute)
		}
		must(t, h.Stop(background))
		must(t, h.CatchUp(background, 0))
		if diff := cmp.Diff(h.recount(), h.tallies(8, "kaede", "momiji")); diff != "" {
			t.Fatalf("log and tally differ:\n%s", diff)
		}
		t.Run("archived records stay counted", func(t *testing.T) {
			want := h.tallies(8, "kaede", "momiji")
			h = attach(t, s, c, fixedKey)
			h.forget()
			moved, err := h.Archive(background, aoi, c.Now().Add(-30*time.Minute), io.Discard)
			must(t, err)
			must(t, h.Integrate(background))
			if got := h.tallies(8, "kaede", "momiji"); moved == 0 || !cmp.Equal(want, got) {
				t.Errorf("%d moved: %s", moved, cmp.Diff(want, got))
			}
		})
		t.Run("R4 one organization's, not another's", func(t *testing.T) {
			for key := range h.tallies(8, "kaede") {
				if key.Org == "momiji" {
					t.Errorf("%+v", key)
				}
			}
		})
	})
}

// byOlder integrates as a node does that knows no tally.
func (h *house) byOlder() {
	h.t.Helper()
	var before int64
	must(h.t, h.store.House().Read(background, func(v *store.View) error {
		return v.Row("SELECT tallied FROM audit_head").Scan(&before)
	}))
	h.sql("UPDATE audit_head SET tallied = -1")
	must(h.t, h.Integrate(background))
	h.sql("UPDATE audit_head SET tallied = $1", before)
}

// forget makes the log one from before there was a tally.
func (h *house) forget() {
	h.t.Helper()
	h.sql("DELETE FROM audit_tally")
	h.sql("UPDATE audit_head SET tallied = 0")
}

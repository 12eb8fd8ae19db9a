package sender_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
)

// The rate of a sender is one for all nodes: messages that arrive at both of them
// at once are taken as many as a minute has, and as many in the next.
func TestTheRateHoldsOverAllNodes(t *testing.T) {
	const rate, tries = 5, 16
	moved := clock.NewMoved(time.Now().UTC().Truncate(time.Second))
	database, key := housetest.Postgres(t), filepath.Join(t.TempDir(), "unseal.key")
	node := func() *housetest.Home {
		return housetest.House(t, housetest.On(database), housetest.OnClock(moved), onLoopback, func(o *housetest.Options) { o.Config.Unseal.File = key })
	}
	r := newRig(t, node())
	nodes := []*housetest.Visitor{r.nobody, node().Nobody(t)}
	token, _ := r.token(r.add("expense", object{"rate": rate}), nil)
	post := func(minute, n int) int {
		text, err := json.Marshal(card(object{"key": fmt.Sprintf("%d-%d", minute, n)}))
		if err != nil {
			t.Error(err)
		}
		header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		for {
			got := nodes[n%2].Send(http.MethodPost, sent, string(text), header)
			if got.Status == http.StatusServiceUnavailable { // both wrote at once, again and again
				time.Sleep(10 * time.Millisecond)
				continue
			}
			if wait, _ := strconv.Atoi(got.Header.Get("Retry-After")); got.Status == http.StatusTooManyRequests && (wait < 1 || wait > 60) {
				t.Errorf("refused until %q", got.Header.Get("Retry-After"))
			}
			return got.Status
		}
	}
	for minute := range 2 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		count := map[int]int{}
		for n := range tries {
			wg.Go(func() {
				status := post(minute, n)
				mu.Lock()
				defer mu.Unlock()
				count[status]++
			})
		}
		wg.Wait()
		if count[http.StatusCreated] != rate || count[http.StatusTooManyRequests] != tries-rate {
			t.Errorf("minute %d: %v of %d at two nodes, want %d taken", minute, count, tries, rate)
		}
		moved.Advance(time.Minute)
	}
	if n := len(r.cards(r.h.As(t, r.k.Botan, r.k.Org))); n != 2*rate {
		t.Errorf("%d cards of %d messages", n, 2*rate)
	}
}

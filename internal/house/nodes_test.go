package house_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// Every node of a house is in the list of nodes, and one that stops in order
// leaves it.
func TestNodesAreListed(t *testing.T) {
	a, b := two(t)
	k := a.People(t)
	operator := a.As(t, k.Chika, k.Org)
	listed := func() (n int) {
		var state struct{ Nodes []struct{ Gone bool } }
		got := operator.Get("/api/v1/state")
		if err := json.Unmarshal([]byte(got.Body), &state); err != nil || got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
		for _, node := range state.Nodes {
			if !node.Gone {
				n++
			}
		}
		return n
	}
	await := func(want int) {
		t.Helper()
		for range 1000 {
			if listed() == want {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%d nodes, want %d", listed(), want)
	}
	await(2)
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(1)
}

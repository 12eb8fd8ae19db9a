package web_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestAFloodOfProbesIsOneLook: readiness is asked by anybody, without a limit,
// and each probe takes a connection of the database.
func TestAFloodOfProbesIsOneLook(t *testing.T) {
	s := newSite(t)
	var probes, most, now atomic.Int64
	s.Check("database", func(context.Context) error {
		probes.Add(1)
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		return nil
	})
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if reasons := s.Unready(context.Background()); len(reasons) != 0 {
				t.Errorf("not ready: %v", reasons)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 || probes.Load() > 100 {
		t.Errorf("%d probes, %d at once", probes.Load(), most.Load())
	}
}

// TestAFloodOfBodies: a hundred of the worst bodies at once, 1 MiB each, take
// less than 100 MiB on the edges where anybody may send one.
func TestAFloodOfBodies(t *testing.T) {
	if raced {
		t.Skip("the race detector's own memory would be measured")
	}
	const size, bodies = 1<<20 - 64, 100 << 20
	s := newSite(t)
	form := form(signedIn()...)
	for name, row := range map[string]struct {
		path, body string
		headers    []string
	}{
		"deep":        {"/api/v1/things", strings.Repeat(`{"words":`, size/9) + "1", asJSON()},
		"wide":        {"/api/v1/things", "{" + strings.Repeat(`"a":1,`, size/6) + `"a":1}`, asJSON()},
		"array":       {"/api/v1/things", "[" + strings.Repeat("1,", size/2) + "1]", asJSON()},
		"escapes":     {"/api/v1/things", `{"title":"` + strings.Repeat(`\u0041`, size/6) + `"}`, asJSON()},
		"form":        {"/things", strings.Repeat("a&", size/2), form},
		"form values": {"/things", "back=" + strings.Repeat("%41", size/3), form},
		"nobody":      {"/api/v1/things", "[" + strings.Repeat("[", size/2), []string{"Content-Type", "application/json"}},
	} {
		t.Run("A147 "+name, func(t *testing.T) {
			grown := heapDuring(func() {
				if answer := s.ask(http.MethodPost, row.path, row.body, row.headers...); answer.Code < 300 {
					t.Errorf("answered %d", answer.Code)
				}
			})
			most := uint64(bodies)
			if name == "escapes" { // decoded, and by somebody who is known
				most *= 4
			}
			if grown > most {
				t.Errorf("grew by %d MiB", grown>>20)
			}
		})
	}
}

func heapDuring(f func()) uint64 {
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range 100 {
		all.Go(f)
	}
	var most uint64
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return most - min(most, before.HeapAlloc)
		case <-time.After(5 * time.Millisecond):
			runtime.ReadMemStats(&during)
			most = max(most, during.HeapAlloc)
		}
	}
}

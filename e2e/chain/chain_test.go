package chain_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/store"
)

func TestMain(m *testing.M) {
	if os.Getenv(orderKey) != "" {
		os.Exit(live())
	}
	os.Exit(m.Run())
}

// size of a run: SEKISHO_CHAINS and SEKISHO_CHAIN_KILLS.
func size(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// TestChainsOnlyOnce: half of the chains are asked in the hall, decided by card,
// released and told to a ticket; half are questions of an outside system, decided
// by card, written there and read back. Whole houses are killed all the while.
func TestChainsOnlyOnce(t *testing.T) {
	housetest.Long(t)
	housetest.EachURL(t, func(t *testing.T, url string) {
		f := chained(t, url, size("SEKISHO_CHAINS", 1000), size("SEKISHO_CHAIN_KILLS", 20), jobtest.Fenced)
		if !f.whole() {
			t.Errorf("R8 A156 A157 A158 not whole: %s\n%s", f, strings.Join(f.wrong, "\n"))
		}
		if f.again == 0 {
			t.Error("no kill hit anything: the run shows nothing")
		}
	})
}

// TestWithoutFenceOrProbeDoubles shows that the rig sees what is done twice.
func TestWithoutFenceOrProbeDoubles(t *testing.T) {
	housetest.Long(t)
	for _, recovery := range []jobtest.Recovery{jobtest.Retry, jobtest.Probe} {
		t.Run(string(recovery), func(t *testing.T) {
			for round := 0; round < 5; round++ {
				if f := chained(t, housetest.SQLite(t), 120, 15, recovery); f.doubled > 0 {
					return
				}
			}
			t.Error("nothing was doubled: the rig proves nothing")
		})
	}
}

// chained runs so many chains under so many kills, and counts.
func chained(t *testing.T, database string, chains, kills int, recovery jobtest.Recovery) *figures {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute*time.Duration(1+chains/1000))
	defer cancel()
	all, at := openOutside(t, company())
	r := &run{
		fleet: newFleet(t, database), t: t, outside: all, chains: chains, kills: kills, recovery: recovery, records: map[string]*chain{},
	}
	before := r.here(t)
	r.furnished = furnish(t, before, all, at, groupsFor(chains))
	if err := before.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	late := lateMost
	if recovery != jobtest.Fenced {
		late = lateNaive
	}
	for _, one := range all {
		one.mischief(func(m *fake.Mischief) { m.LateUpTo = late })
	}
	c := clock.System()
	begun := c.Mono()
	r.live(ctx, recovery)
	r.work(ctx)
	f := &figures{recovery: recovery, chains: chains, took: c.Mono() - begun, kills: int(r.killed.Load()), seen: int(r.parked.Load())}
	for _, n := range r.nodes {
		n.end()
	}
	after := r.here(t)
	f.engine = after.Store().Engine()
	r.judge(t, after, f)
	if n := r.unheard.Load(); n > 0 {
		t.Errorf("%d rings were refused", n)
	}
	t.Log(f)
	return f
}

// work lets everybody work until nothing is under way any more.
func (r *run) work(ctx context.Context) {
	watch, err := store.OpenAsIs(ctx, store.Options{URL: r.nodes[0].Database, Clock: clock.System()})
	if err != nil {
		r.t.Fatal(err)
	}
	defer watch.Close() //nolint:errcheck // only read
	ctx, cancel := context.WithCancel(ctx)
	var everybody sync.WaitGroup
	defer everybody.Wait()
	defer cancel()
	for i := range leads {
		everybody.Go(func() { r.decide(ctx, i) })
	}
	for _, one := range []func(context.Context){r.ask, r.bells, r.operate, r.mischief, r.kill} {
		everybody.Go(func() { one(ctx) })
	}
	for i := 0; ; i++ {
		over, said := r.over(watch)
		if i%10 == 0 || over {
			r.t.Log(said)
		}
		if over {
			return
		}
		if ctx.Err() != nil {
			r.t.Errorf("it never ended: %s", said)
			return
		}
		pause(ctx, 500*time.Millisecond)
	}
}

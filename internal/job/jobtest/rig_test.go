package jobtest_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job/jobtest"
)

func TestMain(m *testing.M) {
	if jobtest.Working() {
		os.Exit(jobtest.Work())
	}
	os.Exit(m.Run())
}

// size of the run: SEKISHO_RIG_EFFECTS and SEKISHO_RIG_KILLS; F1 asks for
// 10,000 and 200.
func size(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// TestEffectsOnlyOnce: R8, F1, A156–A158: kill -9 at random.
func TestEffectsOnlyOnce(t *testing.T) {
	effects, kills := 1000, 20
	if testing.Short() {
		effects, kills = 150, 5
	}
	housetest.EachURL(t, func(t *testing.T, url string) {
		f := run(t, url, jobtest.Fenced, size("SEKISHO_RIG_EFFECTS", effects), size("SEKISHO_RIG_KILLS", kills))
		if !f.Whole() {
			t.Errorf("R8 A156 A157 A158 not whole: %+v", f)
		}
		if f.Reclaimed == 0 {
			t.Error("no kill hit anything: the run shows nothing")
		}
	})
}

// TestNaiveRecoveryDoubles shows that the rig can see a doubled effect, on either
// engine. A double needs a kill at the right moment: rare enough after a probe
// that one run may see none, so each engine is tried in several.
func TestNaiveRecoveryDoubles(t *testing.T) {
	housetest.Long(t)
	for _, recovery := range []jobtest.Recovery{jobtest.Retry, jobtest.Probe} {
		t.Run(string(recovery), func(t *testing.T) {
			doubled := map[string]bool{}
			unseen := func() bool { return slices.Contains(slices.Collect(maps.Values(doubled)), false) }
			for round := 0; round == 0 || round < 12 && unseen(); round++ {
				housetest.EachURL(t, func(t *testing.T, url string) {
					engine, _, _ := strings.Cut(url, ":")
					if doubled[engine] {
						return
					}
					f := run(t, url, recovery, size("SEKISHO_RIG_EFFECTS", 1000), size("SEKISHO_RIG_KILLS", 20))
					doubled[engine] = f.Doubled > 0
				})
			}
			for engine, seen := range doubled {
				if !seen {
					t.Errorf("%s did not double on %s: the rig proves nothing", recovery, engine)
				}
			}
		})
	}
}

func run(t *testing.T, url string, recovery jobtest.Recovery, effects, kills int) jobtest.Figures {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	f, err := jobtest.Rig{URL: url, Recovery: recovery, Effects: effects, Kills: kills, Stderr: t.Output()}.Run(ctx)
	jobtest.Print(t.Output(), f)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

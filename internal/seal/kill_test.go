package seal_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// Names of the environment of a process that re-encrypts until it is killed.
const (
	childURL = "SEAL_TEST_URL"
	childKey = "SEAL_TEST_KEY"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		os.Exit(child(url, os.Getenv(childKey)))
	}
	os.Exit(m.Run())
}

// child unseals and runs the ring until one key is left. It rotates if nothing
// is under way.
func child(url, key string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.SetWitness(func(*store.Tx, store.Event) error { return nil })
	r := seal.New(seal.Options{
		Store: s, Clock: clock.System(), Grace: 200 * time.Millisecond, Look: 10 * time.Millisecond,
	}, drawer{})
	if err := r.Unseal(ctx, operator, seal.KeyFile(key)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = r.Run(ctx) }()
	for {
		p, err := r.Progress(ctx)
		if err == nil && p.Phase == "done" {
			return 0
		}
		<-clock.System().After(10 * time.Millisecond)
	}
}

// The process that re-encrypts is killed at random, again and again; whoever
// comes next goes on, nothing is lost and the walk is not begun anew.
func TestReencryptionSurvivesKill(t *testing.T) {
	housetest.Long(t)
	const rows = 60_000
	housetest.EachURL(t, func(t *testing.T, url string) {
		s := housetest.Open(t, url, clock.System(), seal.Schema, drawerSchema)
		o := quick(t, s)
		o.Grace = time.Hour
		r, key := founded(t, o, drawer{})
		put(t, s, r, 0, rows)
		if err := r.Rotate(context.Background(), operator); err != nil {
			t.Fatal(err)
		}
		// A SQLite file has one writing process at a time, as serve's lock has it.
		r.Close()
		if s.Engine() == "sqlite" {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		kills, halves := killUntilDone(t, url, key)
		s = housetest.Open(t, url, clock.System(), seal.Schema, drawerSchema)
		r = ring(t, quick(t, s), drawer{})
		if err := r.Unseal(context.Background(), operator, seal.KeyFile(key)); err != nil {
			t.Fatal(err)
		}
		if used := keysInUse(t, s, r); used[2] != rows || len(used) != 1 {
			t.Fatalf("keys in use: %v", used)
		}
		if p := progress(t, r); p.Moved != rows {
			t.Errorf("moved %d of %d: some work was done twice", p.Moved, rows)
		}
		slices.Sort(halves)
		halves = slices.Compact(halves)
		t.Logf("%d kills, %d of them with the walk further on", kills, len(halves))
		if len(halves) < 5 {
			t.Errorf("only %d kills met the walk half done: the rig proves little", len(halves))
		}
	})
}

// killUntilDone starts the child and kills it at random until one ends by
// itself. It returns how often it killed and where the walk stood then. Once
// the values have moved the ends of the child come later: the waits before a
// key is destroyed begin anew with every process.
func killUntilDone(t *testing.T, url, key string) (kills int, halves []int64) {
	t.Helper()
	least := 30
	for {
		var out bytes.Buffer
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childURL+"="+url, childKey+"="+key)
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		life := time.Duration(least+rand.IntN(120)) * time.Millisecond
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
			return kills, halves
		case <-clock.System().After(life):
			_ = cmd.Process.Kill() // SIGKILL
			<-ended
			kills++
		}
		p := stands(t, url)
		switch {
		case p.Phase != "moving":
			least += 100
		case len(halves) > 0 && halves[len(halves)-1] == p.Moved, p.Moved == 0:
			least += 15 // it did not live long enough to do anything
		default:
			halves = append(halves, p.Moved)
		}
	}
}

// stands reads how far the walk is while nobody walks.
func stands(t *testing.T, url string) seal.Progress {
	t.Helper()
	s, err := store.OpenAsIs(context.Background(), store.Options{URL: url, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read
	return progress(t, ring(t, seal.Options{Store: s, Clock: clock.System()}))
}

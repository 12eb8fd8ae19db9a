package password_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
)

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

var anyone = secret.Of("correct horse battery")

// until waits for a state that another goroutine brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func occupy(t *testing.T, m *password.Mill, memory, threads int) func() {
	t.Helper()
	leave, err := m.Occupy(memory, threads)
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

func TestTheLineIsBounded(t *testing.T) {
	ctx := context.Background()
	verify := func(m *password.Mill) error { _, _, err := m.Verify(ctx, foreign, anyone); return err }
	dummy := func(m *password.Mill) error { return m.Dummy(ctx, anyone) }
	hash := func(m *password.Mill) error { _, err := m.Hash(ctx, anyone); return err }
	for name, ask := range map[string]func(*password.Mill) error{"verify": verify, "A047 dummy": dummy, "hash": hash} {
		t.Run("A048 the line is full, "+name, func(t *testing.T) {
			c := clock.NewMoved(time.Unix(0, 0))
			m := password.NewMill(password.Limits{Running: 1, Queue: 1, Patience: 3 * time.Second, Clock: c})
			leave := occupy(t, m, 1, 1)
			first := make(chan error)
			go func() { first <- ask(m) }()
			until(t, "one waits", func() bool { return m.Waiting() == 1 && c.Waiting() == 1 })
			refused(t, ask(m))
			leave()
			if err := <-first; err != nil {
				t.Errorf("the one who waited: %v", err)
			}
			if m.Waiting() != 0 || m.Running() != 0 {
				t.Errorf("%d wait, %d run, want none", m.Waiting(), m.Running())
			}
		})
		t.Run("A048 patience ends, "+name, func(t *testing.T) {
			c := clock.NewMoved(time.Unix(0, 0))
			m := password.NewMill(password.Limits{Running: 1, Patience: 3 * time.Second, Clock: c})
			leave := occupy(t, m, 1, 1)
			waits := make(chan error)
			go func() { waits <- ask(m) }()
			until(t, "it waits", func() bool { return c.Waiting() == 1 })
			c.Advance(3 * time.Second)
			refused(t, <-waits)
			leave()
			if err := ask(m); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func refused(t *testing.T, err error) {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Code != "password-busy" || f.Kind != fault.Busy || f.After != 3*time.Second {
		t.Errorf("got %v, want password-busy after 3 s", err)
	}
}

func TestWhoGoesAwayDoesNotWait(t *testing.T) {
	m := password.NewMill(password.Limits{Running: 1})
	leave := occupy(t, m, 1, 1)
	defer leave()
	ctx, cancel := context.WithCancel(context.Background())
	waits := make(chan error)
	go func() { waits <- m.Dummy(ctx, anyone) }()
	until(t, "it waits", func() bool { return m.Waiting() == 1 })
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) || m.Waiting() != 0 {
		t.Errorf("%v, %d wait", err, m.Waiting())
	}
	if err := m.Dummy(ctx, anyone); !errors.Is(err, context.Canceled) {
		t.Errorf("already gone: %v", err)
	}
}

// TestALargeHashIsNotOvertaken: an import that needs all memory comes to its
// turn although small ones keep coming.
func TestALargeHashIsNotOvertaken(t *testing.T) {
	m := password.NewMill(password.Limits{Cap: 4, Running: 4})
	small := occupy(t, m, 1, 1)
	var order []string
	var mu sync.Mutex
	var all sync.WaitGroup
	come := func(name string, memory, threads, waiting int) {
		all.Go(func() {
			leave, err := m.Occupy(memory, threads)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			leave()
		})
		until(t, name+" waits", func() bool { return m.Waiting() == waiting })
	}
	come("large", 14, 16, 1) // more than there is: it gets all there is
	come("small", 1, 1, 2)
	small()
	all.Wait()
	if got := strings.Join(order, " "); got != "large small" {
		t.Errorf("came in as %q", got)
	}
	if m.Running() != 0 {
		t.Errorf("%d still run", m.Running())
	}
}

func TestNeverMoreAtOnceThanAllowed(t *testing.T) {
	m := password.NewMill(password.Limits{Cap: 3, Running: 9, Queue: 100})
	var mu sync.Mutex
	var all sync.WaitGroup
	now, most := 0, 0
	count := func(d int) { mu.Lock(); now += d; most = max(most, now); mu.Unlock() }
	for range 64 {
		all.Go(func() {
			leave, err := m.Occupy(1, 1)
			if err != nil {
				t.Error(err)
				return
			}
			count(1)
			time.Sleep(100 * time.Microsecond)
			count(-1)
			leave()
		})
	}
	all.Wait()
	if most > 3 || most < 1 {
		t.Errorf("%d were in at once, at most 3", most)
	}
}

const floodEnv = "SEKISHO_TEST_FLOOD"

// TestAFloodKeepsItsMemory sends 200 at once through a mill in a process of its
// own, whose greatest resident size the system has kept.
func TestAFloodKeepsItsMemory(t *testing.T) {
	if os.Getenv(floodEnv) != "" {
		flood(t)
		return
	}
	housetest.Long(t)
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("/proc/self/status tells the resident size on Linux only")
	}
	t.Run("A048 200 at once", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAFloodKeepsItsMemory$", "-test.v")
		cmd.Env = append(os.Environ(), floodEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var before, after int
		_, line, ok := strings.Cut(string(out), "flood: ")
		if n, err := fmt.Sscanf(line, "%d kB, then %d kB", &before, &after); !ok || n != 2 {
			t.Fatalf("%v\n%s", err, out)
		}
		const most = password.DefaultCap*19*1024 + 80_000_000/1024
		t.Logf("%d kB before, at most %d kB in the flood; allowed %d", before, after, most)
		if after > most {
			t.Errorf("the flood took %d kB, allowed are %d", after, most)
		}
	})
}

func flood(t *testing.T) {
	m := password.NewMill(password.Limits{Patience: time.Minute})
	before := resident(t)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if err := m.Dummy(context.Background(), anyone); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	fmt.Printf("flood: %d kB, then %d kB\n", before, resident(t))
}

// resident returns the greatest resident size so far, in kB.
func resident(t *testing.T) int {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// The floor, and what stands on it.
func BenchmarkRaw(b *testing.B) {
	pw, salt := []byte("correct horse battery"), make([]byte, 16)
	for b.Loop() {
		argon2.IDKey(pw, salt, 2, 19456, 1, 32)
	}
}

func BenchmarkVerify(b *testing.B) {
	m := password.NewMill(password.Limits{})
	stored, err := m.Hash(context.Background(), anyone)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if ok, _, err := m.Verify(context.Background(), stored, anyone); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkVerify200AtOnce(b *testing.B) {
	m := password.NewMill(password.Limits{Patience: time.Minute})
	stored, err := m.Hash(context.Background(), anyone)
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(200)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if ok, _, err := m.Verify(context.Background(), stored, anyone); !ok || err != nil {
				b.Error(ok, err)
				return
			}
		}
	})
}

func BenchmarkDummy(b *testing.B) {
	m := password.NewMill(password.Limits{})
	for b.Loop() {
		if err := m.Dummy(context.Background(), anyone); err != nil {
			b.Fatal(err)
		}
	}
}

// TestADummyDoesTheWorkOfAVerification compares what both allocate, which is
// the memory that Argon2id fills: time is the machine's, this is not.
func TestADummyDoesTheWorkOfAVerification(t *testing.T) {
	m, ctx := mill(), context.Background()
	stored, err := m.Hash(ctx, anyone)
	if err != nil {
		t.Fatal(err)
	}
	work := func(pw string, stored string) int64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if stored == "" {
			err = m.Dummy(ctx, secret.Of(pw))
		} else {
			_, _, err = m.Verify(ctx, stored, secret.Of(pw))
		}
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		return int64(after.TotalAlloc - before.TotalAlloc)
	}
	for name, pw := range map[string]string{
		"right": "correct horse battery", "wrong": "wrong horse battery", "empty": "", "control": "tab\there",
		"full width": "ｃｏｒｒｅｃｔ ｈｏｒｓｅ ｂａｔｔｅｒｙ", "too long": strings.Repeat("ａ", 2000), "no text": "\xff\xfe",
	} {
		t.Run("A047 "+name, func(t *testing.T) {
			known, unknown := work(pw, stored), work(pw, "")
			if d := known - unknown; d > known/100 || d < -known/100 || known < 19<<20 {
				t.Errorf("a known login costs %d bytes of work, an unknown one %d", known, unknown)
			}
		})
	}
}

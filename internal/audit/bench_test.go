package audit_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

var rowSchema = fstest.MapFS{"schema/202611229999_bench_row.sql": {Data: []byte(
	"CREATE TABLE bench_row (id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, text TEXT NOT NULL);",
)}}

// benchWrites measures durable writes of one row, with its record or without,
// by the given number of callers.
func benchWrites(b *testing.B, url string, callers int, quiet bool) {
	c := clock.System()
	s := housetest.Open(b, url, c, audit.Schema, rowSchema)
	l := audit.New(audit.Options{Store: s, Clock: c, Node: id.New[id.Node](c.Now()), Sealer: newGCM()})
	l.Start()
	ctx := store.Around(context.Background(), store.Circumstance{
		Request: "01hf3k8zq2m4v6x8y0a1b2c3d4", Source: "192.0.2.7", Trust: "peer",
		Session: "01hf3k8zq2m4v6x8y0a1b2c3d4", ACR: "2", AMR: []string{"pwd", "otp"},
	})
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	before, wrote := cpu(b), written(b)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				row := id.New[string](c.Now())
				err := s.House().Write(ctx, func(tx *store.Tx) store.End {
					if _, err := tx.Exec("INSERT INTO bench_row (id, at, text) VALUES ($1, $2, $3)", row, store.Micros(tx.Now()), "two hundred bytes or so of what a room would write into its own row"); err != nil {
						return store.Abort(err)
					}
					if quiet {
						return store.Quietly(store.QuietCount)
					}
					return store.Done(store.Event{
						Name: "bench.written", Org: "01hf3k8zq2m4v6x8y0a1b2c3d4", By: "person:01hf3k8zq2m4v6x8y0a1b2c3d4", Target: "row:" + row,
						Fields: map[string]string{"title": "a title of some length", "state": "written"},
					})
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	lag, _ := l.Lag(context.Background())
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/write")
	b.ReportMetric(float64(written(b)-wrote)/float64(b.N), "B/write")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(lag.Milliseconds()), "lag-ms")
	must(b, l.Stop(context.Background()))
}

// cpu is the processor time of this process: on a busy machine it says more
// than the clock.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// written is how many bytes this process has sent to the disk.
func written(t testing.TB) int64 {
	const block = 512
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Oublock * block
}

func BenchmarkWrites(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", housetest.SQLite}, {"postgres", housetest.Postgres}} {
		for _, quiet := range []bool{true, false} {
			kind := map[bool]string{true: "quiet", false: "audited"}[quiet]
			b.Run(engine.name+"/lone/"+kind, func(b *testing.B) { benchWrites(b, engine.url(b), 1, quiet) })
			b.Run(engine.name+"/group64/"+kind, func(b *testing.B) { benchWrites(b, engine.url(b), 64, quiet) })
		}
	}
}

// BenchmarkVerify verifies an export of a million records, made without a
// database.
func BenchmarkVerify(b *testing.B) {
	const records = 1_000_000
	file, key, err := audit.ExportOf(filepath.Join(b.TempDir(), "export"), records)
	must(b, err)
	before := cpu(b)
	for b.Loop() {
		in, err := os.Open(file)
		must(b, err)
		report, err := audit.Verify(context.Background(), in, audit.VerifyOptions{Key: key})
		must(b, err)
		must(b, in.Close())
		if report.Bodies != records {
			b.Fatalf("%+v", report)
		}
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/verify")
}

// BenchmarkSequencer gives records their place: what the sequencer costs by
// itself, while nobody writes.
func BenchmarkSequencer(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			h := open(b, url(b))
			const group, groups = 100, 200
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				for range groups {
					must(b, h.store.House().Write(background, func(*store.Tx) store.End {
						events := make([]store.Event, group)
						for i := range events {
							events[i] = store.Event{Name: []string{"session.begun", "refused", "member.added"}[i%3], Org: "kaede", By: aoi, Target: "note:1", Fields: map[string]string{"path": "p", "code": "c", "title": "a title of some length"}}
						}
						return store.Done(events[0], events[1:]...)
					}))
				}
				before := cpu(b)
				b.StartTimer()
				must(b, h.Integrate(background))
				spent += cpu(b) - before
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N*group*groups), "cpu-ns/record")
		})
	}
}

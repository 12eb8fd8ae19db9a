package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// BenchmarkDurable is a durable insert, alone and with 64 callers, beside its
// floor: a 4 KiB write with fsync.
func BenchmarkDurable(b *testing.B) {
	b.Run("floor", benchmarkSync)
	b.Run("sqlite", func(b *testing.B) { benchmarkInsert(b, housetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchmarkInsert(b, housetest.Postgres(b)) })
}

func benchmarkSync(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := file.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkInsert(b *testing.B, url string) {
	s, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas(), Conns: 64})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var n atomic.Int64
	write := func() {
		name := fmt.Sprintf("%026d", n.Add(1))
		err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			put(name, 1)(tx)
			return store.Quietly(store.QuietSeen)
		})
		if err != nil {
			b.Error(err)
		}
	}
	b.Run("lone", func(b *testing.B) {
		for b.Loop() {
			write()
		}
	})
	b.Run("64", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				write()
			}
		})
	})
}

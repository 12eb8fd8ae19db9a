package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// benchStore measures durable writes: the floor (4 KiB and fsync), a row alone
// and with its audit record, by one caller and by many, and how far the audit
// tree is behind under that load.
func benchStore(ctx context.Context, b *bench) error {
	floor, err := b.drive(1, b.syncPage())
	if err != nil {
		return err
	}
	b.add("4 KiB write + fsync", floor.rate, "1/s", "")
	if err := b.writes(ctx, "lone", 1); err != nil {
		return err
	}
	if err := b.writes(ctx, "grouped", b.callers); err != nil {
		return err
	}
	return b.reads(ctx)
}

func (b *bench) syncPage() func(int, int) error {
	page := make([]byte, 4096)
	file, err := os.Create(filepath.Join(b.data, "floor"))
	return func(int, int) error {
		if err != nil {
			return err
		}
		_, wrote := file.WriteAt(page, 0)
		return errors.Join(wrote, file.Sync())
	}
}

// writes compares a bare row with a row and its record.
func (b *bench) writes(ctx context.Context, how string, callers int) error {
	insert := func(end store.End) func(int, int) error {
		return func(int, int) error {
			return b.house.Store().Trial(ctx, "bench."+id.New[string](b.clock.Now()), end)
		}
	}
	bare, err := b.drive(callers, insert(store.Quietly(store.QuietSeen)))
	if err != nil {
		return err
	}
	stop := b.watchLag(ctx)
	audited, err := b.drive(callers, insert(store.Done(store.Event{
		Name: "bench.written", By: id.System("bench"), Target: "bench:1", Fields: map[string]string{"n": "1"},
	})))
	lag := stop()
	if err != nil {
		return err
	}
	b.add("row, "+how, bare.rate, "1/s", "4 KiB write + fsync")
	b.add("audited row, "+how, audited.rate, "1/s", "row, "+how)
	if how == "grouped" {
		b.add("audited row, grouped to lone", audited.rate, "1/s", "audited row, lone")
	}
	b.add("audited row, "+how+", p50", audited.at(.5), "ms", "")
	b.add("audited row, "+how+", p99", audited.at(.99), "ms", "")
	b.add("audit tree behind, "+how+", most", lag.Seconds(), "s", "")
	return nil
}

// watchLag looks ten times a second how far the tree is behind, and returns
// the most when it is stopped.
func (b *bench) watchLag(ctx context.Context) (stop func() time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	var most time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if lag, err := b.house.Lag(ctx); err == nil {
				most = max(most, lag)
			}
			select {
			case <-b.clock.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() time.Duration {
		cancel()
		wg.Wait()
		return most
	}
}

func (b *bench) reads(ctx context.Context) error {
	read, err := b.drive(1, func(int, int) error { return b.house.Store().TrialRead(ctx) })
	b.add("read of one row", read.rate, "1/s", "")
	return err
}

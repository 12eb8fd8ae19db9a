package seal

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// Topic is touched by every change of the ring.
const Topic = topic

// Key is a data key as an operator sees it: nothing of it is secret.
type Key struct {
	ID                       uint32
	State                    string // writes, reads, closing, destroyed
	Made, Retired, Destroyed time.Time
	Spent                    int64 // messages reserved to be sealed under it
}

// Wrapped says under which provider the root key stands, and since when.
type Wrapped struct {
	Kind  string // file, passphrase, age, recovery
	Since time.Time
}

// Keys are all keys with how far the house is on its way to the newest.
type Keys struct {
	Progress  Progress
	All       []Key // the newest first
	Wrapped   []Wrapped
	Recipient string   // age recipient of the recovery, "" for none
	Holders   []string // who keeps sealed values, in the order of the walk
}

// Keys reads all keys; it needs no open ring.
func (r *Ring) Keys(ctx context.Context) (k Keys, err error) {
	if k.Progress, err = r.Progress(ctx); err != nil {
		return k, err
	}
	k.Holders = r.names()
	err = r.options.Store.House().Read(ctx, func(v *store.View) error {
		ring, err := loadRing(v)
		if err != nil {
			return err
		}
		k.Recipient = ring.recipient
		rows, err := v.Query("SELECT id, state, spent, made_at, retired_at, destroyed_at FROM seal_key ORDER BY id DESC")
		k.All, err = store.Collect(rows, err, func(scan func(...any) error) (one Key, err error) {
			var made, retired, destroyed int64
			err = scan(&one.ID, &one.State, &one.Spent, &made, &retired, &destroyed)
			one.Made, one.Retired, one.Destroyed = store.FromMicros(made), store.FromMicros(retired), store.FromMicros(destroyed)
			return one, err
		})
		if err != nil {
			return err
		}
		rows, err = v.Query("SELECT kind, made_at FROM seal_wrapping ORDER BY kind, made_at")
		k.Wrapped, err = store.Collect(rows, err, func(scan func(...any) error) (w Wrapped, err error) {
			var made int64
			err = scan(&w.Kind, &made)
			w.Since = store.FromMicros(made)
			return w, err
		})
		return err
	})
	return k, err
}

// stuckScan bounds how many values a search for stuck ones looks at.
const stuckScan = 20_000

// Stuck names values that no key opens, at most so many: those that keep an old
// key alive. It reads the values themselves, so it is asked for when a walk
// has said that there are some.
func (r *Ring) Stuck(ctx context.Context, most int) (all []Place, err error) {
	seen := 0
	for _, name := range r.names() {
		for after := ""; seen < stuckScan && len(all) < most; {
			var cells []Cell
			err := r.options.Store.House().Read(ctx, func(v *store.View) (err error) {
				cells, err = r.holders[name].Next(v, after, 500)
				return err
			})
			if err != nil {
				return nil, err
			}
			if len(cells) == 0 {
				break
			}
			for _, cell := range cells {
				plain, err := r.Open(cell.Place, cell.Sealed)
				clear(plain)
				if f := fault.As(err); f != nil && f.Kind == fault.Broken {
					all = append(all, cell.Place)
				}
			}
			seen, after = seen+len(cells), cells[len(cells)-1].After
		}
	}
	return slices.Clip(all[:min(len(all), most)]), nil
}

package console

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// Topic is told to open pages when keys, effects or the state of the house have
// changed, as this node sees them.
const Topic = "state"

const (
	watchEvery = 10 * time.Second // how old what is seen may be
	watchPause = time.Second      // between two looks, however often it is woken
	// stepLeast is the least jump of a clock that is told: less than that is a
	// clock that is set right slowly, or a process that was held up.
	stepLeast  = 2 * time.Second
	backupMade = "backup.made"
)

// Watch looks how the house stands until ctx ends, for Alarms and for the pages
// that follow Topic, and says of this node that it is there.
func (r *Room) Watch(ctx context.Context) {
	effects, keys := r.store.Watch(job.Topic), r.store.Watch(seal.Topic)
	defer effects.Close()
	defer keys.Close()
	if r.store.Engine() == "sqlite" {
		r.note(ctx, "other nodes are not forgotten", r.alone(ctx))
	}
	w := &watch{drift: clock.NewDrift(r.clock), started: r.clock.Now()}
	w.host, _ = os.Hostname()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		r.note(ctx, "the state of the house could not be read", r.watch(ctx, w))
		if !pause(ctx, watchPause) {
			break
		}
		select {
		case <-tick.C:
		case <-effects.C:
		case <-keys.C:
		case <-ctx.Done():
		}
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	r.note(over, "this node stays in the list of nodes", r.leave(over))
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *Room) note(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		r.log.Warn(what, "err", err)
	}
}

// watch is what one look remembers for the next.
type watch struct {
	drift   *clock.Drift
	started time.Time
	host    string
	beaten  time.Time
	seen    seen
	told    string
}

// seen is what was measured and is not worth measuring for each page.
type seen struct {
	Read, Write time.Duration
	Clock       Steps
	Backup      Backup
}

func (r *Room) watch(ctx context.Context, w *watch) error {
	now := r.clock.Now()
	if step := w.drift.Step(); step.Abs() >= stepLeast {
		w.seen.Clock = Steps{N: w.seen.Clock.N + 1, Last: step, At: now}
	}
	began := r.clock.Mono()
	if err := r.store.House().Read(ctx, func(*store.View) error { return nil }); err != nil {
		return err
	}
	w.seen.Read = r.clock.Mono() - began
	if err := r.lastBackup(ctx, w); err != nil {
		return err
	}
	s, err := r.Look(ctx)
	if err != nil {
		return err
	}
	if w.beaten.IsZero() || now.Sub(w.beaten) >= watchEvery-watchPause || now.Before(w.beaten) {
		node := Node{
			ID: r.node, Host: w.host, Version: r.version, Schema: r.store.Newest(), Started: w.started,
			Lag: s.Lag, Ahead: s.Vitals.Ahead, Steps: w.seen.Clock.N, Alarms: s.alarms(now),
		}
		began = r.clock.Mono()
		if err := r.beat(ctx, node); err != nil {
			return err
		}
		w.seen.Write, w.beaten = r.clock.Mono()-began, now
	}
	measured := w.seen
	r.seen.Store(&measured)
	alarms := s.alarms(now)
	r.alarms.Store(&alarms)
	r.tell(w, s, now)
	return nil
}

// tell wakes the pages if something changed that they show.
func (r *Room) tell(w *watch, s State, now time.Time) {
	levels := map[string]string{}
	for _, line := range s.Lines(now) {
		levels[line.Name] = line.Case
	}
	shown, err := json.Marshal([]any{s.Keys, s.Effects, levels, len(s.Nodes)})
	if err != nil || string(shown) == w.told {
		return
	}
	w.told = string(shown)
	r.premises.Publish(Topic, now.UnixMicro())
}

// lastBackup looks for the last backup if there is a new one.
func (r *Room) lastBackup(ctx context.Context, w *watch) error {
	n, err := r.audit.Tallied(ctx, backupMade)
	if err != nil || n == w.seen.Backup.Made {
		return err
	}
	record, found, err := r.audit.Last(ctx, backupMade)
	w.seen.Backup = Backup{Made: n, Known: found, At: record.At, By: string(record.By)}
	return err
}

// Alarms are the keys of what an operator should look after, as it was some
// seconds ago. It reads memory alone.
func (r *Room) Alarms() []string {
	if alarms := r.alarms.Load(); alarms != nil {
		return *alarms
	}
	return nil
}

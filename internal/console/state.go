package console

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
)

// State is how the house stands.
type State struct {
	Engine  string
	Lag     time.Duration // how long the oldest record waits for its place in the log
	Signed  time.Duration // age of the newest checkpoint; 0 if there is none
	Beyond  int64         // records that no checkpoint covers yet
	Epoch   int64
	Outside []audit.OutsideState
	Keys    seal.Progress
	Effects []job.Count
}

// Look returns how the house stands.
func (r *Room) Look(ctx context.Context) (s State, err error) {
	s.Engine = r.store.Engine()
	if s.Lag, err = r.audit.Lag(ctx); err != nil {
		return s, err
	}
	if s.Signed, s.Beyond, err = r.audit.CheckpointAge(ctx); err != nil {
		return s, err
	}
	if s.Epoch, err = r.audit.Epoch(ctx); err != nil {
		return s, err
	}
	if s.Outside, err = r.audit.OutsideStates(ctx); err != nil {
		return s, err
	}
	if s.Keys, err = r.ring.Progress(ctx); err != nil {
		return s, err
	}
	s.Effects, err = job.Counts(ctx, r.store)
	return s, err
}

// alarms are the keys of what somebody should look after, the gravest first.
func (s State) alarms() (all []string) {
	say := func(yes bool, key string) {
		if yes {
			all = append(all, "console.trouble."+key)
		}
	}
	say(s.Lag > time.Second, "lag")
	say(slices.ContainsFunc(s.Outside, func(o audit.OutsideState) bool { return o.Error != "" }), "outside")
	say(s.Keys.Phase == "stuck", "keys")
	say(slices.ContainsFunc(s.Effects, func(c job.Count) bool { return c.State == "parked" }), "parked")
	return all
}

// watchEvery is how old an alarm on other pages than the state's may be.
const watchEvery = 10 * time.Second

// Watch looks how the house stands until ctx ends, for Alarms.
func (r *Room) Watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if s, err := r.Look(ctx); err == nil {
			alarms := s.alarms()
			r.alarms.Store(&alarms)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Alarms are the keys of what an operator should look after, as it was some
// seconds ago. It reads memory alone.
func (r *Room) Alarms() []string {
	if alarms := r.alarms.Load(); alarms != nil {
		return *alarms
	}
	return nil
}

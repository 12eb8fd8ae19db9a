package house

import (
	"context"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// scrapeMost bounds how long a scrape waits for the database.
const scrapeMost = 2 * time.Second

// gauges are the figures of the house itself that an operator alarms on; each
// is read when it is scraped, and is -1 when it cannot be read.
func (h *House) gauges() {
	gauge := func(name, help string, read func(context.Context) (float64, error)) {
		h.meter.Gauge(name, help, func() float64 {
			ctx, cancel := context.WithTimeout(h.ctx, scrapeMost)
			defer cancel()
			value, err := read(ctx)
			if err != nil {
				return -1
			}
			return value
		})
	}
	gauge("sealed", "1 while the keys are away.", func(context.Context) (float64, error) {
		if h.ring.State() == seal.Opened {
			return 0, nil
		}
		return 1, nil
	})
	for _, reason := range store.Reasons() {
		gauge("quiet_writes_"+strings.ReplaceAll(reason.String(), "-", "_"), "Writes of this process that need no witness: "+reason.String()+".",
			func(context.Context) (float64, error) { return float64(h.store.QuietCounts()[reason.String()]), nil })
	}
	gauge("writes_tried_again", "Tries more that writes of this process took because PostgreSQL could not serialise them with others.",
		func(context.Context) (float64, error) { again, _ := h.store.Strife(); return float64(again), nil })
	gauge("writes_given_up", "Writes of this process that could not be serialised in time: somebody was told that the house is busy.",
		func(context.Context) (float64, error) { _, busy := h.store.Strife(); return float64(busy), nil })
	gauge("effect_targets_away", "Outside systems that this process has stopped calling for a while.", h.targetsAway)
	gauge("audit_lag_seconds", "How long the oldest record waits for its place in the log; more than 1 is an alarm.",
		func(ctx context.Context) (float64, error) {
			lag, err := h.audit.Lag(ctx)
			return lag.Seconds(), err
		})
	gauge("audit_uncovered_records", "Records that no signed checkpoint covers.", func(ctx context.Context) (float64, error) {
		_, beyond, err := h.audit.CheckpointAge(ctx)
		return float64(beyond), err
	})
	gauge("audit_outside_behind_records", "Records that the place outside that is furthest behind does not cover.", h.outsideBehind)
	gauge("effects_oldest_seconds", "Age of the oldest effect that is not done.", h.oldestEffect)
	gauge("effects_parked", "Effects that wait for an operator.", h.parkedEffects)
}

func (h *House) targetsAway(context.Context) (away float64, err error) {
	for _, standing := range h.desk.Standings() {
		if standing.Open {
			away++
		}
	}
	return away, nil
}

func (h *House) outsideBehind(ctx context.Context) (most float64, err error) {
	states, err := h.audit.OutsideStates(ctx)
	for _, state := range states {
		most = max(most, float64(state.Behind))
	}
	return most, err
}

func (h *House) oldestEffect(ctx context.Context) (age float64, err error) {
	counts, err := job.Counts(ctx, h.store)
	for _, c := range counts {
		age = max(age, h.options.Clock.Now().Sub(c.Oldest).Seconds())
	}
	return age, err
}

func (h *House) parkedEffects(ctx context.Context) (parked float64, err error) {
	counts, err := job.Counts(ctx, h.store)
	for _, c := range counts {
		if c.State == job.Parked {
			parked += float64(c.Number)
		}
	}
	return parked, err
}

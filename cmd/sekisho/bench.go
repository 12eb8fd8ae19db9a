package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
)

// figure is one measured number beside a floor that was measured in the same
// run on the same machine, so that a noisy machine cannot flatter it.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Floor string  `json:"floor,omitempty"` // name of the figure that ratio compares with
	Ratio float64 `json:"ratio,omitempty"` // value to the floor's value
}

// bench is one set of figures.
type bench struct {
	house    *house.House
	data     string
	duration time.Duration // of each figure
	callers  int
	clock    clock.Clock
	figures  []figure
}

// benches are the sets, by name.
var benches = map[string]func(context.Context, *bench) error{"store": benchStore, "web": benchWeb, "signin": benchSignIn}

func newBench(t *terminal) *cobra.Command {
	var duration time.Duration
	var callers int
	var database string
	cmd := &cobra.Command{
		Use: "bench [NAME]", Short: t.say("cmd.bench"), Args: cobra.MaximumNArgs(1),
		ValidArgs: []string{"store", "web", "signin"},
		RunE: func(cmd *cobra.Command, args []string) error {
			names := []string{"store", "web", "signin"}
			if len(args) == 1 {
				if benches[args[0]] == nil {
					return usage{errors.New(t.say("cmd.bench.unknown", "name", args[0], "known", strings.Join(names, ", ")))}
				}
				names = args
			}
			figures, err := t.bench(cmd.Context(), names, duration, callers, database)
			if err != nil {
				return err
			}
			return t.result(cmd, figures, func() string { return table(figures) })
		},
	}
	cmd.Flags().DurationVar(&duration, "duration", 3*time.Second, t.say("cmd.bench.duration"))
	cmd.Flags().IntVar(&callers, "callers", 64, t.say("cmd.bench.callers"))
	cmd.Flags().StringVar(&database, "database", "", t.say("cmd.bench.database"))
	t.output(cmd)
	return cmd
}

// bench measures on a house of its own, thrown away at the end. An empty
// PostgreSQL database can be given; the tables stay in it.
func (t *terminal) bench(ctx context.Context, names []string, d time.Duration, callers int, database string) (_ []figure, err error) {
	data, err := os.MkdirTemp("", "sekisho-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	config, err := house.LoadConfig("", nil)
	if err != nil {
		return nil, err
	}
	config.Data, config.Listen, config.Unseal.File = data, "localhost:0", filepath.Join(data, "unseal.key")
	config.Database = secret.Of("sqlite:" + filepath.Join(data, "house.db"))
	if database != "" {
		u, err := url.Parse(database)
		if err != nil {
			return nil, usage{errors.New(t.say("cmd.bench.database.wrong"))}
		}
		if err := t.passwordless(u); err != nil {
			return nil, err
		}
		config.Database = secret.Of(database)
	}
	config.Log.Level = "error"
	b := &bench{data: data, duration: d, callers: callers, clock: clock.System()}
	if err := b.open(ctx, config); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.house.Stop(ctx)) }()
	for _, name := range names {
		if err := benches[name](ctx, b); err != nil {
			return nil, err
		}
	}
	return b.figures, nil
}

func (b *bench) open(ctx context.Context, config house.Config) (err error) {
	b.house, err = house.New(ctx, house.Options{Config: config, Clock: b.clock, Log: logger(config.Log, os.Stderr), Demo: true, Rates: map[string]web.Rate{}})
	if err != nil {
		return err
	}
	if err := b.house.Start(ctx); err != nil {
		return errors.Join(err, b.house.Stop(ctx))
	}
	return nil
}

// add notes a figure; floor names an earlier one to compare it with.
func (b *bench) add(name string, value float64, unit, floor string) {
	f := figure{Name: name, Value: value, Unit: unit, Floor: floor}
	for _, other := range b.figures {
		if floor != "" && other.Name == floor && other.Value != 0 {
			f.Ratio = value / other.Value
		}
	}
	b.figures = append(b.figures, f)
}

// load is what many callers measured of one thing.
type load struct {
	rate  float64 // a second
	times []time.Duration
}

// at returns the given quantile in milliseconds.
func (l load) at(q float64) float64 {
	if len(l.times) == 0 {
		return 0
	}
	return float64(l.times[min(int(q*float64(len(l.times))), len(l.times)-1)]) / float64(time.Millisecond)
}

// drive calls f from several goroutines for as long as a figure takes.
func (b *bench) drive(callers int, f func(caller, n int) error) (load, error) {
	var wg sync.WaitGroup
	times := make([][]time.Duration, callers)
	errs := make([]error, callers)
	begun := b.clock.Mono()
	for caller := range callers {
		wg.Go(func() {
			for n := 0; b.clock.Mono()-begun < b.duration; n++ {
				at := b.clock.Mono()
				if err := f(caller, n); err != nil {
					errs[caller] = err
					return
				}
				times[caller] = append(times[caller], b.clock.Mono()-at)
			}
		})
	}
	wg.Wait()
	took := (b.clock.Mono() - begun).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	return load{rate: float64(len(all)) / took, times: all}, errors.Join(errs...)
}

func table(figures []figure) string {
	var b strings.Builder
	for _, f := range figures {
		fmt.Fprintf(&b, "%-34s %12.4g %-6s", f.Name, f.Value, f.Unit)
		if f.Ratio != 0 {
			fmt.Fprintf(&b, " %8.3g × %s", f.Ratio, f.Floor)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

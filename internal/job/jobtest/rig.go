package jobtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/store"
)

// Rig is one run.
type Rig struct {
	// URL of an empty database.
	URL string
	// Recovery of the worker.
	Recovery Recovery
	// Effects is how many are decided and done.
	Effects int
	// Kills is how often the worker is killed at least: the decisions are
	// spread over as many lives.
	Kills int
	// Worker is the command whose main calls Work when Working; nil is this
	// program.
	Worker []string
	// Stderr of the workers; nil drops it.
	Stderr io.Writer
}

// Run starts workers and kills them until all is done, and counts.
func (r Rig) Run(ctx context.Context) (Figures, error) {
	c := clock.System()
	figures := Figures{Recovery: r.Recovery, Effects: r.Effects}
	// The database is made before the first life, so that no life is spent on it.
	s, _, err := open(ctx, r.URL, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return figures, err
	}
	figures.Engine = s.Engine()
	if err := s.Close(); err != nil {
		return figures, err
	}
	out := newOutside()
	var kills atomic.Int64
	out.allow = func() int {
		if int(kills.Load()) >= r.Kills {
			return r.Effects
		}
		return r.Effects * (int(kills.Load()) + 1) / (r.Kills + 1)
	}
	server, address, err := serve(out)
	if err != nil {
		return figures, err
	}
	defer server.Close() //nolint:errcheck // it ends with us
	begun := c.Mono()
	if err := r.lives(ctx, c, address, &kills); err != nil {
		return figures, err
	}
	figures.Took, figures.Kills = c.Mono()-begun, int(kills.Load())
	if err := clock.Sleep(ctx, c, 200*time.Millisecond); err != nil {
		return figures, err
	}
	return figures, r.count(ctx, c, out, &figures)
}

func serve(out *outside) (*http.Server, string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server := &http.Server{Handler: out.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go server.Serve(listener) //nolint:errcheck // ends by Close
	return server, "http://" + listener.Addr().String(), nil
}

// lives runs one worker after the other until one ends by itself. The next
// always stands by, so that it takes over at once.
func (r Rig) lives(ctx context.Context, c clock.Clock, address string, kills *atomic.Int64) error {
	text, err := json.Marshal(order{URL: r.URL, Outside: address, Recovery: r.Recovery, Effects: r.Effects})
	if err != nil {
		return err
	}
	spawn := func() (*Life, error) { return Spawn(ctx, r.Worker, r.Stderr, orderKey+"="+string(text)) }
	next, err := spawn()
	for err == nil {
		now := next
		if err = now.Begin(); err != nil {
			return err
		}
		if next, err = spawn(); err != nil {
			return err
		}
		select {
		case end := <-now.Ended:
			return errors.Join(end, next.Dismiss())
		case <-c.After(r.slack(kills) * Between(100*time.Millisecond, 400*time.Millisecond)):
			if end := now.Kill(); end == nil { // it had just ended
				return next.Dismiss()
			}
			kills.Add(1)
		}
		err = ctx.Err()
	}
	return err
}

// slack lengthens the lives once there were twice the kills that were asked for:
// on a busy machine a life would otherwise end before it has done anything, and
// the same effects would be claimed until they are given up.
func (r Rig) slack(kills *atomic.Int64) time.Duration {
	return time.Duration(1 + int(kills.Load())/(2*max(r.Kills, 1)))
}

// count compares what the outside saw with what the database says.
func (r Rig) count(ctx context.Context, c clock.Clock, out *outside, f *Figures) error {
	s, log, err := open(ctx, r.URL, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	ends, err := verified(ctx, log)
	if err != nil {
		return errors.Join(fmt.Errorf("the log is not whole: %w", err), s.Close())
	}
	err = s.House().Read(ctx, func(v *store.View) error { return out.judge(v, ends, f) })
	return errors.Join(err, s.Close())
}

// chain is one decision with all that should have followed.
type chain struct {
	marker, line, driver        string
	state                       string
	seq                         int
	decided, released, reclaims int
	ends                        int
	tries                       int
}

// chains joins from both sides, so that neither half can be missing unseen.
const chains = `SELECT e.id, e.driver, e.line, e.seq, e.state, e.fence_no,
	(SELECT count(*) FROM rig_decision d WHERE d.effect = e.id),
	(SELECT COALESCE(sum(d.released), 0) FROM rig_decision d WHERE d.effect = e.id),
	(SELECT COALESCE(sum(d.reclaimed), 0) FROM rig_decision d WHERE d.effect = e.id)
	FROM job_effect e ORDER BY e.driver, e.line, e.seq`

func (o *outside) judge(v *store.View, ends map[string]int, f *Figures) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	rows, err := v.Query(chains)
	all, err := store.Collect(rows, err, func(scan func(...any) error) (c chain, err error) {
		err = scan(&c.marker, &c.driver, &c.line, &c.seq, &c.state, &c.tries, &c.decided, &c.released, &c.reclaims)
		c.ends = ends["effect:"+c.marker]
		return c, err
	})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	lines := map[string][]string{}
	for _, c := range all {
		known[c.marker] = true
		o.judgeOne(c, f)
		if c.line != "" {
			lines[c.driver+"/"+c.line] = append(lines[c.driver+"/"+c.line], c.marker)
		}
	}
	for marker := range o.acked {
		if !known[marker] {
			f.Forgotten++
		}
	}
	f.Half += max(f.Effects-len(all), 0)
	f.Disorder = o.disorder(lines)
	return nil
}

func (o *outside) judgeOne(c chain, f *Figures) {
	if o.landed[c.marker] == 0 {
		f.Lost++
	}
	if o.landed[c.marker] > 1 {
		f.Doubled++
	}
	if o.calls[c.marker] > 1 {
		f.Twice++
	}
	if c.state == "parked" {
		f.Parked++
	}
	if c.ends != 1 {
		f.Unwritten++
	}
	if c.decided != 1 || c.released != 1 || c.reclaims != 1 {
		f.Half++
	}
	if c.tries > 1 {
		f.Reclaimed++
	}
}

// disorder counts effects that landed at another place of their ticket than the
// one at which they were decided.
func (o *outside) disorder(lines map[string][]string) (n int) {
	for line, markers := range lines {
		landed := o.order[line]
		for i, marker := range markers {
			if i >= len(landed) || landed[i] != marker {
				n++
			}
		}
	}
	return n
}

package jobtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// order is what the parent tells a worker, as JSON in the environment.
type order struct {
	URL      string
	Outside  string
	Recovery Recovery
	Effects  int
}

const orderKey = "SEKISHO_JOB_RIG"

// Working reports whether this process was started as a worker: then its main
// calls Work and nothing else.
func Working() bool { return os.Getenv(orderKey) != "" }

// Work is the worker. It returns the exit code: 0 once everything is done.
func Work() int {
	var o order
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	err := json.Unmarshal([]byte(os.Getenv(orderKey)), &o)
	if err == nil {
		err = newWorker(o, log).run(context.Background())
	}
	if err != nil {
		log.Error("the worker failed", "err", err)
		return 1
	}
	return 0
}

type worker struct {
	order
	log   *slog.Logger
	clock clock.Clock
	http  *http.Client
	store *store.Store
}

func newWorker(o order, log *slog.Logger) *worker {
	return &worker{order: o, log: log, clock: clock.System(), http: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 128},
	}}
}

func schemas() []fs.FS { return []fs.FS{audit.Schema, job.Schema, Schema} }

// run waits, with the database open, until the one before it is dead: what
// takes over must be quicker than an effect that is still on its way.
func (w *worker) run(ctx context.Context) (err error) {
	var log *audit.Log
	if w.store, log, err = open(ctx, w.URL, w.clock, w.log); err != nil {
		return err
	}
	if !StandBy() {
		return w.store.Close() // not needed any more
	}
	if err := Naive(ctx, w.store, w.Recovery); err != nil {
		return err
	}
	log.Start()
	desk := job.New(job.Options{
		Store: w.store, Clock: w.clock, Log: w.log, Poll: 50 * time.Millisecond,
		Skew:    time.Microsecond, // one machine
		Backoff: func(try int) time.Duration { return Between(0, min(10*time.Millisecond<<min(try, 5), time.Second)) },
	})
	for _, kind := range kinds {
		if err := desk.Register(w.driver(kind)); err != nil {
			return err
		}
	}
	if err := errors.Join(desk.Handle("reclaim", w.reclaim), desk.Start()); err != nil {
		return err
	}
	if err := w.decideAll(ctx); err != nil {
		return err
	}
	for !w.over(ctx) {
		if err := clock.Sleep(ctx, w.clock, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return desk.Stop(ctx) // the log is left as a crash leaves it: whoever counts takes over
}

// Naive is what the desk never does: believe that a call whose caller died is
// over. It is done before a desk starts, and nothing for Fenced.
func Naive(ctx context.Context, s *store.Store, r Recovery) error {
	probe, known := map[Recovery]int{Retry: 0, Probe: 1}[r]
	if !known {
		return nil
	}
	return s.House().Write(ctx, func(tx *store.Tx) store.End {
		if _, err := tx.Exec("UPDATE job_effect SET state = 'intended', probe = $1 WHERE state = 'inflight'", probe); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// deciders is how many decide at once, each resting up to paceMost in between.
const (
	deciders = 8
	paceMost = 50 * time.Millisecond
)

func (w *worker) decideAll(ctx context.Context) error {
	there, err := w.decided(ctx)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	failed := make([]error, deciders)
	for i := range deciders {
		all.Go(func() {
			for n := i; n < w.Effects && failed[i] == nil; n += deciders {
				if !there[n] {
					failed[i] = w.decide(ctx, n)
				}
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

func (w *worker) decided(ctx context.Context) (map[int]bool, error) {
	there := map[int]bool{}
	return there, w.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT n FROM rig_decision")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (n int, err error) {
			err = scan(&n)
			there[n] = true
			return n, err
		})
		return err
	})
}

// decide writes decision n and its effect in one write, and tells the parent
// once it is durable.
func (w *worker) decide(ctx context.Context, n int) error {
	// Spread over the life, so that a kill always hits effects on their way.
	if err := clock.Sleep(ctx, w.clock, Between(0, paceMost)); err != nil {
		return err
	}
	for {
		allowed, err := w.call(ctx, http.MethodGet, "/allow", "", "")
		if err != nil {
			return err
		}
		if most, err := strconv.Atoi(allowed); err != nil || n < most {
			break
		}
		if err := clock.Sleep(ctx, w.clock, 20*time.Millisecond); err != nil {
			return err
		}
	}
	effect := job.Effect{
		ID: id.New[id.Effect](w.clock.Now()), Driver: kindOf(n), Target: "only", By: id.System("rig"),
		Payload: json.RawMessage(fmt.Sprintf(`{"ticket":%q}`, ticketOf(n))),
	}
	if effect.Driver != idempotent {
		effect.Line = ticketOf(n)
	}
	err := w.store.House().Write(ctx, func(tx *store.Tx) store.End {
		fresh, err := tx.Exec(`INSERT INTO rig_decision (n, effect, released, reclaimed) VALUES ($1, $2, 0, 0)
			ON CONFLICT (n) DO NOTHING`, n, string(effect.ID))
		if err == nil && fresh == 0 {
			err = errDecided
		}
		if err == nil {
			err = job.Intend(tx, effect)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "rig.decided", By: effect.By, Target: "effect:" + effect.Marker()})
	})
	if errors.Is(err, errDecided) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = w.call(ctx, http.MethodPost, "/ack", effect.Marker(), "")
	return err
}

// errDecided: PostgreSQL committed the last write of the life before after its
// process was gone.
var errDecided = errors.New("decided already")

// driver of a kind. An effect lands within landMost of its call; the rest of
// the fence is for a machine that is busy with the rig itself.
func (w *worker) driver(kind string) job.Driver {
	d := job.Driver{
		Name: kind, Timeout: 150 * time.Millisecond, Fence: 450 * time.Millisecond, Concurrency: 24,
		Do: func(ctx context.Context, e job.Effect) (json.RawMessage, error) {
			ticket, err := ticketIn(e)
			if err != nil {
				return nil, &job.Refusal{Code: "rig-payload", Final: true, Err: err}
			}
			_, err = w.call(ctx, http.MethodPost, "/"+kind+"/"+ticket, e.Marker(), "Approved. [sekisho:"+e.Marker()+"]")
			return nil, err
		},
		Then: w.release,
	}
	switch kind {
	case idempotent:
		d.IdempotentBy = "Marker"
	case field:
		d.Probe = w.probeField
	case comment:
		d.Probe = w.probeComments
	}
	return d
}

func ticketIn(e job.Effect) (string, error) {
	var payload struct{ Ticket string }
	err := json.Unmarshal(e.Payload, &payload)
	return payload.Ticket, err
}

func (w *worker) probeField(ctx context.Context, e job.Effect) (bool, error) {
	ticket, err := ticketIn(e)
	if err != nil {
		return false, err
	}
	_, err = w.call(ctx, http.MethodGet, "/field/"+ticket+"/"+e.Marker(), "", "")
	if errors.Is(err, errNotThere) {
		return false, nil
	}
	return err == nil, err
}

func (w *worker) probeComments(ctx context.Context, e job.Effect) (bool, error) {
	ticket, err := ticketIn(e)
	if err != nil {
		return false, err
	}
	text, err := w.call(ctx, http.MethodGet, "/comment/"+ticket, "", "")
	return strings.Contains(text, "[sekisho:"+e.Marker()+"]"), err
}

var errNotThere = errors.New("not there")

func (w *worker) call(ctx context.Context, method, path, marker, body string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.Outside+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Marker", marker)
	answer, err := w.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return "", err
	case answer.StatusCode == http.StatusServiceUnavailable:
		return "", &job.Away{Err: errors.New(answer.Status)}
	case answer.StatusCode == http.StatusNotFound:
		return "", errNotThere
	case answer.StatusCode != http.StatusOK:
		return "", errors.New(answer.Status)
	}
	return string(text), nil
}

// release follows from the proven write-back, and sets when the thing is taken
// back.
func (w *worker) release(tx *store.Tx, e job.Effect, _ json.RawMessage) ([]store.Event, error) {
	if _, err := tx.Exec("UPDATE rig_decision SET released = released + 1 WHERE effect = $1", string(e.ID)); err != nil {
		return nil, err
	}
	return nil, job.At(tx, job.Timer{
		ID: job.TimerID(e.ID), Kind: "reclaim", At: tx.Now().Add(50 * time.Millisecond),
		Payload: json.RawMessage(`{"effect":"` + e.Marker() + `"}`),
	})
}

func (w *worker) reclaim(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	return func(tx *store.Tx) store.End {
		if _, err := tx.Exec("UPDATE rig_decision SET reclaimed = reclaimed + 1 WHERE effect = $1", string(t.ID)); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "rig.reclaimed", By: id.System("rig"), Target: "effect:" + string(t.ID)})
	}, nil
}

// over reports whether nothing is under way any more.
func (w *worker) over(ctx context.Context) bool {
	var open, waiting int
	err := w.store.House().Read(ctx, func(v *store.View) error {
		return errors.Join(
			v.Row("SELECT count(*) FROM job_effect WHERE ended_at = 0 AND state <> 'parked' AND NOT (state = 'intended' AND waits = 1)").Scan(&open),
			v.Row("SELECT count(*) FROM job_timer WHERE state = 'waiting'").Scan(&waiting))
	})
	return err == nil && open+waiting == 0
}

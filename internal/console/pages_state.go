package console

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/web"
)

const statePath = "/admin"

func (r *Room) statePages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: statePath, Permission: Operate}, r.showState)
}

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

func (r *Room) showState(v *web.Visit) error {
	s, err := r.Look(v.Context())
	if err != nil {
		return err
	}
	page := ui.State{
		Engine: engines[s.Engine], Lagging: s.Lag > time.Second, Lag: lagOf(v, s.Lag),
		Beyond: s.Beyond, Signed: s.Signed > 0, SignedAt: r.clock.Now().Add(-s.Signed), Epoch: s.Epoch,
		KeyPhase: s.Keys.Phase, Key: int(s.Keys.Writes), OldKeys: len(s.Keys.Old), Moved: s.Keys.Moved,
	}
	for _, o := range s.Outside {
		page.Outside = append(page.Outside, ui.Outside{Name: o.Name, At: o.PushedAt, Behind: o.Behind, Error: o.Error})
	}
	for _, c := range s.Effects {
		page.Effects = append(page.Effects, ui.Effect{
			Target: c.Driver + " " + c.Target, State: string(c.State), Number: c.Number, Oldest: c.Oldest,
		})
	}
	page.Troubles = troubles(v, s)
	return v.Show(v.Say("console.state"), ui.ShowState(page))
}

// engines are the databases by the names that people know.
var engines = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

func lagOf(v *web.Visit, lag time.Duration) string {
	if lag == 0 {
		return v.Say("console.state.lag.none")
	}
	return v.Say("console.state.lag.ms", "ms", lag.Milliseconds())
}

// troubles says what somebody should look after, the gravest first.
func troubles(v *web.Visit, s State) (all []string) {
	say := func(yes bool, key string) {
		if yes {
			all = append(all, v.Say("console.trouble."+key))
		}
	}
	say(s.Lag > time.Second, "lag")
	say(slices.ContainsFunc(s.Outside, func(o audit.OutsideState) bool { return o.Error != "" }), "outside")
	say(s.Keys.Phase == "stuck", "keys")
	say(slices.ContainsFunc(s.Effects, func(c job.Count) bool { return c.State == "parked" }), "parked")
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

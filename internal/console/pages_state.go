package console

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// StatePath is the page of how the house stands.
const StatePath = "/admin/state"

func (r *Room) statePages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: HomePath, Permission: web.SignedIn}, r.showFirst)
	m.Page(web.Route{Method: http.MethodGet, Path: StatePath, Permission: Operate}, r.showState)
}

// showFirst leads to the console as far as the reader may see it.
func (r *Room) showFirst(v *web.Visit) error {
	first, err := r.guide.First(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	return v.See(first)
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
	for _, key := range s.alarms() {
		all = append(all, v.Say(key))
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

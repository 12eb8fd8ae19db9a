package review

import (
	"context"
	"slices"
	"sync"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/store"
)

// scope is what conditions of campaigns speak about:
//
//	member   login, name, groups and roles (names), manager (login), on_call
//	grant    kind, target (KIND:NAME or KIND:ID), title, lent, days (since it is
//	         held, of what is lent; else 0)
//	now      the time
var scope = sync.OnceValues(func() (*rule.Scope, error) {
	thing := cel.MapType(cel.StringType, cel.DynType)
	return rule.NewScope(rule.Limits{Budget: 100 * time.Millisecond}, rule.Var{Name: "member", Type: thing}, rule.Var{Name: "grant", Type: thing},
		rule.Var{Name: "now", Type: cel.TimestampType})
})

func compiled(when string) (*rule.Set, error) {
	s, err := scope()
	if err != nil {
		return nil, err
	}
	return s.Compile(rule.Condition{Name: "when", When: when})
}

func compiles(bad *fault.Checks, when string) {
	_, err := compiled(when)
	if f := fault.As(err); f != nil {
		for _, field := range f.Fields {
			bad.Add("when", field.Code, field.Args.Pairs()...)
		}
	}
}

// judged leaves out grants that the campaign is not about; set is its condition,
// nil for none. What cannot be judged is looked at: a condition that fails lets
// nothing escape.
func (r *Room) judged(v *store.View, on request.Rotas, c Campaign, set *rule.Set, i Item) (bool, error) {
	if len(c.Targets) > 0 && !slices.Contains(c.Targets, i.Kind+":"+i.Target) {
		return false, nil
	}
	if set == nil {
		return true, nil
	}
	member, err := r.Hall.PersonFacts(v, i.Org, i.Person, on)
	if err != nil {
		return false, err
	}
	days := 0.0
	if !i.Since.IsZero() {
		days = v.Now().Sub(i.Since).Hours() / 24
	}
	grant := map[string]any{"kind": i.Kind, "target": i.Kind + ":" + i.name, "title": i.Title, "lent": i.Lease != "", "days": days}
	result := set.Eval(context.Background(), map[string]any{"member": member, "grant": grant, "now": v.Now()})
	return result.Holds() || result.Results[0].Outcome == rule.Failed, nil
}

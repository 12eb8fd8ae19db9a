package request

import (
	"maps"
	"strconv"
	"sync"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/store"
)

// scope is what conditions of policies speak about:
//
//	ask          kind, target (its name), title, reason, hours (0: until given
//	             back), starts_in (hours), extends, price (a number, 0 without
//	             one), currency, attributes (texts by name), ticket (its number)
//	requester    login, name, groups and roles (names), manager (login), on_call
//	             (names of rotas)
//	beneficiary  the same of who would get it
//	now          the time: now.getHours("Asia/Tokyo")
var scope = sync.OnceValues(func() (*rule.Scope, error) {
	thing := cel.MapType(cel.StringType, cel.DynType)
	return rule.NewScope(rule.Limits{Budget: 100 * time.Millisecond},
		rule.Var{Name: "ask", Type: thing}, rule.Var{Name: "requester", Type: thing}, rule.Var{Name: "beneficiary", Type: thing},
		rule.Var{Name: "now", Type: cel.TimestampType})
})

// programs keeps conditions compiled, by their text.
var programs struct {
	sync.Mutex
	known map[string]*rule.Set
}

// programsMost bounds the memory; it is emptied when it is full.
const programsMost = 1000

// compiled compiles a condition, or returns rule-invalid.
func compiled(when string) (*rule.Set, error) {
	programs.Lock()
	set := programs.known[when]
	programs.Unlock()
	if set != nil {
		return set, nil
	}
	s, err := scope()
	if err != nil {
		return nil, err
	}
	if set, err = s.Compile(rule.Condition{Name: "when", When: when}); err != nil {
		return nil, err
	}
	programs.Lock()
	defer programs.Unlock()
	if programs.known == nil || len(programs.known) >= programsMost {
		programs.known = map[string]*rule.Set{}
	}
	programs.known[when] = set
	return set, nil
}

// facts are the values that conditions about an ask read.
func (h *Hall) facts(v *store.View, a Ask, t Target, on rotas) (map[string]any, error) {
	requester, err := h.person(v, a.Org, a.Person, on)
	if err != nil {
		return nil, err
	}
	beneficiary := requester
	if a.For != a.Person {
		if beneficiary, err = h.person(v, a.Org, a.For, on); err != nil {
			return nil, err
		}
	}
	return map[string]any{"ask": askFacts(a, t, v.Now()), "requester": requester, "beneficiary": beneficiary, "now": v.Now()}, nil
}

// askFacts is what conditions know of an ask.
func askFacts(a Ask, t Target, now time.Time) map[string]any {
	price, err := strconv.ParseFloat(t.Price.Amount, 64)
	if err != nil {
		price = 0
	}
	attributes := map[string]string{}
	maps.Copy(attributes, t.Attributes)
	ask := map[string]any{
		"kind": a.Kind, "target": t.Name, "title": t.Title, "reason": a.Reason, "hours": a.Length.Hours(), "starts_in": 0.0, "extends": a.Extends != "",
		"price": price, "currency": t.Price.Currency, "attributes": attributes, "ticket": a.Ticket.Number,
	}
	if ahead := a.From.Sub(now); !a.From.IsZero() && ahead > 0 {
		ask["starts_in"] = ahead.Hours()
	}
	return ask
}

// person is what conditions know of somebody.
func (h *Hall) person(v *store.View, in id.Org, who id.Person, on rotas) (map[string]any, error) {
	m, err := org.MemberIn(v, in, who)
	if fault.As(err) != nil {
		m, err = org.Member{}, nil // acts below, or left since
	}
	if err != nil {
		return nil, err
	}
	groups, err := org.GroupsWith(v, in, who)
	if err != nil {
		return nil, err
	}
	people, err := org.PeopleByID(v, []id.Person{who, m.Manager})
	if err != nil {
		return nil, err
	}
	roles, err := h.Register.RolesIn(v.Org(in), in)
	names := map[id.Role]string{}
	for _, r := range roles {
		names[r.ID] = r.Name
	}
	inGroups, inRoles := []string{}, []string{}
	for _, g := range groups {
		inGroups = append(inGroups, g.Name)
	}
	for _, r := range m.Roles {
		inRoles = append(inRoles, names[r])
	}
	return map[string]any{
		"login": people[who].Login, "name": people[who].DisplayName, "groups": inGroups, "roles": inRoles, "manager": people[m.Manager].Login, "on_call": on.of(who),
	}, err
}

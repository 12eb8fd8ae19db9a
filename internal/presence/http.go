package presence

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// CardPolicyContent is what a policy says.
type CardPolicyContent struct {
	Name    string   `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
	Kinds   []string `json:"kinds,omitempty" doc:"outside, ask, app; every kind if empty"`
	Systems []string `json:"systems,omitempty" doc:"Identifiers of outside systems; all if empty"`
	When    string   `json:"when,omitempty" doc:"A condition in CEL over card and now; where it fails the policy applies"`
	Level   string   `json:"level,omitempty" enum:",aal1,aal2,passkey" doc:"What a session must have shown; left out: however they signed in"`
	Within  int64    `json:"within,omitempty" minimum:"0" doc:"Seconds that the proof may be old; 0: as old as the session"`
	Urgent  bool     `json:"urgent,omitempty" doc:"These cards may disturb quiet hours"`
}

// CardPolicy is a policy as the API returns it.
type CardPolicy struct {
	ID string `json:"id" doc:"Identifier of the policy"`
	CardPolicyContent
	Version int64 `json:"version" doc:"Send it back with a change"`
}

type (
	orgInput struct {
		Org string `path:"org" doc:"Identifier of the organization"`
	}
	oneInput struct {
		Org    string `path:"org" doc:"Identifier of the organization"`
		Policy string `path:"card_policy" doc:"Identifier of the policy"`
	}
	newInput struct {
		Org  string `path:"org" doc:"Identifier of the organization"`
		Body CardPolicyContent
	}
	changeInput struct {
		Org    string `path:"org" doc:"Identifier of the organization"`
		Policy string `path:"card_policy" doc:"Identifier of the policy"`
		Body   struct {
			CardPolicyContent
			Version int64 `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
	// CardPolicyList are the policies of an organization.
	CardPolicyList struct {
		Items []CardPolicy `json:"items" doc:"By name"`
	}
	listOutput struct{ Body CardPolicyList }
	oneOutput  struct{ Body CardPolicy }
	nothing    struct{}
)

//go:embed examples.json
var examples []byte

// API registers the operations for programs.
func (k *Desk) API(m *web.Mux) {
	m.Examples(examples)
	route := web.Route{Permission: Permission, Target: "org"}
	fresh := route
	fresh.Fresh = web.Recent
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/organizations/{org}/card-policies" + path, OperationID: name, Summary: summary, Tags: []string{"card-policies"}}
	}
	web.API(m, route, op(http.MethodGet, "", "list-card-policies", "How surely cards of an organization are decided"), k.apiList)
	web.API(m, route, op(http.MethodGet, "/{card_policy}", "get-card-policy", "One policy"), k.apiOne)
	create := op(http.MethodPost, "", "add-card-policy", "Say how surely some cards are decided")
	create.DefaultStatus = http.StatusCreated
	web.API(m, fresh, create, k.apiAdd)
	web.API(m, fresh, web.MayWait(op(http.MethodPut, "/{card_policy}", "change-card-policy", "Change a policy; it counts for the next decision")), k.apiChange)
	web.API(m, fresh, web.MayWait(op(http.MethodDelete, "/{card_policy}", "delete-card-policy", "Delete a policy")), k.apiDrop)
}

func bodyOf(p Policy) CardPolicy {
	b := CardPolicy{ID: p.ID, Version: p.Version, CardPolicyContent: CardPolicyContent{
		Name: p.Name, Kinds: p.Kinds, When: p.When, Level: p.Level, Within: int64(p.Within / time.Second), Urgent: p.Urgent,
	}}
	for _, which := range p.Systems {
		b.Systems = append(b.Systems, string(which))
	}
	return b
}

func (c CardPolicyContent) policy(in string) Policy {
	p := Policy{Org: id.Org(in), Name: c.Name, Spec: Spec{
		Kinds: c.Kinds, When: c.When, Level: c.Level, Within: time.Duration(c.Within) * time.Second, Urgent: c.Urgent,
	}}
	for _, which := range c.Systems {
		p.Systems = append(p.Systems, id.Connector(which))
	}
	return p
}

func (k *Desk) apiList(ctx context.Context, in *orgInput) (*listOutput, error) {
	all, err := k.Policies(ctx, id.Org(in.Org))
	out := &listOutput{CardPolicyList{Items: []CardPolicy{}}}
	for _, p := range all {
		out.Body.Items = append(out.Body.Items, bodyOf(p))
	}
	return out, err
}

func (k *Desk) apiOne(ctx context.Context, in *oneInput) (*oneOutput, error) {
	p, err := k.Policy(ctx, id.Org(in.Org), in.Policy)
	return &oneOutput{bodyOf(p)}, err
}

func (k *Desk) apiAdd(ctx context.Context, in *newInput) (*oneOutput, error) {
	p, err := k.Put(ctx, web.ActorOf(ctx).Principal, in.Body.policy(in.Org))
	return &oneOutput{bodyOf(p)}, err
}

func (k *Desk) apiChange(ctx context.Context, in *changeInput) (*oneOutput, error) {
	if _, err := k.Policy(ctx, id.Org(in.Org), in.Policy); err != nil {
		return nil, err
	}
	p := in.Body.policy(in.Org)
	p.ID, p.Version = in.Policy, max(in.Body.Version, 1)
	p, err := k.Put(ctx, web.ActorOf(ctx).Principal, p)
	return &oneOutput{bodyOf(p)}, err
}

func (k *Desk) apiDrop(ctx context.Context, in *oneInput) (*nothing, error) {
	return &nothing{}, k.Drop(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Policy)
}

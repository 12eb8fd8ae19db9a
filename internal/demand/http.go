package demand

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// PolicyBody is a sign-in policy as the API says it.
type PolicyBody struct {
	Name     string          `json:"name" doc:"Unique in the organization"`
	Require  []factor.Method `json:"require,omitempty" doc:"passkey, password, totp, mail; all of them, and a passkey stands for all"`
	Roles    []id.Role       `json:"roles,omitempty" doc:"Only for who has one of them"`
	Groups   []id.Group      `json:"groups,omitempty" doc:"Only for who is in one of them"`
	Idle     int64           `json:"idle,omitempty" minimum:"0" doc:"Seconds without a request that end a session; 0 is the default"`
	Absolute int64           `json:"absolute,omitempty" minimum:"0" doc:"Seconds that a session lasts at most; 0 is the default"`
	Passkeys *PolicyKey      `json:"passkeys,omitempty" doc:"What new passkeys must be"`
}

// PolicyKey is what a policy asks of new passkeys.
type PolicyKey struct {
	Attestation bool     `json:"attestation,omitempty" doc:"The model must prove itself"`
	Allow       []string `json:"allow,omitempty" doc:"AAGUIDs; all others are refused"`
	Deny        []string `json:"deny,omitempty" doc:"AAGUIDs that are refused"`
}

// PolicyResource is a policy as the API returns it.
type PolicyResource struct {
	ID string `json:"id"`
	PolicyBody
	Version int64 `json:"version" doc:"Send it back with a change"`
}

type (
	policyListInput struct {
		Org string `path:"org"`
	}
	policyListOutput struct {
		Body struct {
			Items []PolicyResource `json:"items"`
		}
	}
	policyInput struct {
		Org    string `path:"org"`
		Policy string `path:"policy"`
	}
	policyNewInput struct {
		Org  string `path:"org"`
		Body PolicyBody
	}
	policyChangeInput struct {
		Org    string `path:"org"`
		Policy string `path:"policy"`
		Body   struct {
			PolicyBody
			Version int64 `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
	policyOutput struct{ Body PolicyResource }
	nothing      struct{}
)

func (r *Rules) api(m *web.Mux) {
	route := web.Route{Permission: Manage, Target: "org"}
	fresh := route
	fresh.Fresh = web.Recent
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/organizations/{org}/sign-in-policies" + path, OperationID: name, Summary: summary, Tags: []string{"sign-in"}}
	}
	web.API(m, route, op(http.MethodGet, "", "list-sign-in-policies", "What the organization asks of people who sign in"), r.listPolicies)
	web.API(m, route, op(http.MethodGet, "/{policy}", "get-sign-in-policy", "One policy"), r.onePolicy)
	create := op(http.MethodPost, "", "add-sign-in-policy", "Add a policy")
	create.DefaultStatus = http.StatusCreated
	web.API(m, fresh, web.Foreseeing(create), r.addPolicy)
	web.API(m, fresh, web.MayWait(web.Foreseeing(op(http.MethodPut, "/{policy}", "change-sign-in-policy", "Change a policy"))), r.changePolicy)
	web.API(m, fresh, web.MayWait(web.Foreseeing(op(http.MethodDelete, "/{policy}", "delete-sign-in-policy", "Delete a policy"))), r.removePolicy)
}

func resource(p SignInPolicy) PolicyResource {
	body := PolicyBody{
		Name: p.Name, Require: p.Require, Roles: p.Roles, Groups: p.Groups,
		Idle: int64(p.Idle / time.Second), Absolute: int64(p.Absolute / time.Second),
	}
	if p.Wish.Attestation || len(p.Wish.Allow)+len(p.Wish.Deny) > 0 {
		body.Passkeys = &PolicyKey{p.Wish.Attestation, p.Wish.Allow, p.Wish.Deny}
	}
	return PolicyResource{ID: p.ID, PolicyBody: body, Version: p.Version}
}

func (b PolicyBody) policy(org string) SignInPolicy {
	p := SignInPolicy{
		Org: id.Org(org), Name: b.Name, Require: b.Require, Roles: b.Roles, Groups: b.Groups,
		Idle: time.Duration(b.Idle) * time.Second, Absolute: time.Duration(b.Absolute) * time.Second,
	}
	if b.Passkeys != nil {
		p.Wish = factor.PasskeyWish{Attestation: b.Passkeys.Attestation, Allow: b.Passkeys.Allow, Deny: b.Passkeys.Deny}
	}
	return p
}

func (r *Rules) listPolicies(ctx context.Context, in *policyListInput) (*policyListOutput, error) {
	all, err := r.Policies(ctx, id.Org(in.Org))
	out := &policyListOutput{}
	out.Body.Items = []PolicyResource{}
	for _, p := range all {
		out.Body.Items = append(out.Body.Items, resource(p))
	}
	return out, err
}

func (r *Rules) onePolicy(ctx context.Context, in *policyInput) (*policyOutput, error) {
	p, err := r.Policy(ctx, id.Org(in.Org), in.Policy)
	return &policyOutput{resource(p)}, err
}

func (r *Rules) addPolicy(ctx context.Context, in *policyNewInput) (*policyOutput, error) {
	p := in.Body.policy(in.Org)
	web.Foresees(ctx, func(v *web.Visit) ([]string, error) { return r.foreseePolicy(v, p, false) })
	p, err := r.PutPolicy(ctx, web.ActorOf(ctx).Principal, p)
	return &policyOutput{resource(p)}, err
}

func (r *Rules) changePolicy(ctx context.Context, in *policyChangeInput) (*policyOutput, error) {
	if _, err := r.Policy(ctx, id.Org(in.Org), in.Policy); err != nil {
		return nil, err
	}
	p := in.Body.policy(in.Org)
	p.ID, p.Version = in.Policy, in.Body.Version
	web.Foresees(ctx, func(v *web.Visit) ([]string, error) { return r.foreseePolicy(v, p, false) })
	p, err := r.PutPolicy(ctx, web.ActorOf(ctx).Principal, p)
	return &policyOutput{resource(p)}, err
}

func (r *Rules) removePolicy(ctx context.Context, in *policyInput) (*nothing, error) {
	web.Foresees(ctx, func(v *web.Visit) ([]string, error) {
		return r.foreseePolicy(v, SignInPolicy{Org: id.Org(in.Org), ID: in.Policy}, true)
	})
	return &nothing{}, r.DropPolicy(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Policy)
}

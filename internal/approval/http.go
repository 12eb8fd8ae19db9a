package approval

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

// LeaseBody is something that is out.
type LeaseBody struct {
	ID      string     `json:"id"`
	Org     string     `json:"org"`
	Holder  string     `json:"holder" doc:"Id of the person who holds it"`
	Kind    string     `json:"kind" doc:"group, role, …"`
	Target  string     `json:"target" doc:"Id of what is out"`
	Title   string     `json:"title"`
	Ask     string     `json:"ask,omitempty" doc:"Id of the ask that it came from"`
	State   string     `json:"state" enum:"out,taking,back"`
	Since   time.Time  `json:"since" doc:"When it was let out"`
	Until   *time.Time `json:"until,omitempty" doc:"When it is taken back; missing: when somebody ends it"`
	Why     string     `json:"why,omitempty" enum:"expired,returned,revoked,reviewed" doc:"Why it ended"`
	Trouble string     `json:"trouble,omitempty" doc:"Code of what keeps it from being taken back"`
}

func leaseBody(l lease.Lease) LeaseBody {
	return LeaseBody{
		ID: string(l.ID), Org: string(l.Org), Holder: string(l.Person), Kind: l.Kind, Target: l.Target, Title: l.Title, Ask: string(l.Ask),
		State: string(l.State), Since: l.Since, Until: orNever(l.Until), Why: string(l.Why), Trouble: l.Trouble,
	}
}

type (
	leasesInput struct {
		Org    string `path:"org"`
		Person string `query:"person" doc:"Id of the person who holds it"`
		Over   bool   `query:"over" doc:"What is back, too"`
		paged
	}
	heldIn struct {
		Lease string `path:"lease"`
	}
	leaseIn struct {
		Org   string `path:"org"`
		Lease string `path:"lease"`
	}
)

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	asks{r.hall, r.Options}.api(m)
	r.leaseAPI(m)
	r.policyAPI(m)
}

func (r *Room) leaseAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/leases", "leases"
	web.API(m, web.Route{Permission: web.SignedIn}, presentOp(http.MethodGet, "/me/leases", "list-own-leases", "What I hold, what ends first at the front", "leases"), r.apiHeld)
	web.API(m, web.Route{Permission: lease.Read, Target: "org"}, operation(http.MethodGet, path, "list-leases", "What is out in an organization, the newest first", tag), r.apiLeases)
	web.API(m, web.Route{Permission: web.SignedIn}, presentOp(http.MethodPost, "/me/leases/{lease}/give-back", "give-back-lease", "Give back what I hold", "leases"), r.apiGiveBack)
	web.API(m, web.Route{Permission: lease.Revoke, Target: "org"}, operation(http.MethodPost, path+"/{lease}/revoke", "revoke-lease", "Take back at once what somebody holds", tag), r.apiRevoke)
}

func (r *Room) apiHeld(ctx context.Context, _ *nothing) (*items[LeaseBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.hall.Ledger.Of(ctx, who)
	return listed(all, "", leaseBody), err
}

func (r *Room) apiLeases(ctx context.Context, in *leasesInput) (*items[LeaseBody], error) {
	all, next, err := r.hall.Ledger.In(ctx, id.Org(in.Org), lease.Query{Person: id.Person(in.Person), Over: in.Over, Cursor: id.Lease(in.Cursor), Limit: in.Limit})
	return listed(all, string(next), leaseBody), err
}

func (r *Room) apiGiveBack(ctx context.Context, in *heldIn) (*one[LeaseBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	held, err := r.hall.Ledger.Of(ctx, who)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(held, func(l lease.Lease) bool { return l.ID == id.Lease(in.Lease) })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "lease-unknown")
	}
	l, err := r.hall.GiveBack(ctx, who, held[i].Org, held[i].ID)
	return &one[LeaseBody]{leaseBody(l)}, err
}

func (r *Room) apiRevoke(ctx context.Context, in *leaseIn) (*one[LeaseBody], error) {
	l, err := r.hall.Revoke(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), id.Lease(in.Lease))
	return &one[LeaseBody]{leaseBody(l)}, err
}

type panelBody struct {
	Approvers []string `json:"approvers" doc:"person:ID, group:ID, role:ID, on-call:NAME, manager or owner"`
	Need      int      `json:"need,omitempty" minimum:"0" doc:"How many of them approve; 1 if 0"`
}

type stageSpec struct {
	Title  string      `json:"title,omitempty"`
	Groups []panelBody `json:"groups" doc:"All of them decide, or with any one of them"`
	Any    bool        `json:"any,omitempty" doc:"One group is enough; otherwise each decides, by people of its own"`
	Refuse int         `json:"refuse,omitempty" minimum:"0" doc:"How many refusals end it; 1 if 0"`
}

type ruleBody struct {
	Name   string `json:"name" doc:"Shown wherever it decided"`
	When   string `json:"when" doc:"A condition in CEL over ask, requester, beneficiary and now"`
	Refuse bool   `json:"refuse,omitempty" doc:"It refuses; otherwise it approves"`
}

// PolicyContent is what a policy says. Times are seconds.
type PolicyContent struct {
	Name          string      `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
	Place         int         `json:"place,omitempty" doc:"Lower ones are asked first; the first that applies decides"`
	Kinds         []string    `json:"kinds,omitempty" doc:"Of what can be asked for; every kind if empty"`
	Targets       []string    `json:"targets,omitempty" doc:"KIND:ID; all of the kinds if empty"`
	When          string      `json:"when,omitempty" doc:"A condition in CEL over ask, requester, beneficiary and now"`
	Stages        []stageSpec `json:"stages,omitempty" doc:"Decided one after the other"`
	Fallback      []string    `json:"fallback,omitempty" doc:"Approvers where nobody of a group can decide"`
	Rules         []ruleBody  `json:"rules,omitempty" doc:"That decide in place of people; refusing ones first"`
	Expires       int64       `json:"expires,omitempty" doc:"How long the question waits; 72 hours if 0"`
	MaxDuration   int64       `json:"max_duration,omitempty" doc:"How long it may be out; 8 hours if 0"`
	UsualDuration int64       `json:"usual_duration,omitempty" doc:"How long is proposed"`
	Endless       bool        `json:"endless,omitempty" doc:"It may be out until it is given back"`
	Ahead         int64       `json:"ahead,omitempty" doc:"How far ahead the start may lie; 30 days if 0"`
	NoReason      bool        `json:"no_reason,omitempty" doc:"Nobody needs to say why"`
	Reminders     []int64     `json:"reminders,omitempty" doc:"After a stage opened"`
	EscalateAfter int64       `json:"escalate_after,omitempty" doc:"How long a stage waits before further people are asked"`
	EscalateTo    []string    `json:"escalate_to,omitempty" doc:"Approvers who are asked, too, when a stage waited for so long"`
	BreakGlass    int64       `json:"break_glass,omitempty" doc:"For how long it may be taken before anybody decides; 0: not at all"`
}

// PolicyBody is a policy as the API returns it.
type PolicyBody struct {
	ID string `json:"id"`
	PolicyContent
	Version int64 `json:"version" doc:"Send it back with a change"`
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func texts(all []request.Approver) (some []string) {
	for _, a := range all {
		some = append(some, string(a))
	}
	return some
}

func approversOf(all []string) (some []request.Approver) {
	for _, a := range all {
		some = append(some, request.Approver(a))
	}
	return some
}

func policyBody(p request.ApprovalPolicy) PolicyBody {
	b := PolicyBody{ID: p.ID, Version: p.Version, PolicyContent: PolicyContent{
		Name: p.Name, Place: p.Place, Kinds: p.Kinds, Targets: p.Targets, When: p.When, Fallback: texts(p.Fallback), Expires: seconds(p.Expires),
		MaxDuration: seconds(p.Most), UsualDuration: seconds(p.Usual), Endless: p.Endless, Ahead: seconds(p.Ahead), NoReason: p.NoReason,
		EscalateAfter: seconds(p.Escalate.After), EscalateTo: texts(p.Escalate.To), BreakGlass: seconds(p.Glass),
	}}
	for _, s := range p.Stages {
		one := stageSpec{Title: s.Title, Any: s.Any, Refuse: s.Refuse, Groups: []panelBody{}}
		for _, g := range s.Groups {
			one.Groups = append(one.Groups, panelBody{texts(g.Approvers), g.Need})
		}
		b.Stages = append(b.Stages, one)
	}
	for _, r := range p.Rules {
		b.Rules = append(b.Rules, ruleBody(r))
	}
	for _, d := range p.Reminders {
		b.Reminders = append(b.Reminders, seconds(d))
	}
	return b
}

func (c PolicyContent) policy(in id.Org) request.ApprovalPolicy {
	p := request.ApprovalPolicy{Org: in, Name: c.Name, Place: c.Place, Spec: request.Spec{
		Kinds: c.Kinds, Targets: c.Targets, When: c.When, Fallback: approversOf(c.Fallback), Expires: span(c.Expires), Most: span(c.MaxDuration),
		Usual: span(c.UsualDuration), Endless: c.Endless, Ahead: span(c.Ahead), NoReason: c.NoReason, Glass: span(c.BreakGlass),
		Escalate: request.Escalation{After: span(c.EscalateAfter), To: approversOf(c.EscalateTo)},
	}}
	for _, s := range c.Stages {
		one := request.Stage{Title: s.Title, Any: s.Any, Refuse: s.Refuse}
		for _, g := range s.Groups {
			one.Groups = append(one.Groups, request.Panel{Approvers: approversOf(g.Approvers), Need: g.Need})
		}
		p.Stages = append(p.Stages, one)
	}
	for _, r := range c.Rules {
		p.Rules = append(p.Rules, request.Rule(r))
	}
	for _, d := range c.Reminders {
		p.Reminders = append(p.Reminders, span(d))
	}
	return p
}

func span(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

// DelegationBody is a delegation as the API returns it.
type DelegationBody struct {
	ID     string    `json:"id"`
	Org    string    `json:"org"`
	From   string    `json:"from" doc:"Id of the person whose place it is"`
	To     string    `json:"to" doc:"Id of the person who decides in it"`
	Starts time.Time `json:"starts" doc:"When it begins to count"`
	Ends   time.Time `json:"ends" doc:"When it is over, exclusive"`
	Kinds  []string  `json:"kinds" doc:"Of what is asked for; every kind if empty"`
	Reason string    `json:"reason" doc:"Plain text"`
}

func delegationBody(d request.Delegation) DelegationBody {
	b := DelegationBody{ID: d.ID, Org: string(d.Org), From: string(d.From), To: string(d.To), Starts: d.Starts, Ends: d.Ends, Kinds: []string{}, Reason: d.Reason}
	b.Kinds = append(b.Kinds, d.Kinds...)
	return b
}

type (
	policyIn struct {
		Org    string `path:"org"`
		Policy string `path:"approval"`
	}
	newPolicyInput struct {
		Org  string `path:"org"`
		Body PolicyContent
	}
	changePolicyInput struct {
		Org    string `path:"org"`
		Policy string `path:"approval"`
		Body   struct {
			PolicyContent
			Version int64 `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
	delegateInput struct {
		Body struct {
			Org    string    `json:"org" doc:"Id of an organization that you belong to"`
			From   string    `json:"from,omitempty" doc:"Id of the person whose place it is; you if empty. For others you need request.policy"`
			To     string    `json:"to" doc:"Id of the person who decides in it"`
			Starts time.Time `json:"starts" doc:"When it begins to count"`
			Ends   time.Time `json:"ends" doc:"Exclusive, at most a year later"`
			Kinds  []string  `json:"kinds,omitempty" doc:"Of what is asked for; every kind if empty"`
			Reason string    `json:"reason,omitempty" doc:"Plain text, at most 1000 characters"`
		}
	}
	delegationIn struct {
		Delegation string `path:"delegation"`
	}
)

func (r *Room) policyAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/approval-policies", "approval-policies"
	writes := web.Route{Permission: request.Policy, Target: "org"}
	create := operation(http.MethodPost, path, "add-approval-policy", "Say who decides about what", tag)
	create.DefaultStatus = http.StatusCreated
	web.API(m, writes, operation(http.MethodGet, path, "list-approval-policies", "Policies, in the order in which they are asked", tag), r.apiPolicies)
	web.API(m, writes, web.MayWait(create), r.apiAddPolicy)
	web.API(m, writes, operation(http.MethodGet, path+"/{approval}", "get-approval-policy", "One policy", tag), r.apiPolicy)
	web.API(m, writes, web.MayWait(operation(http.MethodPut, path+"/{approval}", "change-approval-policy", "Change a policy", tag)), r.apiChangePolicy)
	web.API(m, writes, web.MayWait(operation(http.MethodDelete, path+"/{approval}", "delete-approval-policy", "Delete a policy; what only it offered cannot be asked for any more", tag)), r.apiDropPolicy)
	const handed, signed = "/organizations/{org}/delegations", web.SignedIn
	made := presentOp(http.MethodPost, "/me/delegations", "delegate", "Let somebody decide in my place for a time", "delegations")
	made.DefaultStatus = http.StatusCreated
	web.API(m, writes, operation(http.MethodGet, handed, "list-delegations", "Delegations of an organization that are not over", "delegations"), r.apiDelegations)
	web.API(m, web.Route{Permission: signed}, presentOp(http.MethodGet, "/me/delegations", "list-own-delegations", "What I handed over", "delegations"), r.apiOwnDelegations)
	web.API(m, web.Route{Permission: signed}, web.MayWait(made), r.apiDelegate)
	web.API(m, web.Route{Permission: signed}, presentOp(http.MethodDelete, "/me/delegations/{delegation}", "end-delegation", "Take a delegation back", "delegations"), r.apiEndDelegation)
}

func (r *Room) apiPolicies(ctx context.Context, in *inOrg) (*items[PolicyBody], error) {
	all, err := r.hall.Policies(ctx, id.Org(in.Org))
	return listed(all, "", policyBody), err
}

func (r *Room) apiPolicy(ctx context.Context, in *policyIn) (*one[PolicyBody], error) {
	p, err := r.hall.GetPolicy(ctx, id.Org(in.Org), in.Policy)
	return &one[PolicyBody]{policyBody(p)}, err
}

func (r *Room) apiAddPolicy(ctx context.Context, in *newPolicyInput) (*one[PolicyBody], error) {
	p, err := r.hall.PutPolicy(ctx, web.ActorOf(ctx).Principal, in.Body.policy(id.Org(in.Org)))
	return &one[PolicyBody]{policyBody(p)}, err
}

func (r *Room) apiChangePolicy(ctx context.Context, in *changePolicyInput) (*one[PolicyBody], error) {
	p := in.Body.policy(id.Org(in.Org))
	p.ID, p.Version = in.Policy, max(in.Body.Version, 1)
	p, err := r.hall.PutPolicy(ctx, web.ActorOf(ctx).Principal, p)
	return &one[PolicyBody]{policyBody(p)}, err
}

func (r *Room) apiDropPolicy(ctx context.Context, in *policyIn) (*nothing, error) {
	return &nothing{}, r.hall.EndPolicy(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Policy)
}

func (r *Room) apiDelegations(ctx context.Context, in *inOrg) (*items[DelegationBody], error) {
	all, err := r.hall.Delegations(ctx, id.Org(in.Org))
	return listed(all, "", delegationBody), err
}

func (r *Room) apiOwnDelegations(ctx context.Context, _ *nothing) (*items[DelegationBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.hall.DelegationsOf(ctx, who)
	return listed(all, "", delegationBody), err
}

func (r *Room) apiDelegate(ctx context.Context, in *delegateInput) (*one[DelegationBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	d := request.Delegation{Org: id.Org(in.Body.Org), From: id.Person(in.Body.From), To: id.Person(in.Body.To), Starts: in.Body.Starts, Ends: in.Body.Ends, Kinds: in.Body.Kinds, Reason: in.Body.Reason}
	if d.From == "" {
		d.From = who
	}
	d, err = r.hall.Delegate(ctx, id.OfPerson(who), d)
	return &one[DelegationBody]{delegationBody(d)}, err
}

func (r *Room) apiEndDelegation(ctx context.Context, in *delegationIn) (*nothing, error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, err := r.hall.DelegationsOf(ctx, who)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(d request.Delegation) bool { return d.ID == in.Delegation })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "delegation-unknown")
	}
	return &nothing{}, r.hall.EndDelegation(ctx, id.OfPerson(who), all[i].Org, in.Delegation)
}
